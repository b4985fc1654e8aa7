"""Why a request got no answer: from how the exchange ended, then the words of the reply, and only then its status."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from cab_check.base.machine import NAMES
from cab_check.chat.errors import is_html, read_error
from cab_check.chat.reply import ApiError
from cab_check.handshake.seen import Seen, path_of, speaks_api
from cab_check.knowledge.error_rules import ErrorRule, classify_error, error_rules, worded_rules
from cab_check.knowledge.finding import Confidence, Evidence, Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Exchange

Reason = tuple[str, str | None]

_ENDS: dict[str, Reason] = {
    "dns": ("dns-failure", None),
    "refused": ("endpoint-unreachable", "refused"),
    "unroutable": ("endpoint-unreachable", "unroutable"),
    "proxy": ("endpoint-unreachable", "unroutable"),
    "connect-timeout": ("endpoint-unreachable", "timeout"),
    "headers-timeout": ("reply-timeout", "headers"),
    "total-timeout": ("reply-timeout", "total"),
}
_SENT = "sent"
_TITLES: dict[Reason, str] = {
    ("endpoint-unreachable", "refused"): "Nothing listens at the address: the connection is refused.",
    ("endpoint-unreachable", "timeout"): "Nobody answers at the address: the connection times out.",
    ("endpoint-unreachable", "unroutable"): "There is no way from here to that network.",
    ("endpoint-unreachable", "reset"): "The connection is closed before any answer.",
    ("reply-timeout", "headers"): "The server takes the request and sends no reply within the time that clients wait.",
    ("reply-timeout", "first-token"): "The reply begins, and its first token does not come within the time.",
    ("reply-timeout", "idle"): "The reply begins and then stops.",
    ("tls-untrusted", "self-signed"): "The certificate is self-signed, so it is not trusted here.",
    ("tls-untrusted", "unknown-ca"): "The certificate comes from an authority that is not trusted here.",
    ("tls-untrusted", "expired"): "The certificate has expired.",
    ("tls-untrusted", "wrong-host"): "The certificate is for another host name.",
    ("key-missing", _SENT): "A key was sent, and the server says that none came.",
    ("key-wrong-header", "Authorization: Basic"): "A user name and a password are wanted (HTTP Basic), not a key.",
}
_BY_STATUS: dict[tuple[str, int], str] = {
    ("gateway-timeout", 502): "The proxy in front gets no answer from the server behind it (502).",
    ("gateway-timeout", 521): "The proxy in front gets no answer from the server behind it (521).",
    ("gateway-timeout", 523): "The proxy in front gets no answer from the server behind it (523).",
}
_BY_WORDS = (
    ("tls-failure", "plain http", "The port speaks TLS, and the request came to it in plain http."),
    ("tls-failure", "ssl certificate", "The server lets in only clients that show a certificate of their own."),
)
_OF_A_PAGE: dict[str, str] = {
    "server-overloaded": "The proxy in front turns the request away: a limit of its own, or no live server behind it.",
    "rate-limited": "The proxy in front limits the rate of requests.",
}
"""Titles for a web page where an API would have answered in JSON: the proxy itself spoke, and is to blame."""
_NO_PROXY = "The proxy that the environment names for this endpoint lets no connection through."
_TRUST = (
    ("expired", "expired"),
    ("hostname mismatch", "wrong-host"),
    ("not valid for", "wrong-host"),
    ("self-signed", "self-signed"),
    ("self signed", "self-signed"),
    ("unable to get local issuer", "unknown-ca"),
    ("unable to get issuer", "unknown-ca"),
    ("certificate verify failed", "unknown-ca"),
)
_STATUSES: dict[int, str] = {
    401: "key-rejected",
    402: "billing-exhausted",
    403: "key-lacks-permission",
    407: "endpoint-unreachable",
    413: "request-too-large",
    421: "host-header-refused",
    429: "rate-limited",
    500: "server-crashed",
    502: "gateway-timeout",
    503: "server-overloaded",
    504: "gateway-timeout",
    524: "gateway-timeout",
    529: "server-overloaded",
}
_PAGE = 2000  # characters of a reply that are looked at for words of a proxy
_ROUTE_IS_MISSING = frozenset({404, 405})
_TUNNELS = (
    *(".ngrok.app", ".ngrok.dev", ".ngrok.io", ".ngrok-free.app", ".ngrok-free.dev", ".trycloudflare.com"),
    *(".loca.lt", ".ts.net", ".devtunnels.ms", ".serveo.net", ".pinggy.link"),
)
"""Host names that lead to a program on somebody's machine, which knows itself under another name."""
_FIREWALL = ("cf-ray", "cf-mitigated", "x-sucuri-id", "x-amzn-waf-action", "x-datadome", "akamai-grn")


