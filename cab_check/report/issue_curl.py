"""A recorded request as a `curl` command that can be pasted into a shell. No secret stands in it, only variables."""

from __future__ import annotations

import base64
import re
import shlex

from cab_check.base.text import clean
from cab_check.wire.address import HIDDEN
from cab_check.wire.exchange import Exchange, Sent

LARGEST_BODY = 20_000  # characters of a body that is written out

# What curl works out itself, or what says nothing about the endpoint.
_LEFT_OUT = frozenset(("host", "connection", "content-length", "user-agent", "accept-encoding", "transfer-encoding"))
_KEY_HEADERS = ("authorization", "x-api-key", "api-key")
_WAITED = ("headers-timeout", "idle-timeout", "total-timeout")
_SECRET = re.compile(rf"{re.escape(HIDDEN)}|(?<![\w-])SECRET-\d+(?!\w)")


def command(exchange: Exchange) -> str:
    """The request as a shell command. Shows status line and headers of the reply too (`-i`)."""
    sent = exchange.sent
    words = [" ".join(("curl -sS -i", *_options(exchange))), _quoted(sent.url, "KEY")]
    # a firewall refuses some clients by their name, so there it is part of the fault
    left_out = _LEFT_OUT - {"user-agent"} if exchange.status == 403 else _LEFT_OUT
    words += [f"-H {_header(name, value)}" for name, value in sent.headers if name.casefold() not in left_out]
    body, before, after = _body(sent)
    words += body
    return f"{before}{_lines(words)}{after}"


def too_large(sent: Sent) -> bool:
    """Whether the body is left to a file, `body.json`."""
    return len(sent.body) > LARGEST_BODY


def _options(exchange: Exchange) -> list[str]:
    sent, options = exchange.sent, []
    if sent.method != ("POST" if sent.body else "GET"):
        options.append(f"-X {sent.method}")
    if isinstance(sent.json, dict) and sent.json.get("stream") is True:
        options.append("-N")
    if exchange.got is not None and exchange.got.header("content-encoding"):
        options.append("--compressed")
    if exchange.end in _WAITED:
        options.append(f"--max-time {max(1, round(exchange.times.end / 1000))}")
    return options


def _lines(words: list[str]) -> str:
    return " \\\n  ".join(words)


def _body(sent: Sent) -> tuple[list[str], str, str]:
    """The option that gives the body, what stands before the command, and what after it."""
    if not sent.body:
        return [], "", ""
    if too_large(sent):
        return ["--data-binary @body.json"], "", ""
    try:
        text = sent.body.decode()
    except UnicodeDecodeError:
        packed = base64.b64encode(sent.body).decode()
        return ["--data-binary @-"], f"printf %s {packed} | base64 -d | ", ""
    if sent.json is not None:
        text = _visible(text)
    end = "JSON" if sent.json is not None else "BODY"
    while end in text:
        end += "_"
    return [f"--data-binary @- <<'{end}'"], "", f"\n{text}\n{end}"


def _visible(text: str) -> str:
    """JSON with the characters that a viewer may drop or reorder written as escapes, which mean the same."""
    shown = clean(text)
    if shown == text:
        return text
    return "".join(mark if clean(mark) == mark else _escape(mark) for mark in text)


def _escape(mark: str) -> str:
    return mark if mark == "\r" else f"\\u{ord(mark):04x}"


def _header(name: str, value: str) -> str:
    variable = "KEY" if name.casefold() in _KEY_HEADERS else re.sub(r"\W", "_", name).upper()
    return _quoted(f"{name}: {value}", variable)


def _quoted(text: str, variable: str) -> str:
    """`text` as one word of a shell, with a variable where a secret stood."""
    text = " ".join(clean(text).split("\n"))
    parts = _SECRET.split(text)
    if len(parts) == 1:
        return shlex.quote(text)
    if all(map(_tame, parts)) and not any(re.match(r"\w", part) for part in parts[1:]):  # "$KEYx" is another variable
        return '"' + f"${variable}".join(parts) + '"'
    return f'"${variable}"'.join(shlex.quote(part) if part else "" for part in parts)


def _tame(text: str) -> bool:
    """Whether a shell leaves `text` alone inside double quotes."""
    return re.fullmatch(r"[\w\s:/.?&=%@,;-]*", text) is not None
