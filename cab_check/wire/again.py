"""Requests that were refused for their rate and asked again, read off a recording, and how long they had to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from cab_check.wire.exchange import Exchange, Got

TOO_MANY = 429

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?$")
_RESET = "x-ratelimit-reset"
_REMAINING = "x-ratelimit-remaining"


def asked_again(exchanges: Sequence[Exchange]) -> Mapping[int, int]:
    """Number of each exchange that ended in HTTP 429 -> number of the one that asked the same next."""
    pairs: dict[int, int] = {}
    refused: dict[tuple[str, str, bytes, bool], int] = {}
    for exchange in exchanges:
        question = (exchange.sent.method, exchange.sent.url, exchange.sent.body, exchange.sent.keyed)
        before = refused.pop(question, None)
        if before is not None:
            pairs[before] = exchange.number
        if exchange.status == TOO_MANY:
            refused[question] = exchange.number
    return pairs


def waited_ms(exchanges: Sequence[Exchange]) -> float:
    """Milliseconds between refusals and the next try; where several waited side by side, the time counts once."""
    by_number = {exchange.number: exchange for exchange in exchanges}
    waits = []
    for refused, again in asked_again(exchanges).items():
        began, ended = _start_ms(by_number[refused]), _start_ms(by_number[again])
        if began is not None and ended is not None:
            waits.append((began + by_number[refused].times.end, ended))
    total, until = 0.0, float("-inf")
    for began, ended in sorted(waits):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def wait_s(got: Got) -> float | None:
    """How many seconds a reply asks to wait: by Retry-After, else by x-ratelimit-reset-*; None if it does not say.

    Retry-After is a number or a date (RFC 9110, 10.2.3), retry-after-ms is Azure's. The resets are durations (`1s`,
    `6m0s`, OpenAI and Groq), seconds, or seconds or milliseconds of the epoch (OpenRouter). Of several, those count
    whose own remainder is 0.
    """
    milliseconds = got.header("retry-after-ms") or ""
    if _NUMBER.match(milliseconds):
        return float(milliseconds) / 1000
    after = (got.header("retry-after") or "").strip()
    if _NUMBER.match(after):
        return float(after)
    now = _date(got.header("date") or "") or datetime.now().astimezone()
    until = _date(after)
    if until is not None:
        return max(0.0, (until - now).total_seconds())
    return _reset_s(got, now)


def _reset_s(got: Got, now: datetime) -> float | None:
    every, spent = [], []
    for name, value in got.headers:
        if not name.casefold().startswith(_RESET):
            continue
        seconds = _seconds(value.strip(), now)
        if seconds is not None:
            every.append(seconds)
            left = got.header(_REMAINING + name[len(_RESET) :])
            spent += [seconds] if left is not None and left.strip() == "0" else []
    return max(spent) if spent else min(every, default=None)


def _seconds(value: str, now: datetime) -> float | None:
    if _DURATION.match(value):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if not _NUMBER.match(value):
        return None
    number = float(value)
    if number < 1e9:
        return number
    return max(0.0, (number / 1000 if number > 1e12 else number) - now.timestamp())


def _date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value).astimezone()
    except (ValueError, TypeError, OverflowError):
        return None


def _start_ms(exchange: Exchange) -> float | None:
    try:
        return datetime.fromisoformat(exchange.started_at).timestamp() * 1000
    except ValueError:
        return None
