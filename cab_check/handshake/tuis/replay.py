"""What of one agent CLI's conversation is in a recording, and what is still to be sent for a verdict. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cab_check.handshake.calls import call_faults, is_usable
from cab_check.handshake.checks.chat import answer_faults
from cab_check.handshake.checks.turns import result_faults
from cab_check.handshake.failure import failure
from cab_check.handshake.form import Faults
from cab_check.handshake.mends import in_place_of_result, to_mend
from cab_check.handshake.narrow import Narrowed, Parts, answer, narrow_by
from cab_check.handshake.plan import Plan
from cab_check.handshake.prefill import prompt_count
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import is_moody
from cab_check.handshake.tuis import replay_chat as replay
from cab_check.handshake.tuis.arrival import measuring
from cab_check.handshake.wording import STAND_IN, stands_in_for
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.tuis.profile import Profile
from cab_check.wire.exchange import Ask

Question = Callable[[int], Ask]
_SAID_PLAINLY = frozenset(
    {
        "tool-parser-disabled",
        "model-lacks-tools",
        "no-route-supports-tools",
        "tools-need-other-api",
        "safety-blocked",
        "data-policy-excludes-model",
    }
)
_OF_SIZE = ("context-too-small", "output-limit-refused")


class Replay:
    """What of one CLI's conversation is in a recording, and what is still to be sent. Pure over `seen`."""

    def __init__(self, profile: Profile, plan: Plan, seen: Seen) -> None:
        self.profile, self.plan, self.seen = profile, plan, seen
        self.every: Parts = frozenset(replay.first_parts(profile))
        self.echoed: Parts = frozenset(replay.second_parts(profile))

    @property
    def turns(self) -> list[Turn]:
        """All chat completions of this conversation."""
        return [turn for turn in self.seen.about(STAND_IN) if stands_in_for(turn.messages) == self.profile.name]

    def waiting(self) -> list[Ask]:
        """What is to be sent next; empty when it is settled."""
        opening = self._first(0)
        if self.seen.answer_to(opening) is None:
            return [opening, *(ask for ask in self._asides() if self.seen.answer_to(ask) is None)]
        opened = self.seen.turn_for(opening)
        if opened is None:
            return []
        if not opened.answered and self.for_its_size(opened):
            return [self._unlimited()] if self.seen.answer_to(self._unlimited()) is None else []
        if not opened.answered:
            return list(self.taken_apart().waiting) if self._refused(opened) else []
        return (
            self._more(self._first, self.opening_faults)
            or to_mend(self.opened() if self.profile.uses_tools else [], self._told, self.seen)
            or self._second_turns()
            or self._counting(opened)
        )

    def _counting(self, opened: Turn) -> list[Ask]:
        """What tells whether all of the prompt arrived, once both turns came."""
        if not any(turn.answered for turn in self.answered()):
            return []
        ask = self._counted()
        uncounted = opened.streamed and prompt_count(opened) is None and self.seen.answer_to(ask) is None
        return [*([ask] if uncounted else []), *measuring(self.plan, self.seen)]

    def opened(self) -> list[Turn]:
        """The first turns that came back, one for each try."""
        return self._tried(self._first)

    def answered(self) -> list[Turn]:
        """The second turns that came back."""
        first = self._usable()
        return self._tried(lambda number: self._second(first, number)) if first is not None else []

    def taken_apart(self) -> Narrowed:
        """Which parts of the first turn are refused; if it is its tools, which parts of those."""
        inner = frozenset(replay.inner_parts(self.profile))
        outer = [part for part in replay.first_parts(self.profile) if part not in inner]
        told = self._narrowed(outer, lambda parts: parts | inner if replay.TOOLS in parts else parts)
        if replay.LIMIT in told.refused and not told.waiting:
            small = replay.with_small_limit(self.plan, self.profile)
            if self.seen.answer_to(small) is None:
                return replace(told, waiting=(small,))
        if replay.TOOLS not in told.refused or told.waiting:
            return told
        within = self._narrowed(sorted(inner), lambda parts: parts | {replay.TOOLS})
        left = {part: turn for part, turn in told.refused.items() if part != replay.TOOLS}
        refused = left | dict(within.refused) if within.refused else told.refused
        return Narrowed(within.waiting, refused, told.answered, (*told.asked, *within.asked), within.unsaid)

    def _narrowed(self, parts: Sequence[str], whole: Callable[[Parts], Parts]) -> Narrowed:
        def build(some: Parts) -> Ask:
            return replay.first(self.plan, self.profile, whole(some))

        return narrow_by(parts, build, lambda some: self.seen.turn_for(build(some)), _suspects, self.seen)

    def small_limit(self) -> Turn | None:
        """The first turn with a small output limit, where its own was refused."""
        return self.seen.turn_for(replay.with_small_limit(self.plan, self.profile))

    def results_apart(self, first: Turn) -> Narrowed:
        """Which parts of the second turn are refused."""
        return narrow_by(
            replay.second_parts(self.profile),
            lambda parts: replay.second(self.plan, self.profile, first, parts),
            lambda parts: self.seen.turn_for(replay.second(self.plan, self.profile, first, parts)),
            _suspects,
            self.seen,
        )

    def opening_faults(self, turn: Turn) -> list[Finding]:
        """What is wrong with an answer to the first turn."""
        if not self.profile.uses_tools:
            return answer_faults(turn)
        found = call_faults(turn)
        if turn.cut_at_limit and turn.limit is None and not is_usable(turn):
            counted = turn.reply.usage.completion if turn.reply.usage else None
            words = f"finish_reason length after {counted} tokens, and no limit was asked for"
            shown = evidence(turn.number, "reply.choices[0].finish_reason", words)
            found.append(make("output-cap-low", subject=str(counted or "") or None, evidence=[shown]))
        return found

    def result_faults(self, turn: Turn) -> list[Finding]:
        """What is wrong with an answer to the second turn."""
        return result_faults(turn) if self.profile.uses_tools else answer_faults(turn)

    def counted(self) -> Turn | None:
        """The first turn as a stream that asks for its usage, where the CLI itself asks for none and got none."""
        return self.seen.turn_for(self._counted())

    def _counted(self) -> Ask:
        ask = self._first(0)
        return Ask(ask.method, ask.route, {**(ask.body or {}), "stream_options": {"include_usage": True}})

    def _second_turns(self) -> list[Ask]:
        first = self._usable()
        if first is None:
            return []
        second = self.seen.turn_for(self._second(first, 0))
        if second is not None and not second.answered:
            return list(self.results_apart(first).waiting) if self._refused(second) else []
        return self._more(lambda number: self._second(first, number), self.result_faults)

    def _more(self, question: Question, faults: Faults) -> list[Ask]:
        """The first try; the others only where the model's mood may have been to blame."""
        first = self.seen.turn_for(question(0))
        if first is None:
            return [question(0)] if self.seen.answer_to(question(0)) is None else []
        if not first.answered or not any(is_moody(fault) for fault in faults(first)):
            return []
        tries = [question(number) for number in range(1, self.plan.tries)]
        return [ask for ask in tries if self.seen.answer_to(ask) is None]

    def _tried(self, question: Question) -> list[Turn]:
        turns = (self.seen.turn_for(question(number)) for number in range(self.plan.tries))
        return [turn for turn in turns if turn is not None]

    def _usable(self) -> Turn | None:
        """The first turn that the second one builds on."""
        if not self.profile.uses_tools:
            return next((turn for turn in self.opened() if turn.answered), None)
        return next((turn for turn in self.opened() if is_usable(turn)), None)

    def unlimited(self) -> Turn | None:
        """The first turn without its output limit, where it was asked because the whole was too large."""
        return self.seen.turn_for(self._unlimited())

    def refused_asides(self) -> list[Turn]:
        """Requests besides the conversation that were not answered."""
        turns = [self.seen.turn_for(ask) for ask in self._asides()]
        return [turn for turn in turns if turn is not None and not turn.answered]

    def for_its_size(self, turn: Turn) -> bool:
        """Whether it was refused because prompt, or prompt and output limit, are too large."""
        why = failure(turn.exchange, self.seen)
        return why is not None and why.code in _OF_SIZE

    def _refused(self, turn: Turn) -> bool:
        """Whether taking it apart can tell more: not where the server's own words say that it is no part of it."""
        why = failure(turn.exchange, self.seen)
        plain = why is not None and why.code in _SAID_PLAINLY and why.confidence == "high"
        return answer(turn, self.seen) == "refused" and not plain

    def _unlimited(self) -> Ask:
        return replay.first(self.plan, self.profile, self.every - {replay.LIMIT})

    def _first(self, number: int) -> Ask:
        return replay.first(self.plan, self.profile, self.every, number)

    def _second(self, first: Turn, number: int) -> Ask:
        return replay.second(self.plan, self.profile, first, self.echoed, number)

    def _told(self, broken: Turn, words: str) -> Ask:
        return in_place_of_result(self._second(broken, 0), words)

    def _asides(self) -> list[Ask]:
        return replay.asides(self.plan, self.profile)


def _suspects(turn: Turn, parts: Parts) -> Sequence[str]:
    """The parts that a refusal spells out."""
    error = turn.reply.error
    words = " ".join(link.message for link in error.chain) + f" {error.param or ''}" if error else ""
    names = {part: part.rpartition(":")[2] for part in parts if ":" in part}
    return [part for part, name in sorted(names.items()) if name in words.replace("`", " ").replace("'", " ")]
