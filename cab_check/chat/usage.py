"""The token counts of a reply, and whether they can be true."""

from __future__ import annotations

from typing import Any

from cab_check.chat.problems import Problems
from cab_check.chat.reply import Usage


def read_usage(value: Any) -> Usage | None:
    """The counts in a `usage` object; None if there is no such object or it is empty."""
    if not isinstance(value, dict) or not value:
        return None
    details = value.get("completion_tokens_details")
    return Usage(
        prompt=_count(value.get("prompt_tokens")),
        completion=_count(value.get("completion_tokens")),
        total=_count(value.get("total_tokens")),
        reasoning=_count(details.get("reasoning_tokens")) if isinstance(details, dict) else None,
    )


def check_usage(raw: Any, where: str, subject: str, produced: bool, problems: Problems) -> Usage | None:
    """Read `raw`; note it if it is missing or cannot be true. `produced`: whether the reply holds any text or call."""
    usage = read_usage(raw)
    if usage is None or usage == Usage():
        problems.add("usage-missing", where, raw, subject)
        return usage
    for count, name in ((usage.prompt, "prompt_tokens"), (usage.completion, "completion_tokens")):
        if count is None or count < 0:
            problems.add("usage-implausible", f"{where}.{name}", raw)
    if usage.prompt == 0 or (usage.completion == 0 and produced):
        problems.add("usage-implausible", where, raw)
    if None not in (usage.total, usage.prompt, usage.completion) and _sum(usage) > (usage.total or 0):
        problems.add("usage-implausible", f"{where}.total_tokens", raw)
    return usage


def _count(value: Any) -> int | None:
    """A whole number, which some writers of JSON put down as 12.0; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sum(usage: Usage) -> int:
    """Prompt and completion. The total may be more: some providers count hidden reasoning in the total only."""
    return (usage.prompt or 0) + (usage.completion or 0)
