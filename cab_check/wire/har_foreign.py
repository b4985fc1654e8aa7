"""A HAR that another program wrote: a browser's developer tools, a proxy, an API client.

They agree on little beyond the names of HAR 1.2, so everything is optional here but method, address and status. What a
recording does not tell is left unknown, never made up: no piece of a body has a time, a reply whose body was not kept
ends in `unrecorded`, and so does a request without a reply unless the recorder says why there is none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from cab_check.wire.decode import decode
from cab_check.wire.exchange import End, Exchange, Facts, Got, Headers, Piece, Recording, Sent, Times
from cab_check.wire.hosts import is_near
from cab_check.wire.redact import SECRET_HEADERS, Redactor
from cab_check.wire.secret import Secret, core, secret_name

Entry = Mapping[str, Any]

_ROUTES = ("/chat/completions", "/completions", "/responses", "/messages", "/models", "/embeddings")
_ROUTE_STARTS = ("/v1", "/v2", "/v3", "/api/v1", "/openai/v1", "/api/v3", "/api")
_SANITISED = "webinspector"
"""Chromium's name for itself. What it exports lacks credentials unless the user asks for them by name."""
_ERRORS: tuple[tuple[str, End], ...] = (
    ("NAME_NOT_RESOLVED", "dns"),
    ("CONNECTION_REFUSED", "refused"),
    ("ADDRESS_UNREACHABLE", "unroutable"),
    ("CERT_", "tls"),
    ("SSL_", "tls"),
    ("PROXY_CONNECTION", "proxy"),
    ("CONNECTION_TIMED_OUT", "connect-timeout"),
    ("EMPTY_RESPONSE", "reset"),
    ("CONNECTION_RESET", "reset"),
    ("CONNECTION_CLOSED", "reset"),
    ("INVALID_HTTP_RESPONSE", "protocol"),
    ("ABORTED", "interrupted"),
)
"""Part of Chromium's name for a network error (net/base/net_error_list.h) -> how the exchange ended."""
_CUT = ("INCOMPLETE_CHUNKED", "CONTENT_LENGTH_MISMATCH", "CONNECTION_RESET", "CONNECTION_CLOSED", "QUIC_PROTOCOL")
_NO_KEY = re.compile(
    r"\b(?:no|missing|without|provide an)\b.{0,24}(?:key|token|credential|authori[sz]ation)|"
    r"(?:key|token|credentials?|authori[sz]ation)\b.{0,24}\b(?:missing|required|not (?:been )?(?:given|provided|sent))",
    re.IGNORECASE,
)
_INFLATED = 256 * 1024 * 1024
_SLACK = 16
"""Bytes by which a body may be shorter than its recorder says: a byte order mark, a line end."""


def read_foreign(log: Mapping[str, Any]) -> Recording:
    """The HTTP entries of a HAR log in the order they were sent, redacted by the credentials in their own headers.

    Raises what a wrong shape raises: KeyError, TypeError, ValueError, AttributeError.
    """
    entries = [entry for entry in log["entries"] if str(entry["request"]["url"]).startswith(("http://", "https://"))]
    exchanges = [_exchange(number, entry) for number, entry in enumerate(sorted(entries, key=_began), 1)]
    if _leaves_credentials_out(log, exchanges):
        exchanges = [replace(item, sent=replace(item.sent, keyed=not _misses_key(item))) for item in exchanges]
    redactor = Redactor(secret for exchange in exchanges for secret in _credentials(exchange.sent.headers))
    clean = tuple(map(redactor.exchange, _redirects_linked(exchanges)))
    return Recording(_facts(clean), clean)


