"""What an agent CLI sends is sent first: two turns, taken apart down to the part only where they do not pass."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from faulty_endpoint import KEY, MODEL, Laid, serving, sound

from cab_check.base.progress import Quiet
from cab_check.chat.edits.formats import FORMATS
from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.checks import checks_of
from cab_check.handshake.drive import ask_all, first_contact
from cab_check.handshake.estimate import estimate
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake, TuiVerdict
from cab_check.handshake.seen import Seen
from cab_check.handshake.surfaces import Form
from cab_check.handshake.tuis import replay_chat
from cab_check.handshake.tuis.replay_api import surface_of
from cab_check.handshake.wording import stands_in_for_bytes
from cab_check.tuis.loader import profiles
from cab_check.tuis.profile import Profile
from cab_check.wire import har
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Recording
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.secret import Secret

CLIS = {name: one for name, one in profiles().items() if name != "generic"}
MOST = 12
PATIENT = WireLimits(connect_s=5.0, headers_s=20.0, idle_s=10.0, total_s=30.0, after_done_s=1.0)


async def _asked(base: str, names: str) -> tuple[Recording, Plan]:
    address = read_address(base)
    access = Access(key=Secret(KEY), key_source="--key")
    facts = await gather(address, access, model=MODEL, profile=names, nonce_seed="seed")
    plan = Plan(model=MODEL, nonce_seed="seed", profile=names)
    async with Client(address, access, facts=facts, limits=PATIENT) as client:
        await first_contact(client, plan)
        await ask_all(client, plan, Quiet())
        return client.recording, plan


def recorded(laid: Laid, names: str) -> tuple[Recording, Plan]:
    with serving(laid) as server:
        return asyncio.run(_asked(f"http://127.0.0.1:{server.port}/v1", names))


def judged(laid: Laid, names: str) -> Handshake:
    return judge(*recorded(laid, names))


def row(found: Handshake, name: str) -> TuiVerdict:
    return next(row for row in found.tuis if row.tui == name)


def check(found: Handshake, name: str) -> Any:
    return next(check for check in found.checks if check.id == f"tui-{name}")


@pytest.mark.parametrize("name", CLIS)
def test_a_sound_endpoint_passes_what_a_cli_sends_in_few_requests(name: str) -> None:
    recording, plan = recorded(sound, name)
    found = judge(recording, plan)
    formats = CLIS[name].edit_formats
    word = "works" if not formats or set(formats) & FORMATS.keys() else "unknown"  # its form of edits is not tried
    assert (check(found, name).status, found.verdict, row(found, name).verdict) == ("pass", "works", word)
    assert len(recording.exchanges) <= MOST
    assert found.exit_code == 0


@pytest.mark.parametrize("name", CLIS)
def test_the_first_request_has_the_measured_shape(name: str) -> None:
    recording, _ = recorded(sound, name)
    one = CLIS[name]
    first = next(e for e in recording.exchanges if stands_in_for_bytes(e.sent.body) == name)
    body = first.sent.json
    assert set(one.request.params) <= set(body)
    assert (body.get("stream") is True) == one.request.stream
    assert [tool.get("type", "anthropic") for tool in body.get("tools", ())] == tool_types(one)
    assert 0.75 * one.request.body_bytes <= len(first.sent.body) <= 1.25 * one.request.body_bytes + 600
    limit = one.request.output_limit
    assert limit is None or body[limit.field] == limit.tokens
    if one.wire == "chat":
        assert [message["role"] for message in body["messages"]] == [message.role for message in one.request.head]


def tool_types(one: Profile) -> list[str]:
    tools = one.request.tools
    if tools is None:
        return []
    usual = "anthropic" if one.wire == "messages" else "function"
    others = [kind for kind, count in tools.types.items() if kind != "function" for _ in range(count)]
    return [usual] * (tools.count - len(others)) + others


REFUSED = [
    # CLI, the fault, what is found and named
    ("opencode", "param-rejected-stream_options", "param-rejected", "stream_options"),
    ("pi", "param-rejected-store", "param-rejected", "store"),
    ("pi", "param-rejected-max_completion_tokens", "param-rejected", "max_completion_tokens"),
    ("aider", "param-rejected-temperature", "param-rejected", "temperature"),
    ("copilot", "param-rejected-top_p", "param-rejected", "top_p"),
    ("openhands", "param-rejected-reasoning_effort", "param-rejected", "reasoning_effort"),
    ("smolagents", "param-rejected-stop", "param-rejected", "stop"),
    ("gptme", "role-rejected-many-systems", "role-rejected", "many-systems"),
    ("gptme", "role-order-rejected-late-system", "role-rejected", "many-systems"),
    ("kimi", "content-form-rejected-empty-list", "content-form-rejected", "empty-list"),
    ("kimi", "content-form-rejected-parts", "content-form-rejected", "parts"),
    ("qwen", "content-form-rejected-tool-parts", "content-form-rejected", "tool-parts"),
    ("cline", "content-form-rejected-null", "content-form-rejected", "null"),
    ("vibe", "content-form-rejected-missing", "content-form-rejected", "missing"),
    ("hermes", "content-form-rejected-empty", "content-form-rejected", "empty"),
    ("hermes", "message-field-rejected-name", "message-field-rejected", "name"),
    ("copilot", "message-field-rejected-refusal", "message-field-rejected", "refusal"),
    ("cline", "tool-schema-rejected-anyOf", "tool-schema-rejected", "anyOf"),
    ("opencode", "output-limit-refused", "output-limit-refused", None),
    ("opencode", "context-counts-output", "context-counts-output", None),
    ("qwen", "tools-rejected", "tools-rejected", None),
    ("opencode", "tool-parser-disabled", "tool-parser-disabled", None),
    ("codex", "responses-api-missing", "responses-api-missing", None),
    ("claude", "messages-api-missing", "messages-api-missing", None),
]


@pytest.mark.parametrize(("name", "laid", "code", "subject"), REFUSED, ids=lambda value: str(value))
def test_what_is_refused_of_a_cli_is_named(name: str, laid: str, code: str, subject: str | None) -> None:
    found = judged(FAULTS[laid], name)
    named = [finding for finding in found.findings if finding.severity != "info"]
    assert named, found.headline
    assert named[0].code == code
    assert subject is None or (named[0].subject or "").split("=")[0] == subject
    assert (found.verdict, found.exit_code) == ("blocked", 3)
    assert row(found, name).verdict == "blocked"
    assert named[0].key in row(found, name).because


UNTOUCHED = [
    # CLI, a fault that it does not meet
    ("aider", "tool-parser-disabled"),
    ("aider", "tool-call-as-text"),
    ("aider", "content-form-rejected-null"),
    ("opencode", "param-rejected-store"),
    ("opencode", "content-form-rejected-null"),
    ("opencode", "responses-api-missing"),
    ("pi", "role-rejected-many-systems"),
    ("codex", "param-rejected-stream_options"),
    ("claude", "content-form-rejected-tool-parts"),
    ("openhands", "stream-tool-index"),
    ("openhands", "stream-not-streamed"),
    ("mini-swe-agent", "param-rejected-temperature"),
    ("opencode", "role-order-rejected-late-system"),
]


@pytest.mark.parametrize(("name", "laid"), UNTOUCHED, ids=lambda value: str(value))
def test_what_a_cli_never_sends_is_nothing_to_it(name: str, laid: str) -> None:
    found = judged(FAULTS[laid], name)
    assert (row(found, name).verdict, found.exit_code) == ("works", 0), found.headline


@pytest.mark.parametrize(
    ("name", "laid", "word"),
    [
        ("copilot", "stream-not-streamed", "works"),  # it reads the JSON
        ("opencode", "stream-not-streamed", "blocked"),  # it asks again without end
        ("pi", "stream-tool-index-one-chunk", "works"),
        ("vibe", "stream-tool-index", "blocked"),
        ("opencode", "finish-reason-wrong", "works"),
        ("cline", "tool-arguments-invalid-json", "blocked"),  # it repairs them and runs the tool
        ("codex", "stream-not-streamed", "works"),  # chat completions are nothing to it
    ],
)
def test_a_verdict_is_what_the_cli_was_seen_to_do(name: str, laid: str, word: str) -> None:
    found = judged(FAULTS[laid], name)
    assert row(found, name).verdict == word, row(found, name)


def test_several_clis_are_each_judged_and_the_worst_decides() -> None:
    found = judged(FAULTS["tool-parser-disabled"], "opencode,aider")
    assert [row.tui for row in found.tuis[:2]] == ["opencode", "aider"]
    assert [row.verdict for row in found.tuis[:2]] == ["blocked", "works"]
    assert (found.verdict, found.exit_code, found.for_) == ("blocked", 3, ("opencode", "aider"))


def test_after_a_pass_the_other_clis_are_not_said_to_work() -> None:
    found = judged(sound, "pi")
    assert row(found, "kilo").verdict == "unknown"
    assert "not shown here" in (row(found, "kilo").what_happens or "")


def test_a_prompt_that_arrives_in_part_is_no_pass() -> None:
    found = judged(FAULTS["context-truncated-silently"], "qwen")
    assert check(found, "qwen").status != "pass"
    assert found.findings[0].code == "context-truncated-silently"
    assert row(found, "qwen").verdict == "blocked"


def test_the_same_recording_from_a_file_gives_the_same_verdicts(tmp_path: Any) -> None:
    recording, plan = recorded(FAULTS["content-form-rejected-empty-list"], "kimi,opencode")
    path = tmp_path / "run.har"
    har.save(recording, path)
    assert judge(har.load(path), plan) == judge(recording, plan)


@pytest.mark.parametrize("names", ["opencode", "codex", "aider", "opencode,claude"])
def test_the_estimate_for_a_sound_endpoint_is_what_it_is_asked(names: str) -> None:
    recording, plan = recorded(sound, names)
    told = estimate(plan).usual.requests
    assert abs(len(recording.exchanges) - told) <= 1  # one more where the server counts only if asked


def test_nothing_of_a_general_question_is_asked_before_the_replay_is_settled() -> None:
    recording, plan = recorded(sound, "opencode")
    posts = [e for e in recording.exchanges if e.sent.method == "POST"]
    names = [stands_in_for_bytes(e.sent.body) for e in posts[1:]]
    assert names == [*["opencode"] * (len(names) - 1), "nobody"]  # at last, what a piece of the filling counts
    assert all(check.unless == ("tui-opencode",) for check in checks_of(plan)[-6:-1])


def test_stand_in_turns_are_no_evidence_for_the_general_checks() -> None:
    recording, plan = recorded(FAULTS["tools-rejected"], "opencode")
    assert not any(stands_in_for_bytes(turn.exchange.sent.body) for turn in Seen(recording).turns)
    assert judge(recording, Plan(model=MODEL, nonce_seed=plan.nonce_seed)).verdict == "blocked"


@pytest.mark.parametrize("name", [name for name, one in CLIS.items() if one.wire == "chat"])
def test_every_part_can_be_left_out_alone(name: str) -> None:
    """Each part changes the bytes of the request, so that taking it apart can tell."""
    plan, one = Plan(MODEL, "seed", name), CLIS[name]
    every = frozenset(replay_chat.first_parts(one))
    whole = replay_chat.first(plan, one, every).payload()
    for part in every:
        assert replay_chat.first(plan, one, every - {part}).payload() != whole, part


@pytest.mark.parametrize("name", [name for name, one in CLIS.items() if one.wire != "chat"])
def test_every_part_of_another_api_can_be_left_out_alone(name: str) -> None:
    plan, surface = Plan(MODEL, "seed", name), surface_of(CLIS[name])
    whole = json.loads(surface.ask(plan).payload())
    held = [part.subject for part in surface.parts if part.is_in(whole)]
    for subject in held:
        without = json.loads(surface.ask(plan, Form(dropped=frozenset({subject}))).payload())
        assert without != whole, subject
        assert not next(part for part in surface.parts if part.subject == subject).is_in(without), subject
