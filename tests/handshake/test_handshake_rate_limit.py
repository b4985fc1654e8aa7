"""A rate limit slows a handshake down; only one that does not give way, or does not say for how long, is a finding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from faulty_endpoint import KEY, MODEL, SHORT, Fault, error, serving, sound

from cab_check.base.progress import Quiet
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.handshake.drive import ask_all
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.again import wait_s
from cab_check.wire.budget import Budget, BudgetReached
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Exchange, Facts, Got, Recording
from cab_check.wire.patience import Patient
from cab_check.wire.secret import Secret

PLAN = Plan(model=MODEL, nonce_seed="rate")


class Told(Quiet):
    """Remembers the lines that stay on the screen."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Limit:
    """Refuses requests with 429: the first `times` of those that `when` picks."""

    def __init__(self, times: int, *headers: tuple[str, str], when: Callable[[HttpRequest], bool] = lambda r: True):
        self.left, self.headers, self.when = times, headers, when

    def __call__(self, request: HttpRequest, reply: HttpReply) -> HttpReply:
        if self.left <= 0 or not self.when(request):
            return reply
        self.left -= 1
        return HttpReply(429, {"error": {"message": "Rate limit reached"}}, headers=self.headers)


def patiently(fault: Fault, *, budget: Budget | None = None, told: Told | None = None) -> Recording:
    """A handshake against the demo endpoint under `fault`, by a client that waits."""

    async def run(port: int) -> Recording:
        address = read_address(f"http://127.0.0.1:{port}/v1")
        facts = Facts(base_url=address.base_url, given=address.given, key_given=True, loopback_or_private=True)
        access = Access(key=Secret(KEY))
        async with Client(address, access, facts=facts, limits=SHORT, budget=budget) as client:
            asker = Patient(client, told or Told(), concurrency=4)
            await ask_all(asker, PLAN, Quiet())
            return asker.recording

    with serving(fault) as server:
        return asyncio.run(run(server.port))


def judged(recording: Recording) -> Handshake:
    return judge(recording, PLAN)


@pytest.mark.parametrize(
    "header",
    [
        ("Retry-After", "0"),
        ("retry-after-ms", "10"),
        ("x-ratelimit-reset-requests", "20ms"),
        ("Retry-After", format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)),
    ],
)
def test_a_limit_that_says_when_is_waited_for_and_leaves_no_finding(header: tuple[str, str]) -> None:
    told = Told()
    recording = patiently(Limit(2, header), told=told)
    done, without = judged(recording), judged(patiently(sound))
    assert (done.verdict, done.findings) == ("works", ())
    assert done.cost.asked_again == 2 and done.cost.requests == without.cost.requests + 2
    assert [check.status for check in done.checks] == [check.status for check in without.checks]
    assert without.cost.asked_again == 0 and without.cost.waited_ms == 0
    assert told.notes and "rate limit: waiting" in told.notes[0]


def test_how_long_was_waited_is_told() -> None:
    recording = patiently(Limit(1, ("Retry-After", "1")))
    assert 1000 <= judged(recording).cost.waited_ms < 5000


def test_a_limit_that_does_not_give_way_is_the_finding_it_always_was() -> None:
    recording = patiently(Limit(10**6, ("Retry-After", "0")))
    done = judged(recording)
    assert [finding.code for finding in done.findings] == ["rate-limited"]
    assert done.exit_code == 4
    questions = {(exchange.sent.method, exchange.sent.body) for exchange in recording.exchanges}
    assert len(recording.exchanges) == 3 * len(questions)


@pytest.mark.parametrize("headers", [(), (("Retry-After", "61"),), (("Retry-After", "soon"),)])
def test_a_limit_that_does_not_say_when_or_says_too_long_is_not_waited_for(headers: Any) -> None:
    told = Told()
    done = judged(patiently(Limit(10**6, *headers), told=told))
    assert [finding.code for finding in done.findings] == ["rate-limited"]
    assert done.cost.asked_again == 0 and told.notes == []


def test_another_error_is_not_asked_again() -> None:
    def broken(request: HttpRequest, reply: HttpReply) -> HttpReply:
        busy = error(503, "busy")
        return HttpReply(503, busy.value, headers=(("Retry-After", "0"),))

    assert judged(patiently(broken)).cost.asked_again == 0


def test_what_is_asked_again_counts_against_the_ceiling() -> None:
    with pytest.raises(BudgetReached):
        patiently(Limit(10**6, ("Retry-After", "0")), budget=Budget(max_requests=2))


def test_after_a_refusal_fewer_requests_are_out_at_once() -> None:
    most = {"before": 0, "after": 0}

    async def run(port: int) -> None:
        address = read_address(f"http://127.0.0.1:{port}/v1")
        facts = Facts(base_url=address.base_url, given=address.given)
        async with Client(address, Access(key=Secret(KEY)), facts=facts, limits=SHORT) as client:
            out = 0
            send = client.send

            async def counted(ask: Ask, *, total_s: float | None = None) -> Exchange:
                nonlocal out
                out += 1
                when = "after" if any(e.status == 429 for e in client.recording.exchanges) else "before"
                most[when] = max(most[when], out)
                try:
                    return await send(ask, total_s=total_s)
                finally:
                    out -= 1

            client.send = counted  # type: ignore[method-assign]
            asker = Patient(client, Quiet(), concurrency=4)
            ask = Ask("GET", "/models")
            await asyncio.gather(*(asker.send(ask) for _ in range(4)))
            await asker.send(Ask("GET", "/models/none"))
            await asyncio.gather(*(asker.send(ask) for _ in range(8)))

    limit = Limit(1, ("Retry-After", "0"), when=lambda request: request.path.endswith("none"))
    with serving(limit) as server:
        asyncio.run(run(server.port))
    assert most == {"before": 4, "after": 2}


NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=9), usegmt=True)}, 9),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        ({"x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-tokens": "2m59.56s"}, 179.56),
        ({"x-ratelimit-reset": "30"}, 30),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 5)}, 5),
        ({"X-RateLimit-Reset": str((int(NOW.timestamp()) + 5) * 1000)}, 5),
        ({"x-ratelimit-reset-requests": "2h", "x-ratelimit-reset-tokens": "3s"}, 3),
        (
            {
                "x-ratelimit-reset-requests": "8s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "1s",
                "x-ratelimit-remaining-tokens": "900",
            },
            8,
        ),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "later"}, None),
        ({"x-ratelimit-reset-requests": "1 fortnight"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_in_every_form_in_use(headers: dict[str, str], seconds: float | None) -> None:
    dated = (("Date", format_datetime(NOW, usegmt=True)), *headers.items())
    assert wait_s(Got(429, "", "HTTP/1.1", dated, ())) == (seconds and pytest.approx(seconds))
