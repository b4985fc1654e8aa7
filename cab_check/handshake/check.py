"""What a check is: a question that can be asked of any recording, and a judgement over what came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Status
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.finding import Finding
from cab_check.wire.exchange import Ask

REPLAY = "tui-"
"""What the ids of checks begin with that send what one agent CLI sends."""
NEEDLESS = "not asked"
"""What the reason of a check begins with that nobody needed to ask."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check came to. `findings` are not yet folded; `exchanges` are the numbers of those it looked at."""

    status: Status
    reason: str
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that can work or not.

    `ask` says what must still be sent for a verdict, given what was answered so far: second turns, repeats and
    narrowing are further calls of the same function, and an empty list means that it has all it needs. `judge` picks
    exchanges by what they sent and got. Both are pure. `needs` are the ids of checks that must not have failed;
    where all those of `unless` have passed, nothing is asked for this one.
    """

    id: str
    layer: str
    label: str
    needs: tuple[str, ...]
    ask: Callable[[Plan, Seen], list[Ask]]
    judge: Callable[[Plan, Seen], Outcome]
    unless: tuple[str, ...] = ()


def nothing_to_ask(plan: Plan, seen: Seen) -> list[Ask]:
    """For checks that look at what others asked."""
    return []


def not_asked(reason: str = NEEDLESS) -> Outcome:
    """Nothing in the recording tells: that is no pass."""
    return Outcome("skipped", reason)


def inconclusive(turns: Sequence[Turn], reason: str) -> Outcome:
    """What was asked did not tell: no pass either, and nobody's fault."""
    return Outcome("skipped", f"inconclusive: {reason}", (), tuple(turn.number for turn in turns))


def concluded(turns: Sequence[Turn], findings: Iterable[Finding], proof: str, *, had: bool = True) -> Outcome:
    """`had`: whether that was had on which later checks build; without it the check fails, whatever was found."""
    found = tuple(findings)
    numbers = tuple(turn.number for turn in turns)
    telling = [finding for finding in found if finding.severity != "info"]
    if not had:
        return Outcome("fail", first_title(found) or "no verdict could be had", found, numbers)
    if telling:
        return Outcome("warn", first_title(telling), found, numbers)
    return Outcome("pass", proof, found, numbers)


def first_title(findings: Sequence[Finding]) -> str:
    """What the first finding says, with its subject."""
    if not findings:
        return ""
    first = findings[0]
    return f"{first.key}: {first.title}"
