"""Where the key goes, and where it does not: redirects, guesses, proxies, TLS; and that nothing kept shows it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import pickle
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from wire_server import (
    CHAT,
    KEY,
    Connection,
    ask_once,
    ask_script,
    client,
    make_certificate,
    plays,
    reply,
    serving,
)

from cab_check.base.errors import UsageError
from cab_check.wire.access import Access
from cab_check.wire.exchange import Ask, Exchange
from cab_check.wire.har import to_har
from cab_check.wire.secret import Secret, key_shape

OK = reply(b"{}")
BEARER = f"Authorization: Bearer {KEY}".encode()


def redirects(status: int, location: str) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_anything_to_another_origin(status: int) -> None:
    async def run() -> None:
        async with serving(plays(OK)) as other, serving(plays(redirects(status, f"{other.url}/chat"))) as served:
            exchange = await ask_once(served.url)
            assert exchange.status == status
            assert exchange.got is not None and exchange.got.header("location") == f"{other.url}/chat"
            assert other.requests == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "location", "followed"),
    [
        (301, "/moved", False),
        (302, "/moved", False),
        (303, "/moved", False),
        (307, "/moved", True),
        (308, "/moved", True),
        (307, "../../moved", True),
        (308, "http://127.0.0.1:{port}/moved", True),
        (308, "http://user@127.0.0.1:{port}/moved", False),
        (308, "http://localhost:{port}/moved", False),
        (308, "https://127.0.0.1:{port}/moved", False),
        (308, "http://[broken", False),
    ],
)
def test_on_the_same_origin_307_and_308_are_followed(status: int, location: str, followed: bool) -> None:
    async def run() -> None:
        async def script(connection: Connection) -> None:
            port = connection.writer.get_extra_info("sockname")[1]
            moved = connection.request.startswith(b"POST /moved ")
            await connection.say(OK if moved else redirects(status, location.format(port=port)))

        async with serving(script) as served, client(served.url) as asker:
            last = await asker.send(CHAT)
            first = asker.recording.exchanges[0]
            assert (first.status, first.follows_redirect) == (status, None)
            assert len(served.requests) == len(asker.recording.exchanges) == (2 if followed else 1)
            if followed:
                assert (last.status, last.follows_redirect, last.number) == (200, 1, 2)
                assert BEARER in served.requests[1]
                assert served.requests[1].endswith(CHAT.payload())

    asyncio.run(run())


def test_a_second_redirect_is_not_followed() -> None:
    exchange = asyncio.run(ask_script(plays(redirects(307, "/again"))))
    assert (exchange.status, exchange.follows_redirect) == (307, 1)


def test_guessed_base_paths_go_out_without_any_credential() -> None:
    hidden = {"headers": (("X-Team", "blue"), ("X-Auth-Token", "t0ken")), "query": (("code", "1"), ("sig", "s1g"))}

    async def run() -> None:
        async with serving(plays(OK)) as served, client(served.url, **hidden) as asker:
            guess = Ask("GET", "/models", base_path="/api/v1")
            typed, asked_open, guessed = await asker.send(CHAT), await asker.send(replace(CHAT, with_key=False)), None
            guessed = await asker.send(guess)
            asker.adopt("/api/v1")
            adopted, after = await asker.send(guess), await asker.send(CHAT)
            assert [e.sent.keyed for e in (typed, asked_open, guessed, adopted, after)] == [
                True, False, False, True, True,
            ]  # fmt: skip
            assert after.sent.url.split("?")[0].endswith("/api/v1/chat/completions")
        for request, keyed in zip(served.requests, (True, False, False, True, True), strict=True):
            assert (BEARER in request) == (b"t0ken" in request) == (b"sig=s1g" in request) == keyed
            assert b"X-Team: blue" in request and b"code=1" in request

    asyncio.run(run())


def test_with_a_guessed_scheme_the_first_request_is_a_keyless_trial() -> None:
    async def run() -> None:
        async with serving(plays(OK)) as served, client(f"127.0.0.1:{served.port}/v1") as asker:
            await asyncio.gather(asker.send(CHAT), asker.send(CHAT))
            assert [e.sent.keyed for e in asker.recording.exchanges] == [False, True, True]
            assert served.requests[0].startswith(b"GET /v1/models ") and b"Bearer" not in served.requests[0]

    asyncio.run(run())


def test_with_a_guessed_scheme_nothing_that_is_not_http_gets_the_key() -> None:
    async def run() -> None:
        async with serving(plays(b"hello")) as served, client(f"127.0.0.1:{served.port}") as asker:
            await asker.send(CHAT)
            assert not any(BEARER in request for request in served.requests)
            assert len(served.requests) == 2

    asyncio.run(run())


def test_a_key_typed_in_later_is_used_and_described() -> None:
    async def run() -> None:
        async with serving(plays(OK)) as served, client(served.url, key=None) as asker:
            await asker.send(CHAT)
            asker.set_key(Secret(KEY), "prompt")
            await asker.send(CHAT)
            assert [BEARER in request for request in served.requests] == [False, True]
            facts = asker.recording.facts
            assert (facts.key_given, facts.key_source, facts.key_length) == (True, "prompt", len(KEY))
            assert KEY not in repr(asker.recording)

    asyncio.run(run())


def test_the_key_goes_into_the_header_that_was_asked_for() -> None:
    async def run() -> None:
        async with serving(plays(OK)) as served:
            named = await ask_once(served.url, key_header="X-My-Pass")
            slot = await ask_once(
                served.url, replace(CHAT, headers=(("x-api-key", "{key}"), ("authorization", "none")))
            )
            without = await ask_once(served.url, replace(CHAT, with_key=False, headers=(("x-api-key", "{key}"),)))
        assert f"X-My-Pass: {KEY}".encode() in served.requests[0] and b"Bearer" not in served.requests[0]
        assert f"x-api-key: {KEY}".encode() in served.requests[1] and b"Bearer" not in served.requests[1]
        assert b"x-api-key" not in served.requests[2]
        assert dict(named.sent.headers)["X-My-Pass"] == "[redacted]"
        assert dict(slot.sent.headers)["x-api-key"] == "[redacted]"
        assert not without.sent.keyed

    asyncio.run(run())


ECHOES = {
    "as it is": KEY,
    "percent": quote(KEY, safe=""),
    "every byte percent": "".join(f"%{ord(c):02X}" for c in KEY),
    "percent twice": "".join(f"%25{ord(c):02x}" for c in KEY),
    "json escapes": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "json in json": KEY.replace("-", "\\\\u002D"),
    "html decimal": "".join(f"&#{ord(c)};" for c in KEY),
    "html hexadecimal": KEY.replace("-", "&#x2d;"),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 after Bearer": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of user:key": base64.urlsafe_b64encode(f"us:{KEY}".encode()).decode(),
    "base64 in the middle": base64.b64encode(f"a{KEY}zz".encode()).decode(),
    "hexadecimal": KEY.encode().hex().upper(),
    "backwards": KEY[::-1],
    "other case": KEY.upper(),
}


def remains(exchange: Exchange) -> str:
    """All that is kept of an exchange, with bytes as text."""
    har = json.dumps(to_har_of(exchange), ensure_ascii=False)
    raw = exchange.got.raw if exchange.got else b""
    return repr(exchange) + har + exchange.text + raw.decode("utf-8", "replace")


def to_har_of(exchange: Exchange) -> dict[str, object]:
    from cab_check.wire.exchange import Facts, Recording

    return to_har(Recording(Facts("", ""), (exchange,)))


@pytest.mark.parametrize("form", ECHOES.values(), ids=ECHOES.keys())
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_no_form_of_the_key_is_kept(form: str, coding: str) -> None:
    body = f'{{"error":"bad key {form} given"}}'.encode()
    raw = gzip.compress(body) if coding else body
    head = f"X-Echo: {form}\r\nSet-Cookie: s={form}\r\nLocation: /login?next={form}\r\n"
    middle = len(raw) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (raw[:middle], raw[middle:])) + b"0\r\n\r\n"
    head += f"Content-Encoding: {coding or 'identity'}\r\nTransfer-Encoding: chunked\r\n"
    start = f"HTTP/1.1 401 No {form}\r\n{head}\r\n"
    exchange = asyncio.run(ask_script(plays(start.encode() + chunks)))
    assert exchange.end == "complete" and exchange.redacted
    assert exchange.body.startswith(b'{"error":"bad key ') and exchange.body.count(b"[redacted]") == 1
    kept = remains(exchange).casefold()
    for hidden in ECHOES.values():
        assert hidden.casefold() not in kept
    assert base64.b64encode(raw).decode().casefold() not in kept
    assert exchange.got is not None and exchange.got.raw == exchange.body


def test_what_does_not_hold_the_key_is_kept_to_the_byte() -> None:
    body = json.dumps({"text": "sk-test is a prefix, " + "x" * 500, "max_tokens": 5}).encode()
    head = "X-RateLimit-Limit-Tokens: 5\r\nContent-Encoding: gzip\r\n"
    exchange = asyncio.run(ask_script(plays(reply(gzip.compress(body, mtime=0), head))))
    assert not exchange.redacted and exchange.body == body
    assert exchange.got is not None and exchange.got.raw == gzip.compress(body, mtime=0)
    assert exchange.got.header("x-ratelimit-limit-tokens") == "5"


@pytest.mark.parametrize("key", ["ollama", "none", "short-one", "sk-no-key-required"])
def test_an_ordinary_word_as_key_is_hidden_in_headers_only(key: str) -> None:
    exchange = asyncio.run(ask_script(plays(reply(f'{{"owned_by":"{key}"}}'.encode())), key=key))
    assert exchange.json == {"owned_by": key} and not exchange.redacted
    assert dict(exchange.sent.headers)["Authorization"] == "Bearer [redacted]"


def test_a_key_pasted_with_its_wrapping_is_found_without_it() -> None:
    exchange = asyncio.run(ask_script(plays(reply(f"bad key {KEY}".encode())), key=f'Bearer "{KEY}"'))
    assert exchange.body == b"bad key [redacted]"


def test_a_secret_query_and_a_secret_header_are_found_in_the_reply() -> None:
    token, password = "query-token-0123456789", "dXNlcjpub3QtYS1wYXNzd29yZA=="
    exchange = asyncio.run(
        ask_script(
            plays(reply(f"{token} and {password}".encode())),
            key=None,
            query=(("access_token", token),),
            headers=(("Authorization", f"Basic {password}"),),
        )
    )
    assert exchange.body == b"[redacted] and [redacted]"
    assert token not in remains(exchange) and password not in remains(exchange)


def test_a_short_value_from_a_variable_is_hidden_in_its_header() -> None:
    hidden = {"headers": (("X-Tenant", "blue-7"),), "hidden": (Secret("blue-7"),)}
    exchange = asyncio.run(ask_script(plays(OK), **hidden))
    assert dict(exchange.sent.headers)["X-Tenant"] == "[redacted]"
    without_key = asyncio.run(ask_script(plays(OK), replace(CHAT, with_key=False), **hidden))
    assert "X-Tenant" not in dict(without_key.sent.headers)


def test_a_secret_cannot_be_shown_by_accident() -> None:
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>60}", repr(Access(key=secret)), repr([secret])]
    assert not any(KEY in text for text in shown)
    for leak in (pickle.dumps, deepcopy, json.dumps):
        with pytest.raises(TypeError) as caught:
            leak(secret)
        assert KEY not in str(caught.value)
    assert secret.reveal() == KEY


@pytest.mark.parametrize(
    ("key", "traits"),
    [
        (KEY, set()),
        (f" {KEY}", {"whitespace"}),
        (f"{KEY}\n", {"whitespace", "line_end", "control"}),
        (f'"{KEY}"', {"quotes"}),
        (f"\ufeff{KEY}", {"bom", "non_ascii"}),
        (f"Bearer {KEY}", {"whitespace", "bearer_prefix"}),
        (f"{KEY}é", {"non_ascii"}),
        ("$OPENAI_API_KEY", {"variable", "placeholder"}),
        ("ollama", {"placeholder", "short"}),
        ("sk-no-key-required", {"placeholder"}),
        ("s3cret-one", {"short"}),
        ("", {"empty", "placeholder", "short"}),
    ],
)
def test_the_shape_of_a_key(key: str, traits: set[str]) -> None:
    assert {name for name, there in key_shape(Secret(key)).items() if there} == traits


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


def test_a_self_signed_certificate_is_refused_and_trusted_through_ca_file(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_certificate(certificates, "own")

    async def run() -> None:
        async with serving(plays(OK), tls=context) as served:
            url = f"https://127.0.0.1:{served.port}/v1"
            refused = await ask_once(url)
            assert (refused.end, refused.detail.partition(":")[0]) == ("tls", "self-signed")
            trusted = await ask_once(url, ca_file=certificates / "own.pem")
            assert trusted.ok and trusted.tls is not None
            assert (trusted.tls.version or "").startswith("TLSv1.") and trusted.tls.subject == "commonName=own"
            assert trusted.times.tls_done is not None
            monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "own.pem"))
            assert (await ask_once(url)).ok
            assert len(served.requests) == 2

    asyncio.run(run())


@pytest.mark.parametrize(("name", "options", "reason"), [("elsewhere", {"host": "DNS:other.example"}, "wrong-host")])
def test_a_certificate_for_another_host(certificates: Path, name: str, options: dict[str, str], reason: str) -> None:
    context = make_certificate(certificates, name, **options)  # type: ignore[arg-type]

    async def run() -> Exchange:
        async with serving(plays(OK), tls=context) as served:
            return await ask_once(f"https://127.0.0.1:{served.port}", ca_file=certificates / f"{name}.pem")

    exchange = asyncio.run(run())
    assert (exchange.end, exchange.detail.partition(":")[0]) == ("tls", reason)


def test_plain_http_on_a_tls_address() -> None:
    async def run() -> Exchange:
        async with serving(plays(b"HTTP/1.1 400 Bad Request\r\n\r\n"), hear=False) as served:
            return await ask_once(f"https://127.0.0.1:{served.port}/v1")

    exchange = asyncio.run(run())
    assert (exchange.end, exchange.detail.partition(":")[0]) == ("tls", "plain-http")


@pytest.mark.parametrize("content", [None, "no certificate at all"])
def test_a_certificate_file_that_is_none_is_a_usage_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(UsageError, match="--ca-file"):
        asyncio.run(ask_once("https://127.0.0.1:9/v1", ca_file=path))


async def _tunnel(connection: Connection) -> None:
    """A proxy's CONNECT: carry bytes both ways."""
    target = connection.request.split()[1].decode()
    host, _, port = target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await connection.say(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.write_eof()

    try:
        await asyncio.gather(carry(connection.reader, writer), carry(reader, connection.writer))
    finally:
        writer.transport.abort()
        await asyncio.wait([asyncio.ensure_future(writer.wait_closed())])


def test_a_proxy_carries_plain_requests_and_its_password_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with serving(plays(OK)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://user:proxy-password-1@127.0.0.1:{proxy.port}")
            exchange = await ask_once("http://endpoint.invalid/v1")
            assert exchange.ok and exchange.peer == f"127.0.0.1:{proxy.port}"
            assert proxy.requests[0].startswith(b"POST http://endpoint.invalid/v1/chat/completions ")
            assert b"Proxy-Authorization: Basic " in proxy.requests[0]
            assert "Basic [redacted]" in dict(exchange.sent.headers).values()
            assert "proxy-password-1" not in remains(exchange)
            assert base64.b64encode(b"user:proxy-password-1").decode() not in remains(exchange)

    asyncio.run(run())


def test_a_proxy_carries_tls_and_never_sees_the_key(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_certificate(certificates, "behind")

    async def run() -> None:
        async with serving(plays(OK), tls=context) as served, serving(_tunnel) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
            exchange = await ask_once(f"https://127.0.0.1:{served.port}/v1", ca_file=certificates / "behind.pem")
            assert exchange.ok and exchange.tls is not None, exchange.detail
            assert proxy.requests[0].startswith(f"CONNECT 127.0.0.1:{served.port} ".encode())
            assert BEARER not in proxy.requests[0] and BEARER in served.requests[0]
            assert dict(exchange.sent.headers)["Host"] == f"127.0.0.1:{served.port}"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("http://127.0.0.1:1", "127.0.0.1:1"),
        ("http://no-such-proxy.invalid:3128", "does not resolve"),
        ("socks5://user:proxy-password-1@127.0.0.1:1080", "socks5"),
        ("http://:3128", "names no host"),
        ("http://127.0.0.1:port", "not an address"),
    ],
)
def test_a_proxy_that_does_not_work_is_named(monkeypatch: pytest.MonkeyPatch, setting: str, said: str) -> None:
    monkeypatch.setenv("ALL_PROXY", setting)
    exchange = asyncio.run(ask_once("https://endpoint.invalid/v1"))
    assert exchange.end == "proxy" and said in exchange.detail
    assert "proxy-password-1" not in remains(exchange)


def test_a_proxy_that_refuses_the_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Exchange:
        async with serving(plays(reply(b"", status="407 Proxy Authentication Required"))) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            return await ask_once("https://endpoint.invalid/v1")

    exchange = asyncio.run(run())
    assert exchange.end == "proxy" and "407" in exchange.detail
