"""Asking: what goes out, when, and when it stops."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from faulty_endpoint import (
    KEY,
    MODEL,
    SHORT,
    SILENCE,
    asked,
    has_tools,
    on_chat,
    record,
    serving,
    sound,
)
from handshake_faults import CASES

from cab_check.base.progress import Quiet
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.handshake.check import Check, Outcome, nothing_to_ask
from cab_check.handshake.checks import CHECKS
from cab_check.handshake.drive import ask_all, first_contact, what_next
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan, plan_of
from cab_check.handshake.seen import Seen
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.budget import Budget, BudgetReached
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Exchange, Facts, Recording
from cab_check.wire.secret import Secret


def client_for(port: int, *, key: str | None = KEY, budget: Budget | None = None, path: str = "/v1") -> Client:
    address = read_address(f"http://127.0.0.1:{port}{path}")
    access = Access(key=Secret(key) if key else None)
    facts = Facts(base_url=address.base_url, given=address.given, key_given=key is not None, loopback_or_private=True)
    return Client(address, access, facts=facts, limits=SHORT, budget=budget)


def plan(model: str | None = MODEL) -> Plan:
    return Plan(model=model, nonce_seed="drive")


def test_needs_stand_before_the_checks_that_name_them() -> None:
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids)
    for place, check in enumerate(CHECKS):
        assert set(check.needs) <= set(ids[:place]), check.id


def test_the_first_question_is_the_model_list_alone() -> None:
    facts = Facts(base_url="http://127.0.0.1:1/v1", given="x")
    first = what_next(plan(), Seen(Recording(facts)))
    assert [(item.ask.method, item.ask.route) for item in first] == [("GET", "/models")]


def test_nonces_differ_between_runs_and_tries() -> None:
    words = {Plan(MODEL, seed).word(topic, n) for seed in "ab" for topic in ("say", "path") for n in range(3)}
    assert len(words) == 12


def test_independent_questions_go_out_together_up_to_the_limit() -> None:
    """Counted where it matters: in the client that carries them."""
    most = {2: 0, 4: 0}

    async def run(port: int, at_once: int) -> None:
        async with client_for(port) as client:
            now = 0

            class Counting:
                recording = property(lambda self: client.recording)

                async def send(self, ask: Ask, *, total_s: float | None = None) -> Exchange:
                    nonlocal now
                    now += 1
                    most[at_once] = max(most[at_once], now)
                    try:
                        return await client.send(ask)
                    finally:
                        now -= 1

            await ask_all(Counting(), plan(), Quiet(), concurrency=at_once)

    with serving(sound) as server:
        for at_once in most:
            asyncio.run(run(server.port, at_once))
    assert most == {2: 2, 4: 4}


def test_first_contact_needs_no_model_and_gives_the_list() -> None:
    async def run(port: int) -> tuple[str, ...] | None:
        async with client_for(port) as client:
            return await first_contact(client, plan(None))

    with serving(sound) as server:
        assert asyncio.run(run(server.port)) == (MODEL,)
        assert [request.path for request in server.requests] == ["/v1/models"]


def test_without_a_model_nothing_is_asked_of_one() -> None:
    with serving(sound) as server:
        seen, without = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1", model=None))
    judged = judge(seen, without)
    assert len(seen.exchanges) == 1
    assert (judged.verdict, judged.exit_code) == ("unchecked", 4)
    assert MODEL in judged.headline


def test_a_guessed_base_path_is_tried_without_the_key_and_then_used_with_it() -> None:
    """All in one go, without a first contact: the list is asked for again where the API was found."""

    async def run(port: int) -> Recording:
        async with client_for(port, path="") as client:
            await ask_all(client, replace(plan(), other_base_paths=("/v1",)), Quiet())
            return client.recording

    with serving(CASES["address-wrong-base-path"].fault) as server:
        seen = asyncio.run(run(server.port))
    assert judge(seen, plan()).model.listed == (MODEL,)
    guesses = [exchange for exchange in seen.exchanges if exchange.sent.method == "GET" and not exchange.sent.keyed]
    assert [exchange.sent.url.split("/", 3)[3] for exchange in guesses] == ["v1/models"]
    assert all(exchange.sent.keyed for exchange in seen.exchanges if exchange.sent.url.endswith("/v1/chat/completions"))


def test_a_server_without_a_model_list_is_no_wrong_address() -> None:
    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return HttpReply(404, {"detail": "Not Found"}) if request.path.endswith("/models") else reply

    with serving(fault) as server:
        seen, used = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    judged = judge(seen, used)
    assert (judged.verdict, judged.findings) == ("works", ())
    assert sum(request.method == "GET" for request in server.requests) == 1


def test_what_was_asked_before_there_was_a_key_is_asked_again_with_it() -> None:
    async def run(port: int) -> Recording:
        async with client_for(port, key=None) as client:
            await first_contact(client, plan())
            await ask_all(client, plan(), Quiet())
            client.set_key(Secret(KEY), "the prompt")
            await first_contact(client, plan())
            await ask_all(client, plan(), Quiet())
            return client.recording

    with serving(sound) as server:
        seen = asyncio.run(run(server.port))
    judged = judge(seen, plan())
    assert (judged.verdict, judged.findings) == ("works", ())


def test_what_a_wrong_key_was_refused_is_asked_again_with_the_next() -> None:
    async def run(port: int) -> Recording:
        async with client_for(port, key="sk-test-another-0123456789") as client:
            await first_contact(client, plan())
            client.set_key(Secret(KEY), "the prompt")
            retyped = replace(plan(), since=len(client.recording.exchanges))
            assert await first_contact(client, retyped) == (MODEL,)
            await ask_all(client, retyped, Quiet())
            return client.recording

    with serving(sound) as server:
        seen = asyncio.run(run(server.port))
    judged = judge(seen, plan())
    assert [exchange.status for exchange in seen.exchanges[:2]] == [401, 200]
    assert (judged.verdict, judged.findings) == ("works", ())


def test_a_reply_cut_at_our_limit_is_asked_for_once_more_with_more_room() -> None:
    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if body and not has_tools(body) and not body.get("stream") and body.get("max_tokens", 0) <= 1024:
            value = json.loads(json.dumps(reply.value))
            value["choices"][0]["finish_reason"] = "length"
            value["choices"][0]["message"]["content"] = "Let me think"
            return HttpReply(200, value)
        return reply

    with serving(fault) as server:
        seen, used = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    limits = [asked(r).get("max_tokens") for r in server.requests if asked(r) and "tools" not in asked(r)]
    assert limits[:2] == [1024, 4096]
    assert judge(seen, used).findings == ()


def test_one_lapse_of_the_model_is_no_finding() -> None:
    """The first try fails, two more are asked and pass: most of three is sound."""
    lapses = []

    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        plain = bool(body) and not body.get("tools") and not body.get("stream")
        if not plain or (lapses and lapses[0] != request.body):
            return reply
        lapses.append(request.body)
        value = json.loads(json.dumps(reply.value))
        value["choices"][0]["message"]["content"] = "Certainly!"
        return HttpReply(200, value)

    with serving(fault) as server:
        seen, used = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    judged = judge(seen, used)
    chat = next(check for check in judged.checks if check.id == "chat")
    assert (judged.verdict, judged.findings, chat.reason) == ("works", (), "2 of 3 said what was asked")


def test_blame_on_the_model_counts_its_tries() -> None:
    with serving(CASES["tool-call-missing"].fault) as server:
        seen, used = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    finding = judge(seen, used).findings[0]
    assert (finding.code, finding.owner, finding.seen) == (
        "tool-call-missing",
        "model",
        (12, 12),
    )  # plain, streamed, and over both other APIs
    assert finding.confidence == "medium"  # a demanded call came: the server's side is sound


def test_a_ceiling_stops_the_asking_and_keeps_what_came() -> None:
    async def run(port: int) -> Recording:
        async with client_for(port, budget=Budget(max_requests=3)) as client:
            with pytest.raises(BudgetReached):
                await ask_all(client, plan(), Quiet())
            return client.recording

    with serving(sound) as server:
        seen = asyncio.run(run(server.port))
    judged = judge(seen, plan_of(seen), stopped_by="max-requests")
    assert [exchange.end for exchange in seen.exchanges] == ["complete"] * 3
    assert (judged.verdict, judged.exit_code, judged.partial) == ("unchecked", 4, True)


def test_until_ends_the_asking() -> None:
    async def run(port: int) -> int:
        async with client_for(port) as client:
            await ask_all(client, plan(), Quiet(), until=lambda recording: len(recording.exchanges) >= 2)
            return len(client.recording.exchanges)

    with serving(sound) as server:
        assert asyncio.run(run(server.port)) == 2


def test_cancelling_ends_every_request_and_keeps_it() -> None:
    async def run(port: int) -> Recording:
        async with client_for(port) as client:
            listed = asyncio.Event()

            class Watching(Quiet):
                def begin(self, key: str, label: str) -> None:
                    if client.recording.exchanges:
                        listed.set()

            job = asyncio.create_task(ask_all(client, plan(), Watching()))
            await listed.wait()
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            assert client.in_flight == 0
            return client.recording

    with serving(on_chat(SILENCE)) as server:
        seen = asyncio.run(run(server.port))
    assert seen.exchanges[-1].end == "interrupted"
    assert judge(seen, plan(), stopped_by="SIGINT").verdict == "unchecked"


def test_progress_hears_of_every_request() -> None:
    heard: list[tuple[str, str]] = []

    class Watching(Quiet):
        def begin(self, key: str, label: str) -> None:
            heard.append(("begin", key))

        def end(self, key: str) -> None:
            heard.append(("end", key))

    async def run(port: int) -> int:
        async with client_for(port) as client:
            await ask_all(client, plan(), Watching())
            return len(client.recording.exchanges)

    with serving(sound) as server:
        count = asyncio.run(run(server.port))
    assert sorted(key for what, key in heard if what == "begin") == sorted(key for what, key in heard if what == "end")
    assert len(heard) == 2 * count


def test_a_judge_that_breaks_takes_down_only_itself() -> None:
    def broken(plan: Plan, seen: Seen) -> Outcome:
        raise KeyError("an unheard-of reply")

    def stands_on_it(plan: Plan, seen: Seen) -> Outcome:
        raise AssertionError("asked although what it needs has crashed")

    crashing = Check("crashing", "chat", "x", (), nothing_to_ask, broken)
    after = Check("after", "chat", "x", ("crashing",), nothing_to_ask, stands_on_it)
    with serving(sound) as server:
        seen, used = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    judged = judge(seen, used, checks=(*CHECKS, crashing, after))
    status = {check.id: (check.status, check.reason) for check in judged.checks}
    assert status["crashing"][0] == "crashed" and "unheard-of" in status["crashing"][1]
    assert status["after"] == ("not_run", "needs crashing: it failed")
    assert status["chat"][0] == "pass"
