"""From single replies to findings: what the bytes of one reply prove, and what takes most of at least three."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cab_check.handshake.form import Faults
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import with_room
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.finding import Confidence, Finding
from cab_check.wire.exchange import Ask

MOST_OF = 3
_ONCE_IS_NOTHING = frozenset({"text-garbled", "tool-call-swallowed"})
"""The server's, but a parser that works swallows a call too if the model wrote it badly enough."""
Question = Callable[[int], Ask]


@dataclass(frozen=True, slots=True)
class Tally:
    """Findings over some replies to equivalent questions. `sound`: how many had nothing wrong that weighs."""

    findings: tuple[Finding, ...]
    tried: int
    sound: int
    inconclusive: int

    @property
    def blocked(self) -> bool:
        """Whether something blocking was established."""
        return any(finding.severity == "blocks" for finding in self.findings)


def outstanding(question: Ask, seen: Seen) -> list[Ask]:
    """What to send for a verdict on `question`: itself, or itself with more room if the answer was cut at our limit."""
    if seen.answer_to(question) is None:
        return [question]
    turn, roomier = seen.turn_for(question), with_room(question)
    cut = turn is not None and turn.cut_at_limit and turn.limit is not None
    return [roomier] if cut and seen.answer_to(roomier) is None else []


def best_answer(question: Ask, seen: Seen) -> Turn | None:
    """The answer to `question` that counts: the one with more room where that was asked for and came."""
    roomier = seen.turn_for(with_room(question))
    return roomier if roomier is not None and roomier.answered else seen.turn_for(question)


def ask_until_told(question: Question, faults: Faults, plan: Plan, seen: Seen) -> list[Ask]:
    """The first try; the others only after it failed in a way that may be the model's mood."""
    waiting = outstanding(question(0), seen)
    first = best_answer(question(0), seen)
    if waiting or first is None or not any(is_moody(fault) for fault in doubting(faults, seen)(first)):
        return waiting
    return [ask for number in range(1, plan.tries) for ask in outstanding(question(number), seen)]


def is_moody(fault: Finding) -> bool:
    """Whether the same server could do better on the next try, so that one reply proves nothing."""
    if fault.code == "model-lacks-tools":
        return False  # the server's own words
    if fault.code == "tool-call-as-text" and fault.confidence != "high":
        return True
    return fault.owner == "model" or fault.code in _ONCE_IS_NOTHING


def doubting(faults: Faults, seen: Seen) -> Faults:
    """`faults`, less sure of a call in the text where this server took a call of this model apart as it should."""
    parses = {
        turn.streamed
        for turn in seen.turns
        if turn.tools
        and any(call.name in turn.tools and isinstance(call.parsed, dict) for call in turn.reply.tool_calls)
    }

    def doubted(turn: Turn) -> list[Finding]:
        return [
            fault.but(confidence="medium") if fault.code == "tool-call-as-text" and turn.streamed in parses else fault
            for fault in faults(turn)
        ]

    return doubted


def tally(turns: Iterable[Turn], faults: Faults, seen: Seen) -> Tally:
    """Count faults over `turns`, all of them answers to equivalent questions.

    What bytes prove stands after one sight. Blame on the model stands only if most of at least three conclusive
    replies deserve it. A reply cut at our own limit is inconclusive.
    """
    doubted = doubting(faults, seen)
    every = [(turn, doubted(turn)) for turn in turns]
    told = [(turn, found) for turn, found in every if not turn.cut_at_limit or found]
    grouped: dict[tuple[str, str | None], list[Finding]] = {}
    for _, found in told:
        for fault in found:
            grouped.setdefault((fault.code, fault.subject), []).append(fault)
    merged = [merge(same, len(told)) for same in grouped.values()]
    moody = [finding for finding in merged if is_moody(finding)]
    failed = sum(any(is_moody(fault) for fault in found) for _, found in told)
    proved = tuple(finding for finding in merged if not is_moody(finding)) + _blame(moody, failed, len(told))
    weighing = sum(any(fault.severity != "info" for fault in found) for _, found in told)
    return Tally(proved, len(told), len(told) - weighing, len(every) - len(told))


def merge(same: Sequence[Finding], of: int) -> Finding:
    """One finding from several with the same code and subject, seen `len(same)` times of `of`."""
    evidence = tuple(item for finding in same for item in finding.evidence)
    return same[0].but(seen=(len(same), max(of, len(same))), evidence=evidence[:MOST_OF])


def _blame(moody: Sequence[Finding], failed: int, tried: int) -> tuple[Finding, ...]:
    """The model's findings, if most of at least three tries failed: those seen in most, else the commonest one."""
    if tried < MOST_OF or failed * 2 <= tried:
        return ()
    usual = tuple(finding for finding in moody if finding.seen[0] * 2 > tried)
    if usual:
        return tuple(finding.but(confidence=_at_most_medium(finding.confidence)) for finding in usual)
    commonest = max(moody, key=lambda finding: finding.seen[0])
    return (commonest.but(confidence="low"),)


def _at_most_medium(sure: Confidence) -> Confidence:
    """What the model wrote passed through a parser before it came here, and may have been damaged there."""
    return "medium" if sure == "high" else sure
