"""How an exchange ended when it did not end well: from an exception to one of the `End`s and a sentence."""

from __future__ import annotations

import errno
import socket
import ssl

import httpcore

from cab_check.base.text import one_line
from cab_check.wire.exchange import End
from cab_check.wire.journal import Journal, TooLarge
from cab_check.wire.line import NoConnection

NETWORK_FAILURES = (
    OSError,  # with ssl.SSLError, socket.gaierror and TimeoutError
    TooLarge,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_UNTRUSTED = {
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    19: "unknown-ca",
    20: "unknown-ca",
    21: "unknown-ca",
    62: "wrong-host",
    64: "wrong-host",
}
_NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
}
_UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}


def explain(failure: BaseException, journal: Journal, proxied: str | None) -> tuple[End, str]:
    """The end and its detail. `proxied` is the proxy's address where one was used.

    The detail of a TLS failure begins with its reason and a colon: self-signed, unknown-ca, expired, not-yet-valid,
    wrong-host, untrusted, plain-http or handshake.
    """
    end, detail = _explain(failure, journal)
    if proxied and (journal.connected is None or end == "proxy") and end not in ("request-invalid", "total-timeout"):
        return "proxy", f"the proxy {proxied}: {detail}"
    return end, detail


def _explain(failure: BaseException, journal: Journal) -> tuple[End, str]:
    match failure:
        case ssl.SSLError():
            return _tls(failure, journal)
        case socket.gaierror():
            return "dns", f"the name does not resolve: {failure.strerror}"
        case NoConnection():
            return _no_connection(failure)
        case TimeoutError() if journal.timeout_end == "complete":
            return (
                "complete",
                f"the connection stayed open after [DONE]; closed here {journal.limits.after_done_s:g} s later",
            )
        case TimeoutError():
            return journal.timeout_end, _waited(journal)
        case TooLarge():
            return "too-large", str(failure)
        case httpcore.ProxyError():
            return "proxy", str(failure)
        case httpcore.LocalProtocolError():
            return "request-invalid", _invalid(str(failure))
        case httpcore.ProtocolError():
            return _protocol(str(failure), journal)
    return _broken(failure, journal)


def _tls(failure: ssl.SSLError, journal: Journal) -> tuple[End, str]:
    said = one_line(str(failure))
    if journal.head is not None:
        return "cut", f"the TLS connection broke off: {said}"
    if isinstance(failure, ssl.SSLCertVerificationError):
        reason = _UNTRUSTED.get(getattr(failure, "verify_code", 0), "untrusted")
        return "tls", f"{reason}: {failure.verify_message or said}"
    if failure.reason in _NOT_TLS:
        return "tls", f"plain-http: the server does not speak TLS on this port ({failure.reason})"
    return "tls", f"handshake: {said}"


def _no_connection(failure: NoConnection) -> tuple[End, str]:
    """With several addresses, the end of the one that came nearest to an answer."""
    numbers = {error.errno for _, error in failure.failures}
    detail = f"no connection: {failure}"
    if errno.ECONNREFUSED in numbers:
        return "refused", detail
    if errno.ETIMEDOUT in numbers:
        return "connect-timeout", detail
    if errno.ECONNRESET in numbers:
        return "reset", detail
    return "unroutable", detail


def _waited(journal: Journal) -> str:
    limits, waited = journal.limits, f"after {journal.now_ms() / 1000:.1f} s"
    tried = ", ".join(spot.shown for spot in journal.spots)
    return {
        "name": f"the name server gave no answer within {limits.connect_s:g} s",
        "connect": f"no answer from {tried} within {limits.connect_s:g} s",
        "tls": f"connected to {journal.peer}, but the TLS handshake did not end within {limits.connect_s:g} s",
        "reply": f"the request went out, no reply had come {waited}",
        "body": f"the reply began, and had not ended {waited}",
    }[journal.phase]


def _protocol(said: str, journal: Journal) -> tuple[End, str]:
    first = journal.line.first if journal.line else b""
    if said.startswith("peer closed connection"):
        return "cut", one_line(said)
    if said.startswith("Server disconnected"):
        if first.startswith(b"HTTP/"):
            return "cut", f"the connection was closed in the middle of the headers: {_quote(first)}"
        if first:
            return "protocol", f"what came is not HTTP: {_quote(first)}"
        return "reset", "the connection was closed before a reply came"
    if "buffer too long" in said.casefold() and journal.head is None:
        return "too-large", "the headers of the reply are larger than 100 KiB"
    what = "the body's framing is broken" if journal.head else "what came is not HTTP"
    return "protocol", f"{what}: {one_line(said)}; it began {_quote(first)}"


def _broken(failure: BaseException, journal: Journal) -> tuple[End, str]:
    cause = failure.__cause__ or failure
    said = one_line(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)
    if journal.head is not None:
        return "cut", f"the connection broke off in the reply: {said}"
    return (
        "reset",
        f"the connection broke off {'in the TLS handshake' if journal.phase == 'tls' else 'before a reply'}: {said}",
    )


def _invalid(said: str) -> str:
    """h11 quotes the value of a header that it refuses, and the value may be the key."""
    return "a header holds a character that HTTP does not allow" if "header value" in said else one_line(said)


def _quote(data: bytes) -> str:
    return ascii(data[:80])[1:]
