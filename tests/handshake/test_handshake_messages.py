"""Parameters and messages as agents send them: the part that is refused is found, alone and no other."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from faulty_endpoint import record, serving, sound
from hypothesis import given
from hypothesis import strategies as st
from message_faults import CASES, breaks_alternation, late_system

from cab_check.chat.reply import Reply
from cab_check.handshake import forms
from cab_check.handshake.judge import judge
from cab_check.handshake.narrow import MOST
from cab_check.handshake.plan import Plan, plan_of
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.sent import sent
from cab_check.knowledge.vocabulary import codes
from cab_check.wire import har
from cab_check.wire.exchange import Ask, Exchange, Facts, Recording, Sent, Times

PLAN = Plan("m", "seed")
NOTHING = Seen(Recording(Facts(base_url="http://127.0.0.1:1/v1", given="x")))


def as_turn(ask: Ask) -> Turn:
    went = Sent("POST", "http://127.0.0.1:1/v1/chat/completions", (), ask.payload(), ask.route, keyed=True)
    exchange = Exchange(number=1, sent=went, got=None, end="complete", detail="", started_at="", times=Times())
    return Turn(exchange, json.loads(ask.payload()), Reply(streamed=False))


def roots(judged: object) -> list[str]:
    return sorted(f.key for f in judged.findings if f.severity != "info" and not f.follows_from)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_refused_or_dropped_is_found_and_nothing_else(name: str) -> None:
    case = CASES[name]
    with serving(case.fault) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    judged = judge(live, plan)
    assert roots(judged) == sorted(case.keys)
    assert sorted(f.key for f in judged.findings if f.severity == "info") == sorted(case.notes)
    assert judged.exit_code == case.exit_code
    assert all(finding.evidence for finding in judged.findings)
    assert not [check for check in judged.checks if check.status == "crashed"]
    assert judged.cost.requests <= 16 + 2 * MOST


@pytest.mark.parametrize("name", ["store refused", "two parameters refused without words", "roles must alternate"])
def test_another_tools_recording_of_it_says_the_same(name: str, tmp_path: Path) -> None:
    """Without our facts, nonces and plan: the parts are read off the requests themselves."""
    with serving(CASES[name].fault) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    document = har.to_har(live)
    for holder in (document["log"], *document["log"]["entries"]):
        for key in [key for key in holder if key.startswith("_")]:
            del holder[key]
    (tmp_path / "browser.har").write_text(json.dumps(document))
    foreign = har.load(tmp_path / "browser.har")
    assert [f.key for f in judge(foreign, plan_of(foreign)).findings] == [f.key for f in judge(live, plan).findings]


def test_a_sound_endpoint_is_asked_five_questions_for_all_of_it() -> None:
    with serving(sound) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    assert len(Seen(live).apart) == 5
    status = {check.id: check.status for check in judge(live, plan).checks}
    assert {status[name] for name in ("agent-params", "output-limit", "history", "system", "developer")} == {"pass"}


@given(st.sets(st.sampled_from(forms.every_form())))
def test_forms_are_read_as_they_were_written(names: set[str]) -> None:
    assert forms.forms_of(as_turn(forms.with_forms(PLAN, NOTHING, frozenset(names)))) == names


@given(st.sets(st.sampled_from(forms.every_param(NOTHING))))
def test_parameters_are_read_as_they_were_written(names: set[str]) -> None:
    turn = as_turn(forms.with_params(PLAN, NOTHING, frozenset(names)))
    assert forms.params_of(turn) == names
    assert not {"max_tokens", "max_completion_tokens"} <= set(turn.request)


def test_the_plainest_conversation_suits_the_strictest_templates() -> None:
    body = forms.with_forms(PLAN, NOTHING, frozenset()).body or {}
    assert not breaks_alternation(body) and not late_system(body)


def test_every_row_names_a_code_and_a_parameter_has_a_value() -> None:
    rows = [*sent("params").values(), *sent("messages").values()]
    assert {row.code for row in rows} <= set(codes())
    assert all(row.value is not None for row in sent("params").values())
    assert all(row.severity != "blocks" for row in sent("params").values())
    assert sent("messages")["null"].severity == "blocks"