def failure(exchange: Exchange, seen: Seen, *, unnamed: str = "unrecognised") -> Finding | None:
    """The finding for a request that was not answered with a 2xx status; None if it was, if we broke
    it off, or if nobody knows.

    `unnamed` is the code for a refusal whose words say nothing that is known.
    """
    if exchange.end in ("interrupted", "unrecorded"):
        return None
    if exchange.status is not None and 200 <= exchange.status < 300 and not _waited(exchange):
        return None
    (name, subject), confidence = _reason(exchange, seen, unnamed)
    title = _TITLES.get((name, subject)) or _BY_STATUS.get((name, exchange.status or 0)) or _by_words(name, exchange)
    words = [shown(exchange), *_whose_loopback(exchange, seen)]
    if exchange.end == "proxy":
        title = _NO_PROXY
    found = make(name, subject=subject, title=title, evidence=words, confidence=confidence)
    if name in _OF_A_PAGE and is_html(exchange.body):
        return found.but(title=_OF_A_PAGE[name], owner="gateway")
    return found


def _by_words(name: str, exchange: Exchange) -> str | None:
    said = exchange.text[:_PAGE].casefold()
    return next((title for code, words, title in _BY_WORDS if code == name and words in said), None)


def _whose_loopback(exchange: Exchange, seen: Seen) -> list[Evidence]:
    """That a loopback where nothing listens is not that of the machine around cab-check, where there is one."""
    around = NAMES.get(seen.facts.inside or "")
    if exchange.end != "refused" or around is None or not _is_loopback(urlsplit(exchange.sent.url).hostname or ""):
        return []
    return [evidence(exchange.number, "local", f"cab-check runs in {around}, whose loopback is its own")]


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def shown(exchange: Exchange) -> Evidence:
    """What came of the request, in its own words."""
    if exchange.got is None or _waited(exchange):
        return evidence(
            exchange.number, "end", f"{exchange.end}: {exchange.detail}" if exchange.detail else exchange.end
        )
    error = read_error(exchange.status, exchange.body)
    words = error.message if error and error.message else exchange.text
    where = exchange.got.header("location") or ""
    if 300 <= exchange.got.status < 400:
        words = f"Location: {_without_query(where)}"
    return evidence(exchange.number, "status", f"HTTP {exchange.got.status} {words}".strip())


def _reason(exchange: Exchange, seen: Seen, unnamed: str) -> tuple[Reason, Confidence]:
    """The code, and how sure it is: high only where the hop itself says so, or where this machine saw it happen."""
    if exchange.got is None or _waited(exchange):
        return _by_end(exchange, seen), "high"
    status = exchange.got.status
    if 300 <= status < 400:
        return ("redirect-drops-request", _without_route(exchange, seen) or None), "high"
    if status == 403 and not exchange.body.strip() and _is_tunnel(exchange):
        return ("host-header-refused", None), "medium"  # Ollama refuses a name without a word; a key gets one
    error = read_error(status, exchange.body)
    named = _named(exchange, error, seen, error_rules()) if error else None
    if error is None or named is None:
        return _by_status(exchange, status, unnamed), "medium"
    if status == 403 and named[0] == "web-page-instead-of-api" and _is_its_address(seen):
        return ("client-refused-by-firewall", None), "medium"
    sure = named != ("key-missing", _SENT) and _named(exchange, error, seen, worded_rules()) == named
    return named, "high" if sure else "medium"