def _began(entry: Entry) -> float:
    """Seconds of the epoch; entries without a usable date stay where they are among themselves, in front."""
    try:
        return datetime.fromisoformat(str(entry.get("startedDateTime")).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def _leaves_credentials_out(log: Mapping[str, Any], exchanges: Sequence[Exchange]) -> bool:
    """Whether nobody can tell from it if a key was sent. Then one is taken to have been: few ask an API without."""
    creator = log.get("creator")
    name = str(creator.get("name")) if isinstance(creator, dict) else ""
    return name.casefold() == _SANITISED and not any(exchange.sent.keyed for exchange in exchanges)


def _misses_key(exchange: Exchange) -> bool:
    """Whether the reply itself says that no key came."""
    return exchange.status == 401 and _NO_KEY.search(exchange.text) is not None


def _exchange(number: int, entry: Entry) -> Exchange:
    request, response = entry["request"], entry["response"]
    headers = _headers(request)
    got = _got(response)
    body = _body(response, got)
    end, detail = _end(entry, got, body)
    return Exchange(
        number=number,
        sent=Sent(
            method=str(request["method"]),
            url=str(request["url"]),
            headers=headers,
            body=_sent_body(request),
            route=_route(urlsplit(str(request["url"])).path),
            keyed=any(name.casefold() in SECRET_HEADERS for name, _ in headers),
        ),
        got=got,
        end=end,
        detail=detail,
        started_at=str(entry.get("startedDateTime", "")),
        times=Times(end=_duration(entry)),
        body=body or b"",
        peer=entry.get("serverIPAddress") or None,
    )


def _got(response: Entry) -> Got | None:
    """The head of the reply; None if there was none, which is written as status 0."""
    status = int(response.get("status") or 0)
    if status <= 0:
        return None
    words = [str(response.get(name) or "") for name in ("statusText", "httpVersion")]
    return Got(status, words[0], words[1], _headers(response), ())


def _body(response: Entry, got: Got | None) -> bytes | None:
    """The body as it was before compression; None if it was not kept, or not all of it."""
    content = response.get("content") or {}
    text = content.get("text")
    size = max(int(content.get("size") or 0), 0)
    if text is None:
        arrived = (got.header("content-length") if got else None) or response.get("bodySize") or 0
        return None if size or int(arrived) > 0 else b""
    body = _bytes(str(text), content.get("encoding"))
    if got is not None and body.startswith(b"\x1f\x8b"):  # kept as it came
        pieces, _ = decode(replace(got, pieces=(Piece(0.0, body),)), _INFLATED)
        body = b"".join(piece.data for piece in pieces)
    return body if len(body) + _SLACK >= size else None


def _end(entry: Entry, got: Got | None, body: bytes | None) -> tuple[End, str]:
    told = str(entry.get("_error") or entry["response"].get("_error") or "")
    if got is None:
        named = next((end for part, end in _ERRORS if part in told), None)
        return (named, told) if named else ("unrecorded", told or "the recording holds no reply, and does not say why")
    if any(part in told for part in _CUT):
        return "cut", told
    stopped = str(entry.get("_charlesStatus") or "COMPLETE")
    if "ABORTED" in told or stopped != "COMPLETE":
        return "interrupted", told or stopped
    if body is None:
        return "unrecorded", "the recording does not hold the body of the reply, or not all of it"
    return "complete", ""


def _duration(entry: Entry) -> float:
    """Milliseconds; where the whole is not given, its phases added up."""
    whole = float(entry.get("time") or 0.0)
    if whole > 0:
        return whole
    timings = entry.get("timings") or {}
    phases = (timings.get(name) for name in ("blocked", "dns", "connect", "send", "wait", "receive"))
    return sum(float(phase) for phase in phases if isinstance(phase, (int, float)) and phase > 0)


def _redirects_linked(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """With each 307 or 308 and the entry that went where it points."""
    linked = list(exchanges)
    for before in exchanges:
        if before.status not in (307, 308) or before.got is None:
            continue
        target = urljoin(before.sent.url, before.got.header("location") or "")
        for place, after in enumerate(linked):
            same = (after.sent.method, after.sent.url, after.sent.body) == (
                before.sent.method,
                target,
                before.sent.body,
            )
            if same and after.number > before.number and after.follows_redirect is None:
                linked[place] = replace(after, follows_redirect=before.number)
                break
    return linked


def _facts(exchanges: Sequence[Exchange]) -> Facts:
    """What can be told from the requests alone: the address, and that there was a key. The rest is unknown."""
    posts = [item for item in exchanges if item.sent.method == "POST"]
    chats = [item for item in posts if item.sent.route in _ROUTES]
    chat = next(iter([*chats, *posts, *exchanges]), None)
    parts = urlsplit(chat.sent.url if chat else "")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(chat.sent.route)}" if chat else ""
    asked = chat.sent.json if chat else None
    model = asked.get("model") if isinstance(asked, dict) else None
    return Facts(
        base_url=base,
        given="",
        key_given=any(item.sent.keyed for item in exchanges),
        loopback_or_private=bool(parts.hostname) and is_near(cast(str, parts.hostname)),
        model_requested=model if isinstance(model, str) else None,
        clock=chat.started_at if chat else None,
    )


def _route(path: str) -> str:
    """The part after the base path: a known route, else by where APIs of this form are commonly mounted."""
    path = path.rstrip("/")
    known = next((route for route in _ROUTES if path.endswith(route)), None)
    if known is not None:
        return known
    start = max((start for start in _ROUTE_STARTS if path.startswith(f"{start}/")), key=len, default="")
    return path.removeprefix(start)


def _credentials(headers: Headers) -> list[Secret]:
    return [Secret(core(value)) for name, value in headers if name.casefold() in SECRET_HEADERS or secret_name(name)]


def _headers(message: Entry) -> Headers:
    """Without HTTP/2's pseudo headers, which stand in the request line of HTTP/1.1."""
    items = ((str(item["name"]), str(item["value"])) for item in message.get("headers") or ())
    return tuple((name, value) for name, value in items if not name.startswith(":"))


def _sent_body(request: Entry) -> bytes:
    data = request.get("postData") or {}
    return _bytes(str(data.get("text") or ""), data.get("encoding"))


def _bytes(text: str, encoding: object) -> bytes:
    """Recorders write base64 with and without line ends."""
    if str(encoding or "").casefold() == "base64":
        return base64.b64decode("".join(text.split()), validate=True)
    return text.encode("utf-8", "surrogatepass")
