"""One recording, written down as other programs write a HAR: what each keeps, leaves out, adds and calls otherwise."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

from cab_check.wire.exchange import Exchange, Recording
from cab_check.wire.har import to_har

Document = dict[str, Any]
Entry = dict[str, Any]


def bare(recording: Recording) -> Document:
    """HAR 1.2 and nothing else; requests that went out at once lie a few milliseconds apart."""
    document = copy.deepcopy(to_har(recording))
    del document["log"]["_cab"]
    begun = datetime.fromisoformat(recording.exchanges[0].started_at)
    for number, entry in enumerate(document["log"]["entries"]):
        del entry["_cab"]
        entry["startedDateTime"] = (begun + timedelta(milliseconds=5 * number)).isoformat(timespec="milliseconds")
    return document


_GIVEN_UP = ("headers-timeout", "idle-timeout", "total-timeout", "interrupted")


def _no_reply(entry: Entry, exchange: Exchange, **more: Any) -> None:
    """Without a reply, and without one that the client did not wait for to its end."""
    if exchange.got is None or exchange.end in _GIVEN_UP:
        content = {"size": 0, "mimeType": "x-unknown"}
        entry["response"] |= {"status": 0, "statusText": "", "headers": [], "content": content, **more}


def _log(document: Document, creator: str, **more: Any) -> Document:
    document["log"].update(creator={"name": creator, "version": "1"}, **more)
    return document


def _lower(message: Entry) -> None:
    message["headers"] = [{"name": item["name"].lower(), "value": item["value"]} for item in message["headers"]]


def _split_cookies(message: Entry, header: str) -> None:
    jars = [SimpleCookie(item["value"]) for item in message["headers"] if item["name"].lower() == header]
    message["cookies"] = [{"name": name, "value": morsel.value} for jar in jars for name, morsel in jar.items()]


def _in_base64(content: Entry) -> None:
    if "text" in content and content.get("encoding") != "base64":
        content.update(text=base64.b64encode(content["text"].encode()).decode(), encoding="base64")


def chrome(recording: Recording, *, sanitised: bool = False) -> Document:
    """Chrome DevTools: HTTP/2's pseudo headers, private fields, and without credentials unless they are asked for."""
    document = _log(bare(recording), "WebInspector", pages=[])
    for entry, exchange in zip(document["log"]["entries"], recording.exchanges, strict=True):
        request, response = entry["request"], entry["response"]
        _lower(request)
        _lower(response)
        path = request["url"].split("/", 3)[3]
        pseudo = {":authority": "llm.example", ":method": request["method"], ":path": f"/{path}", ":scheme": "https"}
        request["headers"] = [{"name": k, "value": v} for k, v in pseudo.items()] + request["headers"]
        request["httpVersion"] = response["httpVersion"] = "h2"
        response["statusText"] = ""
        entry |= {"_initiator": {"type": "script"}, "_priority": "High", "_resourceType": "fetch", "connection": "91"}
        entry["timings"] |= {"_blocked_queueing": 0.4, "dns": -1, "connect": -1, "ssl": -1}
        response["_transferSize"] = response["bodySize"]
        if "text" in response["content"] and not response["content"]["text"]:
            del response["content"]["text"]
        _no_reply(entry, exchange, _error=_network_error(exchange))
        if exchange.end == "cut":
            response["_error"] = "net::ERR_INCOMPLETE_CHUNKED_ENCODING"
        if sanitised:
            shown = (item for item in request["headers"] if item["name"] not in ("authorization", "x-api-key"))
            request["headers"] = list(shown)
    return document


def _network_error(exchange: Exchange) -> str:
    names = {"refused": "CONNECTION_REFUSED", "reset": "EMPTY_RESPONSE", "dns": "NAME_NOT_RESOLVED"}
    names |= dict.fromkeys(_GIVEN_UP, "ABORTED")
    return f"net::ERR_{names.get(exchange.end, 'FAILED')}"


def sanitised(recording: Recording) -> Document:
    """Chrome's usual export, which leaves credentials out."""
    return chrome(recording, sanitised=True)