def _is_tunnel(exchange: Exchange) -> bool:
    return (urlsplit(exchange.sent.url).hostname or "").endswith(_TUNNELS)


def _is_its_address(seen: Seen) -> bool:
    """Whether the list of models came as an API gives it, or is refused like all else: then it is somebody in front who
    refuses, and no web interface, which knows no such route and refuses what is posted to it.
    """
    return any(speaks_api(exchange) or exchange.status == 403 for exchange in seen.lists_at_given)


def _waited(exchange: Exchange) -> bool:
    return exchange.end in ("headers-timeout", "idle-timeout", "total-timeout", "too-large")


def _by_end(exchange: Exchange, seen: Seen) -> Reason:
    if exchange.end in _ENDS:
        return _ENDS[exchange.end]
    if exchange.end == "idle-timeout":
        return "reply-timeout", "idle" if exchange.body.strip() else "first-token"
    if exchange.end == "tls":
        words = exchange.detail.casefold()
        subject = next((subject for mark, subject in _TRUST if mark in words), None)
        return ("tls-untrusted", subject) if subject else ("tls-failure", None)
    if exchange.end == "reset":
        answers = any(other.got is not None for other in seen.exchanges)
        return ("server-crashed", None) if answers else ("endpoint-unreachable", "reset")
    if exchange.end == "request-invalid" and any(seen.facts.key_shape.values()):
        return "key-malformed", None
    if exchange.end == "protocol" and exchange.sent.url.startswith("http:") and _is_tls_alert(exchange.detail):
        return "tls-failure", None
    return "unrecognised", None


def _named(exchange: Exchange, error: ApiError, seen: Seen, rules: Sequence[ErrorRule]) -> Reason | None:
    """What these rules make of the error."""
    headers = exchange.got.headers if exchange.got else ()
    named = classify_error(error, exchange.status, headers, seen.hops, keyed=exchange.sent.keyed, among=rules)
    sent = {name.casefold() for name, _ in exchange.sent.headers}
    if named and named[0] == "key-wrong-header" and (named[1] or "").casefold() in sent:
        return "key-rejected", None  # it went out in the very header that is asked for
    if named and named[0] == "key-missing" and exchange.sent.keyed:
        asks = "authorization" not in sent and "authorization" in (error.message or "").casefold()
        return ("key-wrong-header", "Authorization") if asks else ("key-missing", _SENT)
    return named


def _by_status(exchange: Exchange, status: int, unnamed: str) -> Reason:
    if status == 401 and not exchange.sent.keyed:
        return "key-missing", None
    page = is_html(exchange.body)
    if page and status in (403, 429, 503) and _behind_firewall(exchange):
        return "client-refused-by-firewall", None
    if page and status not in _STATUSES:
        return "web-page-instead-of-api", None
    if status in _ROUTE_IS_MISSING and not exchange.body.strip():
        return "address-wrong-base-path", None
    return _STATUSES.get(status, unnamed), None


def _behind_firewall(exchange: Exchange) -> bool:
    return exchange.got is not None and any(exchange.got.header(name) is not None for name in _FIREWALL)


def _is_tls_alert(detail: str) -> bool:
    # A TLS server answers plain HTTP with an alert record: type 0x15, version 3.x.
    return "\\x15\\x03" in detail or "\x15\x03" in detail


def _without_route(exchange: Exchange, seen: Seen) -> str:
    """Where a redirect leads; without the route that was asked for, if it leads to the same one: the base URL there."""
    target = _without_query((exchange.got.header("location") if exchange.got else None) or "")
    return target.removesuffix(path_of(exchange).removeprefix(seen.given_base_path))


def _without_query(location: str) -> str:
    parts = urlsplit(location)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else parts.path
