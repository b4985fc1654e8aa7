"""What holds for a whole job: facts, ceilings, and the choice of a proxy."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest
from wire_server import CHAT, KEY, QUICK, ask_once, plays, reply, serving

from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.budget import Budget, BudgetReached, at_most, tokens_of
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Exchange, Facts
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.price import Price
from cab_check.wire.proxies import choose
from cab_check.wire.secret import Secret

USAGE = b'{"usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42}}'


def facts_of(typed: str, access: Access | None = None, **options: float) -> Facts:
    job = gather(read_address(typed), access or Access(), model="m", profile="generic", nonce_seed="n", **options)
    return asyncio.run(job)


def test_facts_of_a_name_that_resolves_and_a_key_by_yes_and_no() -> None:
    facts = facts_of("localhost:8000", Access(Secret(f"{KEY} "), "--key-env"))
    assert facts.resolves is True and {"127.0.0.1", "::1"} & set(facts.addresses)
    assert (facts.key_given, facts.key_source, facts.key_length) == (True, "--key-env", len(KEY) + 1)
    assert facts.key_shape["whitespace"] and not facts.key_shape["quotes"]
    assert facts.loopback_or_private and facts.address_notes == ("scheme-added",)
    assert facts.clock is not None and KEY not in repr(facts)


def test_facts_of_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    assert facts_of("https://typo.example").resolves is False


def test_a_silent_name_server_is_unknown_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1.0) or [])
    began = time.monotonic()
    assert facts_of("https://slow.example", resolve_s=0.05).resolves is None
    exchange = asyncio.run(ask_once("http://slow.example/v1", limits=WireLimits(connect_s=0.05)))
    assert exchange.end == "dns" and "no answer" in exchange.detail
    assert time.monotonic() - began < 0.9  # also the end of both event loops did not wait for the resolver


def test_behind_a_proxy_the_name_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    facts = facts_of("https://endpoint.invalid/v1")
    assert (facts.via_proxy, facts.resolves, facts.addresses) == (True, None, ())


def with_budget(budget: Budget, *bodies: bytes, ask: Ask = CHAT) -> tuple[list[bytes], BudgetReached | None]:
    replies = iter(bodies)

    async def run() -> tuple[list[bytes], BudgetReached | None]:
        async def script(connection: object) -> None:
            await plays(next(replies))(connection)  # type: ignore[arg-type]

        async with serving(script) as served:
            address = read_address(served.url)
            async with Client(address, Access(), facts=Facts("", ""), limits=QUICK, budget=budget) as asker:
                try:
                    for _ in range(len(bodies) + 1):
                        await asker.send(ask)
                except BudgetReached as reached:
                    return served.requests, reached
        return served.requests, None

    return asyncio.run(run())


def test_the_request_over_the_ceiling_is_not_sent() -> None:
    requests, reached = with_budget(Budget(max_requests=2), reply(b"{}"), reply(b"{}"))
    assert len(requests) == 2 and reached is not None
    assert (reached.stopped_by, reached.exit_code) == ("max-requests", 4)
    assert "--max-requests allows 2" in reached.message


def test_a_redirect_is_counted_too() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    requests, reached = with_budget(Budget(max_requests=1), moved)
    assert len(requests) == 1 and reached is not None


def test_the_ceiling_on_tokens_uses_what_the_endpoint_counts_and_what_the_next_request_may_use() -> None:
    most = sum(at_most(CHAT.payload()))
    requests, reached = with_budget(Budget(max_tokens=42 + most), reply(USAGE), reply(USAGE))
    assert len(requests) == 2 and reached is not None and reached.stopped_by == "max-tokens-total"
    requests, _ = with_budget(Budget(max_tokens=41 + most), reply(USAGE), reply(USAGE))
    assert len(requests) == 1


def test_the_ceiling_on_money_is_not_passed_by_the_output_that_a_request_allows() -> None:
    ask = Ask("POST", "/chat/completions", {"model": "m", "messages": [], "max_tokens": 1000})
    price = Price(prompt=0.0, completion=0.001)
    requests, reached = with_budget(Budget(max_usd=0.99, price=price), reply(USAGE), ask=ask)
    assert requests == [] and reached is not None
    assert (reached.stopped_by, reached.message.split(": ")[1]) == ("max-cost", "--max-cost allows 0.99 USD.")
    budget = Budget(max_usd=1.0, price=price)
    assert len(with_budget(budget, reply(USAGE), ask=ask)[0]) == 1
    assert 0 < budget.usd < 0.99


def test_without_a_ceiling_nothing_stops() -> None:
    budget = Budget()
    assert with_budget(budget, *[reply(USAGE)] * 3, reply(USAGE))[0] and budget.tokens == 42 * 4


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "method", "tokens"),
    [
        (reply(USAGE), "POST", 42),
        (reply(b'{"usage":{"input_tokens":3,"output_tokens":4}}'), "POST", 7),
        (STREAM + b'data: {"choices":[]}\n\ndata: ' + USAGE + b"\n\ndata: [DONE]\n\n", "POST", 42),
        (STREAM + b'data: {"response":{"usage":{"input_tokens":5,"output_tokens":1}}}\n\n', "POST", 6),
        (STREAM + b"data: {}\n\n" * 9, "POST", 9 + len(CHAT.payload()) // 4),
        (reply(b'{"usage":{"prompt_tokens":true}}'), "POST", 8 + len(CHAT.payload()) // 4),
        (reply(USAGE, status="400 Bad Request"), "POST", 0),
        (reply(USAGE), "GET", 0),
    ],
)
def test_tokens_of_an_exchange(said: bytes, method: str, tokens: int) -> None:
    async def run() -> Exchange:
        async with serving(plays(said)) as served:
            return await ask_once(served.url, Ask(method, CHAT.route, CHAT.body))  # type: ignore[arg-type]

    assert tokens_of(asyncio.run(run())) == tokens


@pytest.mark.parametrize(
    ("settings", "scheme", "host", "port", "shown"),
    [
        ({}, "https", "a.example", 443, None),
        ({"https": "http://p:1"}, "https", "a.example", 443, "http://p:1"),
        ({"https": "http://p:1"}, "http", "a.example", 80, None),
        ({"all": "p:1"}, "http", "a.example", 80, "http://p:1"),
        ({"http": "http://u:w@p:1"}, "http", "127.0.0.1", 80, "http://p:1"),
        ({"http": "http://p:1"}, "http", "localhost", 80, "http://p:1"),
        ({"http": "http://p:1", "no": "localhost"}, "http", "localhost", 80, None),
        ({"http": "http://p:1", "no": "*"}, "http", "a.example", 80, None),
        ({"http": "http://p:1", "no": "b.example, A.Example"}, "http", "a.example", 80, None),
        ({"http": "http://p:1", "no": ".example"}, "http", "a.example", 80, None),
        ({"http": "http://p:1", "no": "example"}, "http", "notexample", 80, "http://p:1"),
        ({"http": "http://p:1", "no": "10.0.0.0/8"}, "http", "10.2.3.4", 80, None),
        ({"http": "http://p:1", "no": "10.0.0.0/8"}, "http", "11.2.3.4", 80, "http://p:1"),
        ({"http": "http://p:1", "no": "::1"}, "http", "::1", 80, None),
        ({"http": "http://p:1", "no": "a.example:81"}, "http", "a.example", 80, "http://p:1"),
        ({"http": "http://p:1", "no": "a.example:80"}, "http", "a.example", 80, None),
    ],
)
def test_the_proxy_of_an_origin(settings: dict[str, str], scheme: str, host: str, port: int, shown: str | None) -> None:
    choice = choose(scheme, host, port, settings)
    assert (choice.shown if choice else None) == shown
    assert "w@" not in repr(choice)


def test_limits_follow_the_request_timeout() -> None:
    short = WireLimits().scaled(5.0)
    assert (short.connect_s, short.headers_s, short.idle_s, short.total_s) == (5.0, 5.0, 5.0, 5.0)
    long = WireLimits().scaled(3600.0)
    assert (long.connect_s, long.headers_s, long.idle_s, long.total_s) == (10.0, 3600.0, 3600.0, 3600.0)


def test_a_client_certificate_that_is_not_there_is_told_before_the_first_request(tmp_path: Path) -> None:
    from cab_check.base.errors import UsageError

    with pytest.raises(UsageError, match="--client-cert"):
        asyncio.run(ask_once("https://127.0.0.1:9/v1", client_cert=(tmp_path / "none.pem",)))
