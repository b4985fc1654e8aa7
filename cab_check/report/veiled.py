"""A stored run as it may be shown to strangers: the Record and its recording with placeholders in place of what is
private. Everything that is passed on is made from these, so no report has to think of privacy again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cab_check.knowledge.advice import rules
from cab_check.report.placeholders import Placeholders
from cab_check.wire.address import HIDDEN
from cab_check.wire.decode import arrivals
from cab_check.wire.exchange import Exchange, Facts, Got, Headers, Piece, Recording, Sent, TlsFacts
from cab_check.wire.redact import SECRET_HEADERS
from cab_check.wire.secret import secret_name

# The first rule that holds says what the value of a header is.
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"(?:set-)?cookie2?", "COOKIE"),
        (r"x-forwarded-(?:host|server)|x-served-by|x-(?:backend|upstream)(?:-.*)?|x-(?:server-|host)name", "HOST"),
        (r"(?:.*-)?(?:forwarded(?:-for)?|(?:real|connecting|client|remote)-(?:ip|addr))", "ADDRESS"),
        (r"cf-ray|traceparent|tracestate|x-b3-.*|x-amz-cf-.*|x-cloud-trace-context|x-vercel-id|etag|x-trace|baggage",
         "REQUEST"),
        (r"(?:.*-)?(?:request|req|trace|correlation|call|session|span|transaction|invocation|generation|instance|worker"
         r"|pod|node|container|replica|machine|job)-?(?:id|name)", "REQUEST"),
        (r"(?!user-agent$)(?:.*-)?(?:organi[sz]ation|project|account|tenant|team|customer|workspace|user|subscription"
         r"|owner|principal|identity|e?mail|login|client-id|key-(?:name|alias|hash))(?:-.*)?", "ACCOUNT"),
    )
)  # fmt: skip

# What a client sends without being asked to. Any other header of a request was added by the user.
_USUAL = """
    host accept accept-encoding accept-language connection user-agent content-type content-length transfer-encoding
     cache-control pragma origin referer expect te upgrade-insecure-requests anthropic-version anthropic-beta
     openai-beta x-title http-referer authorization proxy-authorization
"""
_ORDINARY = frozenset(_USUAL.split())


@dataclass(frozen=True)
class Shareable:
    """What may be passed on. `replaced`: kind to (different values, times in all). `full`: only secrets were."""

    record: dict[str, Any]
    recording: Recording
    replaced: Mapping[str, tuple[int, int]]
    full: bool


def shareable(record: Mapping[str, Any], recording: Recording, *, full: bool = False) -> Shareable:
    """The run with placeholders; with `full`, as it is but for its secrets.

    All of it is gone through twice: what the first look recognises somewhere, the second finds everywhere.
    """
    names = Placeholders(full=full)
    _recording(names, recording)
    _plain(names, record)
    names.settle()
    hidden = _recording(names, recording)
    shown = _plain(names, record)
    return Shareable(shown, hidden, names.replaced(), full)


def _plain(names: Placeholders, value: Any) -> Any:
    """A JSON value with placeholders in its strings. Sentences and links of our own knowledge stay as they are."""
    if isinstance(value, str):
        return value if value in _own_words() else names.text(value)
    if isinstance(value, Mapping):
        return {key: _plain(names, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(names, item) for item in value]
    return value


def _own_words() -> frozenset[str]:
    return frozenset(text for rule in rules() for text in (*rule.sources, rule.fix, rule.cause) if text)


def _recording(names: Placeholders, recording: Recording) -> Recording:
    return Recording(_facts(names, recording.facts), tuple(_exchange(names, item) for item in recording.exchanges))


def _facts(names: Placeholders, facts: Facts) -> Facts:
    return replace(
        facts,
        base_url=names.text(facts.base_url),
        given=names.text(facts.given),
        addresses=tuple(map(names.text, facts.addresses)),
        key_source=_maybe(names.text, facts.key_source),
        model_requested=_maybe(names.text, facts.model_requested),
    )


def _exchange(names: Placeholders, exchange: Exchange) -> Exchange:
    body = _bytes(names, exchange.body)
    return replace(
        exchange,
        sent=_sent(names, exchange.sent),
        got=exchange.got and _got(names, exchange, exchange.got, body),
        detail=names.text(exchange.detail),
        body=body,
        decode_error=_maybe(names.text, exchange.decode_error),
        peer=_maybe(names.text, exchange.peer),
        tls=exchange.tls and _tls(names, exchange.tls),
        redacted=exchange.redacted or body != exchange.body,
    )


def _sent(names: Placeholders, sent: Sent) -> Sent:
    return replace(
        sent,
        url=names.text(sent.url),
        route=names.text(sent.route),
        body=_bytes(names, sent.body),
        headers=tuple((name, _header(names, name, value, added=name.casefold() not in _ORDINARY))
                      for name, value in sent.headers),
    )  # fmt: skip


def _got(names: Placeholders, exchange: Exchange, got: Got, body: bytes) -> Got:
    headers: Headers = tuple((name, _header(names, name, value)) for name, value in got.headers)
    return replace(got, reason=names.text(got.reason), headers=headers, pieces=_pieces(exchange, got, body))


def _header(names: Placeholders, name: str, value: str, *, added: bool = False) -> str:
    low = name.casefold()
    if HIDDEN in value:
        return value
    for pattern, kind in _KINDS:
        if pattern.fullmatch(low):
            return names.text(value) if kind == "HOST" and "://" in value else names.value(kind, value)
    if low in SECRET_HEADERS or secret_name(low):
        return names.value("SECRET", value)
    if low == "host":
        return names.text(f"http://{value}").removeprefix("http://")
    return names.value("VALUE", value) if added else names.text(value)


def _tls(names: Placeholders, tls: TlsFacts) -> TlsFacts:
    def named(value: str) -> str:
        return names.value("CERTIFICATE", value)

    return replace(tls, subject=_maybe(named, tls.subject), issuer=_maybe(named, tls.issuer))


def _bytes(names: Placeholders, data: bytes) -> bytes:
    """Bytes that are no UTF-8 keep those that are none: they may be what the finding is about."""
    return names.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _pieces(exchange: Exchange, got: Got, body: bytes) -> tuple[Piece, ...]:
    """The body again in the pieces that it came in. Compressed or undecodable bytes are kept only if nothing in what
    they hold was replaced; a cut inside of a line that changed moves to the same column, or to the line's end."""
    if body == exchange.body and exchange.decode_error is None:
        return got.pieces
    before, after = _line_starts(exchange.body), _line_starts(body)
    cuts, at = [0], 0
    arrived = arrivals(exchange)
    line = 0
    for piece in arrived:
        at += len(piece.data)
        while line + 2 < len(before) and before[line + 1] <= at:
            line += 1
        cuts.append(min(after[line] + at - before[line], after[line + 1]))
    cuts[-1] = len(body)
    return tuple(
        Piece(piece.at_ms, body[start:end]) for piece, start, end in zip(arrived, cuts, cuts[1:], strict=False)
    )


def _line_starts(data: bytes) -> list[int]:
    """Where each line begins, and last where the data end. Placeholders hold no line ends, so lines stay in step."""
    starts = [0, *(found.end() for found in re.finditer(b"\n", data))]
    return [*starts, len(data)]


def _maybe(change: Callable[[str], str], value: str | None) -> str | None:
    return None if value is None else change(value)
