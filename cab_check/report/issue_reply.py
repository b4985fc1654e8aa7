"""A recorded reply as text: status line, the headers that matter, the body or its first events, and what was cut."""

from __future__ import annotations

from collections.abc import Iterator

from cab_check.base.text import clean, one_line
from cab_check.report.md import cut, fence
from cab_check.wire.exchange import Exchange, Got

_NAMES = """
    content-type content-length content-encoding transfer-encoding connection server via location retry-after allow
    www-authenticate x-powered-by
"""
_SHOWN = frozenset(_NAMES.split())
_TELLING = ("version", "ratelimit", "rate-limit", "litellm", "model", "provider", "x-cache")
_NAMES_SHOWN = 20


def reply(exchange: Exchange, limit: int) -> Iterator[str]:
    """Paragraphs of Markdown: the reply in a fence with at most `limit` characters of its body, and what is missing."""
    got = exchange.got
    if got is None:
        yield f"No reply: `{exchange.end}`."
        if exchange.detail:
            yield fence(one_line(exchange.detail, 400), "text")
        return
    body, missing = _body(exchange, limit)
    shown = [item for item in got.headers if _matters(item[0])]
    head = [f"{got.http_version or 'HTTP'} {got.status} {got.reason}", *(f"{name}: {value}" for name, value in shown)]
    yield fence("\n".join([*(one_line(line, 400) for line in head), "", body]), "text")
    yield from filter(None, [missing, _left_out(got), _ending(exchange), _kept(exchange)])


def _body(exchange: Exchange, limit: int) -> tuple[str, str]:
    """The body, of a long stream its first events, and a sentence on what was cut."""
    text = clean(exchange.text)
    whole = text[:limit].rfind("\n\n") if text.startswith(("data:", "event:", "id:", ":")) else -1
    if len(text) <= limit or whole < 0:
        return cut(text, limit)
    events, shown = text.strip().count("\n\n") + 1, text[:whole].count("\n\n") + 1
    return text[:whole], f"Cut here: the first {shown} of {events} events are shown."


def _matters(name: str) -> bool:
    low = name.casefold()
    return low in _SHOWN or any(part in low for part in _TELLING)


def _left_out(got: Got) -> str:
    names = [one_line(name, 40).replace("`", "'") for name, _ in got.headers if not _matters(name)]
    if not names:
        return ""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"Headers left out: `{', '.join(names[:_NAMES_SHOWN])}`{more}."


def _ending(exchange: Exchange) -> str:
    return "" if exchange.end == "complete" else f"The reply did not end properly: `{exchange.end}`."


def _kept(exchange: Exchange) -> str:
    if exchange.decode_error:
        return "The body could not be decompressed; what is shown is as far as it went."
    try:
        exchange.body.decode()
    except UnicodeDecodeError:
        return "The body is not UTF-8; what is not is shown as \ufffd."
    return ""
