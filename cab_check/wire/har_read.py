"""Reading a HAR: our own exactly, another program's as far as it goes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, get_args

from cab_check.base.errors import UsageError
from cab_check.wire.exchange import End, Exchange, Facts, Got, Headers, Piece, Recording, Sent, Times, TlsFacts
from cab_check.wire.har_foreign import read_foreign
from cab_check.wire.har_write import VERSION

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, binascii.Error, OverflowError)


def from_har(document: Any) -> Recording:
    """The recording in a HAR document. Raises UsageError if it is none.

    A HAR of another program has its credentials taken out; what it does not tell is left unknown (har_foreign).
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
        return read_foreign(log)
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
