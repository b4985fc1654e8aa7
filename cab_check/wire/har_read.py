"""Reading a HAR: our own exactly, another program's as far as it goes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast, get_args
from urllib.parse import urlsplit

from cab_check.base.errors import UsageError
from cab_check.wire.exchange import End, Exchange, Facts, Got, Headers, Piece, Recording, Sent, Times, TlsFacts
from cab_check.wire.har_write import VERSION
from cab_check.wire.hosts import is_near
from cab_check.wire.redact import SECRET_HEADERS, Redactor
from cab_check.wire.secret import Secret, core, secret_name

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, binascii.Error, OverflowError)
_ROUTE_STARTS = ("/v1", "/v2", "/v3", "/api/v1", "/openai/v1", "/api/v3", "/api")


def from_har(document: Any) -> Recording:
    """The recording in a HAR document. Raises UsageError if it is none.

    A HAR of another program has its credentials taken out; what it does not tell (how a failed exchange ended, when
    each piece came) is left unknown: all of a body counts as arrived at the end.
    """
    log = document.get("log") if isinstance(document, dict) else None
    if not isinstance(log, dict) or not isinstance(log.get("entries"), list):
        raise UsageError(
            "The file is JSON, but not a HAR recording.",
            "Save one with a browser's developer tools (Network, Save all as HAR), or take exchanges.har of a run.",
        )
    own = log.get("_cab")
    try:
        if isinstance(own, dict):
            return _ours(own, log["entries"])
        return _foreign(log["entries"])
    except _MALFORMED as failure:
        raise UsageError(
            f"The HAR recording is damaged: {type(failure).__name__} while reading its entries.",
            "Save it again; a recording that was edited by hand may have lost a field.",
        ) from failure


def _ours(own: Mapping[str, Any], entries: list[dict[str, Any]]) -> Recording:
    if own["version"] != VERSION:
        raise UsageError(
            f"The recording has version {own['version']!r}; this cab-check reads version {VERSION}.",
            "Read it with the cab-check that wrote it, or a newer one.",
        )
    facts = dict(own["facts"])
    for name in ("address_notes", "addresses"):
        facts[name] = tuple(facts[name])
    return Recording(Facts(**facts), tuple(map(_our_exchange, entries)))


def _our_exchange(entry: dict[str, Any]) -> Exchange:
    own = entry["_cab"]
    request, response = entry["request"], entry["response"]
    sent = Sent(
        method=request["method"],
        url=request["url"],
        headers=_headers(request),
        body=_decoded(own["sent"]["body"]) if "body" in own["sent"] else _post_data(request),
        route=own["sent"]["route"],
        keyed=own["sent"]["keyed"],
    )
    body = _decoded(own["body"]) if "body" in own else _content(response)
    if own["end"] not in get_args(End):
        raise ValueError("unknown end")
    return Exchange(
        number=own["number"],
        sent=sent,
        got=_our_got(own["got"], response, body) if own["got"] else None,
        end=own["end"],
        detail=own["detail"],
        started_at=own["started_at"],
        times=Times(**own["times"]),
        body=body,
        decode_error=own["decode_error"],
        peer=own["peer"],
        tls=TlsFacts(**own["tls"]) if own["tls"] else None,
        redacted=own["redacted"],
        follows_redirect=own["follows_redirect"],
    )


def _our_got(own: Mapping[str, Any], response: dict[str, Any], body: bytes) -> Got:
    raw = _decoded(own["raw"]) if "raw" in own else body
    pieces, offset = [], 0
    for at_ms, size in own["pieces"]:
        pieces.append(Piece(at_ms, raw[offset : offset + size]))
        offset += size
    if offset != len(raw):
        raise ValueError("the pieces do not make up the body")
    return _got(response, tuple(pieces))


def _foreign(entries: list[dict[str, Any]]) -> Recording:
    """Entries that are HTTP and nothing else, redacted by the credentials that stand in their own headers."""
    kept = [entry for entry in entries if str(entry["request"]["url"]).startswith(("http://", "https://"))]
    exchanges = [_foreign_exchange(number, entry) for number, entry in enumerate(kept, 1)]
    redactor = Redactor(secret for exchange in exchanges for secret in _credentials(exchange.sent.headers))
    clean = tuple(map(redactor.exchange, exchanges))
    return Recording(_foreign_facts(clean), clean)


def _foreign_exchange(number: int, entry: dict[str, Any]) -> Exchange:
    request, response = entry["request"], entry["response"]
    body = _content(response)
    answered = int(response["status"]) > 0
    ended = float(entry.get("time") or 0.0)
    headers = _headers(request)
    parts = urlsplit(request["url"])
    return Exchange(
        number=number,
        sent=Sent(
            method=str(request["method"]),
            url=request["url"],
            headers=headers,
            body=_post_data(request),
            route=_route(parts.path),
            keyed=any(name.casefold() in SECRET_HEADERS for name, _ in headers),
        ),
        got=_got(response, (Piece(ended, body),) if body else ()) if answered else None,
        end="complete" if answered else "reset",
        detail="" if answered else "the recording holds no reply, and does not say why",
        started_at=str(entry.get("startedDateTime", "")),
        times=Times(end=ended),
        body=body,
        peer=entry.get("serverIPAddress") or None,
    )


def _foreign_facts(exchanges: tuple[Exchange, ...]) -> Facts:
    """What can be told from the requests alone: the address, and that there was a key. The rest is unknown."""
    chat = next((item for item in exchanges if item.sent.method == "POST"), exchanges[0] if exchanges else None)
    parts = urlsplit(chat.sent.url if chat else "")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(chat.sent.route)}" if chat else ""
    asked = chat.sent.json if chat else None
    model = asked.get("model") if isinstance(asked, dict) else None
    return Facts(
        base_url=base,
        given=base,
        key_given=any(item.sent.keyed for item in exchanges),
        loopback_or_private=bool(parts.hostname) and is_near(cast(str, parts.hostname)),
        model_requested=model if isinstance(model, str) else None,
        clock=chat.started_at if chat else None,
    )


def _route(path: str) -> str:
    """The part after the base path, by where APIs of this form are commonly mounted."""
    start = max((start for start in _ROUTE_STARTS if path.startswith(f"{start}/")), key=len, default="")
    return path.removeprefix(start)


def _credentials(headers: Headers) -> list[Secret]:
    return [Secret(core(value)) for name, value in headers if name.casefold() in SECRET_HEADERS or secret_name(name)]


def _got(response: dict[str, Any], pieces: tuple[Piece, ...]) -> Got:
    return Got(int(response["status"]), response["statusText"], response["httpVersion"], _headers(response), pieces)


def _headers(message: dict[str, Any]) -> Headers:
    return tuple((str(item["name"]), str(item["value"])) for item in message["headers"])


def _post_data(request: dict[str, Any]) -> bytes:
    text = (request.get("postData") or {}).get("text") or ""
    return str(text).encode("utf-8", "surrogatepass")


def _content(response: dict[str, Any]) -> bytes:
    content = response.get("content") or {}
    text = str(content.get("text") or "")
    return _decoded(text) if content.get("encoding") == "base64" else text.encode("utf-8", "surrogatepass")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
