"""Does a long answer come whole and piece by piece, and does compression leave a stream alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cab_check.handshake import agent_questions as asks
from cab_check.handshake import wording
from cab_check.handshake.calls import carried
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.checks.chat import text_turns
from cab_check.handshake.figures import context_listed
from cab_check.handshake.form import form_faults, is_broken_form, with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.prefill import first_token_ms
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.finding import Confidence, Finding
from cab_check.knowledge.vocabulary import code, evidence, make
from cab_check.wire.exchange import Ask

LOW = 1000
"""Output tokens: a file of some hundred lines needs more."""
PIECES, GENERATED_MS, BURST = 40, 2000.0, 0.05
"""How many pieces, over how long, make a stream long enough to tell; and in which share of its time a burst comes."""
_FULL = 16
"""Prompt and answer that come so near to the listed context have filled it."""
_CUT_FILE = re.compile(r'"content"\s*:\s*"((?:\d+(?:\\n|$))+\d*)\\?$')


def _ask_file(plan: Plan, seen: Seen) -> list[Ask]:
    """Only of a model that writes sound calls: with no limit in the request, another one may never end."""
    if not any(call.verbatim for turn in seen.turns for call in carried(turn)):
        return []
    question = asks.long_file(plan, seen)
    return [question] if seen.answer_to(question) is None else []


def _judge_file(plan: Plan, seen: Seen) -> Outcome:
    turns = seen.about("long-file")
    if not turns:
        return not_asked("no long file was asked for")
    turn = turns[-1]
    faults = with_failure(turn, seen, form_faults, "unrecognised")
    if not turn.answered:
        limit = [fault for fault in faults if fault.code == "output-limit-refused"]
        if limit:
            return concluded(turns, limit, "", had=False)
        return inconclusive(turns, faults[0].title if faults else "no answer")
    found = [fault for fault in faults if code(fault.code).layer == "streaming"]
    found += _cap(turn, plan, seen) or _hidden_cut(turn)
    if found:
        return concluded(turns, found, f"{len(found)} findings", had=not any(f.severity == "blocks" for f in found))
    last = wording.last_number(wording.text_of(turn.messages[-1])) or 0
    wanted = "\n".join(str(number) for number in range(1, last + 1))
    texts = [call.parsed.get("content") for call in turn.reply.tool_calls if isinstance(call.parsed, dict)]
    if not any(isinstance(text, str) and text.strip() == wanted for text in texts):
        return inconclusive(turns, f"the model wrote something else (finish_reason {turn.reply.finish_reason})")
    return concluded(turns, [], f"{last} lines came whole, with no output limit asked for")


def _cap(turn: Turn, plan: Plan, seen: Seen) -> list[Finding]:
    """Cut at a limit that nobody asked for, and that is not the end of the context."""
    usage = turn.reply.usage
    count = usage.completion if usage else None
    if turn.reply.finish_reason != "length" or turn.limit is not None or count is None or count >= LOW:
        return []
    used = count + ((usage.prompt if usage else None) or 0)
    listed = context_listed(plan.model, seen)
    if listed is not None and used >= listed - _FULL:
        return []
    longest = max((_used(other) for other in seen.all_turns if other is not turn), default=0)
    sure: Confidence = "high" if longest > used else "medium"  # as much fitted into the context elsewhere
    words = evidence(turn.number, "reply.usage", f"finish_reason length after {count} tokens, no limit in the request")
    return [make("output-cap-low", subject=str(count), evidence=[words], confidence=sure)]


def _used(turn: Turn) -> int:
    usage = turn.reply.usage
    return ((usage.prompt or 0) + (usage.completion or 0)) if usage and turn.answered else 0


def _hidden_cut(turn: Turn) -> list[Finding]:
    """Arguments that stop in the middle of the numbers, under a finish reason that says all is well."""
    finish = turn.reply.finish_reason
    texts = [call.arguments for call in turn.reply.tool_calls if isinstance(call.arguments, str)]
    cut = next((text for text in texts if _CUT_FILE.search(text)), None)
    if cut is None or finish is None or finish == "length":
        return []
    words = evidence(
        turn.number, "reply.choices[0].message.tool_calls", f"ends in {cut[-60:]!r}, finish_reason {finish}"
    )
    return [make("truncation-hidden", subject=finish, evidence=[words], confidence="high")]


def _ask_pieces(plan: Plan, seen: Seen) -> list[Ask]:
    """A long text, twice, where the long file took its time and did not come piece by piece."""
    files = [turn for turn in seen.about("long-file") if turn.answered]
    if not files or files[-1].exchange.times.end < GENERATED_MS or _comes_in_pieces(files[-1]):
        return []
    first = asks.long_text(plan, seen)
    turn = seen.turn_for(first)
    if turn is None:
        return [first] if seen.answer_to(first) is None else []
    again = asks.long_text(plan, seen, 1)
    return [again] if _is_burst(turn, seen) and seen.answer_to(again) is None else []


def _judge_pieces(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for name in ("long-file", "long-text") for turn in seen.about(name) if turn.answered]
    if not turns:
        return not_asked("no stream was long enough to tell")
    texts = [turn for turn in turns if turn.wanted.about == "long-text"]
    bursts = [turn for turn in texts if _is_burst(turn, seen)]
    if len(bursts) > 1 and len(bursts) == len(texts):
        shown = [evidence(turn.number, "reply.pieces", _timing(turn)) for turn in bursts]
        finding = make("stream-buffered", seen=(len(bursts), len(texts)), evidence=shown)
        return concluded(turns, [finding], "")
    whole = next((turn for turn in turns if _comes_in_pieces(turn)), None)
    if whole is None:
        timed = any(_moments(turn) for turn in turns)
        return inconclusive(
            turns, "no stream was long and slow enough to tell" if timed else "the recording has no times of arrival"
        )
    return concluded(turns, [], _timing(whole))


def _moments(turn: Turn) -> list[float]:
    return [delta.at_ms for delta in turn.reply.deltas if delta.kind in ("content", "reasoning", "tool")]


def _comes_in_pieces(turn: Turn) -> bool:
    moments = _moments(turn)
    return len(moments) >= PIECES and moments[-1] - moments[0] > moments[-1] * BURST


def _is_burst(turn: Turn, seen: Seen) -> bool:
    """All of a long answer at once, after a time in which a short answer was long over: the time of writing it."""
    moments, short = _moments(turn), _short_stream_ms(seen)
    if len(moments) < PIECES or short is None or moments[-1] < GENERATED_MS:
        return False
    return moments[-1] - moments[0] <= moments[-1] * BURST and moments[0] - short >= GENERATED_MS / 2


def _short_stream_ms(seen: Seen) -> float | None:
    """Milliseconds to the first piece of the slowest short stream."""
    return max((ms for turn in seen.turns if turn.streamed and (ms := first_token_ms(turn)) is not None), default=None)


def _timing(turn: Turn) -> str:
    moments = _moments(turn)
    return f"{len(moments)} pieces from {moments[0] / 1000:.2f} s to {moments[-1] / 1000:.2f} s"


def _ask_identity(plan: Plan, seen: Seen) -> list[Ask]:
    """Without compression, where a compressed stream is broken."""
    question = asks.identity_stream(plan, seen)
    return [question] if _broken(_compressed(seen)) and seen.answer_to(question) is None else []


def _judge_identity(plan: Plan, seen: Seen) -> Outcome:
    compressed = _compressed(seen)
    if not compressed:
        return not_asked("no stream came compressed")
    broken = _broken(compressed)
    if not broken:
        return concluded(compressed, [], f"{len(compressed)} compressed streams are sound")
    bare = [turn for turn in text_turns(seen, streamed=True) if _accepts_none(turn) and not _broken([turn])]
    if not bare or not bare[0].answered:
        return inconclusive(broken, "the stream is broken without compression too")
    shown = [evidence(turn.number, "reply", _coding(turn)) for turn in broken[:2]]
    shown.append(evidence(bare[0].number, "reply", "sound without compression"))
    found = make("stream-compressed", seen=(len(broken), len(compressed)), evidence=shown, confidence="high")
    return concluded([*broken, *bare], [found], "", had=False)


def _compressed(seen: Seen) -> list[Turn]:
    """Streams that came in a content coding."""
    return [turn for turn in seen.turns if turn.streamed and turn.answered and _coding(turn) not in ("", "identity")]


def _coding(turn: Turn) -> str:
    return ((turn.exchange.got.header("content-encoding") if turn.exchange.got else None) or "").strip().lower()


def _broken(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if is_broken_form(form_faults(turn))]


def _accepts_none(turn: Turn) -> bool:
    sent = {name.casefold(): value for name, value in turn.exchange.sent.headers}
    return sent.get("accept-encoding", "").strip().lower() == "identity"


LONG_FILE = Check("long-file", "params", "a long file in one call", ("text-survives",), _ask_file, _judge_file)
PIECEWISE = Check("piecewise", "streaming", "streams piece by piece", ("stream",), _ask_pieces, _judge_pieces)
COMPRESSION = Check("compression", "streaming", "compressed streams", ("chat",), _ask_identity, _judge_identity)