def firefox(recording: Recording) -> Document:
    """Firefox: pages, comments, local time, streams in base64."""
    document = _log(bare(recording), "Firefox", browser={"name": "Firefox", "version": "140"}, comment="")
    for entry, exchange in zip(document["log"]["entries"], recording.exchanges, strict=True):
        _no_reply(entry, exchange)
        response = entry["response"]
        entry |= {"pageref": "page_1", "comment": "", "_securityState": "insecure", "connection": "8080"}
        begun = datetime.fromisoformat(entry["startedDateTime"])
        entry["startedDateTime"] = begun.astimezone().isoformat(timespec="milliseconds")
        if "event-stream" in response["content"]["mimeType"]:
            _in_base64(response["content"])
        response["content"]["comment"] = ""
        entry["request"].setdefault("postData", {"mimeType": "", "text": "", "params": []})
        entry["timings"] = {
            "blocked": 0,
            "dns": 0,
            "connect": 0,
            "ssl": 0,
            "send": 0,
            "wait": entry["time"],
            "receive": 0,
        }
    return document


def mitmproxy(recording: Recording) -> Document:
    """mitmproxy: what it saved is sorted by nothing, cookies stand apart, compressed sizes, phases of -1."""
    document = _log(bare(recording), "mitmproxy", comment="", pages=[])
    for entry, exchange in zip(document["log"]["entries"], recording.exchanges, strict=True):
        _no_reply(entry, exchange)
        _split_cookies(entry["request"], "cookie")
        _split_cookies(entry["response"], "set-cookie")
        content = entry["response"]["content"]
        content["compression"] = max(0, content["size"] - entry["response"]["bodySize"])
        content["size"] = min(content["size"], max(0, entry["response"]["bodySize"]))
        entry["timings"] = {"connect": -1.0, "ssl": -1.0, "send": 0.1, "receive": 0.2, "wait": entry["time"]}
    document["log"]["entries"].reverse()
    return document


def charles(recording: Recording) -> Document:
    """Charles: everything in base64, no phases and no total, its own status in a private field."""
    document = _log(bare(recording), "Charles Proxy", comment="exported")
    for entry, exchange in zip(document["log"]["entries"], recording.exchanges, strict=True):
        _in_base64(entry["response"]["content"])
        entry["_charlesStatus"] = "ABORTED" if exchange.end in _GIVEN_UP else "COMPLETE"
        entry["time"] = -1
        entry["timings"] = {"send": -1, "wait": -1, "receive": -1}
        if entry["response"]["status"] == 0:
            entry["response"] |= {"statusText": None, "httpVersion": None, "headers": []}
    return document


def terse(recording: Recording) -> Document:
    """A script's: the fields that nobody can do without, the body as it came, compressed where it was."""
    document = bare(recording)
    for entry, exchange in zip(document["log"]["entries"], recording.exchanges, strict=True):
        _no_reply(entry, exchange)
        for name in ("cache", "timings", "serverIPAddress"):
            entry.pop(name, None)
        for name in ("cookies", "queryString", "headersSize", "bodySize", "httpVersion"):
            entry["request"].pop(name, None)
        for name in ("cookies", "headersSize", "bodySize", "redirectURL", "statusText", "httpVersion"):
            entry["response"].pop(name, None)
        raw = exchange.got.raw if exchange.got else b""
        if raw.startswith(b"\x1f\x8b") and not exchange.decode_error:
            entry["response"]["content"] = {"text": base64.encodebytes(raw).decode(), "encoding": "base64"}
    return json.loads(json.dumps(document))


DIALECTS: dict[str, Callable[[Recording], Document]] = {
    "chrome": chrome,
    "chrome, sanitised": sanitised,
    "firefox": firefox,
    "mitmproxy": mitmproxy,
    "charles": charles,
    "terse": terse,
}


def without_bodies(document: Document) -> Document:
    """As recorders do that were full, or that do not keep the bodies of streams."""
    document = copy.deepcopy(document)
    for entry in document["log"]["entries"]:
        content = entry["response"]["content"]
        content.pop("text", None)
        content.pop("encoding", None)
        content["size"] = content.get("size") or 1
    return document
