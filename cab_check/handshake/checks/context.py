"""Does a first request of an agent's size reach the model whole, in a time that people wait."""

from __future__ import annotations

from collections.abc import Sequence

from cab_check.handshake import agent_questions as asks
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.figures import context_listed, context_trained
from cab_check.handshake.form import form_faults, with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.prefill import TOO_LONG_S, Rate, first_token_ms, prefill_rate, prompt_count, streams_count
from cab_check.handshake.recall import lost_marks, marks_back, size_of, whole_count_missing
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code, evidence, make
from cab_check.wire.exchange import Ask

SLOW_S = 60.0
"""Proxies give up on a silent reply after that time by default: nginx' proxy_read_timeout."""

ENOUGH_TOKENS = 1000
"""Of a prompt that is long enough for its time to tell the rate; a shorter one waits for other things as well."""

_UNCLEAR = frozenset(
    {
        "unrecognised",
        "server-crashed",
        "template-error",
        "error-in-success",
        "stream-error-event",
        "stream-cut",
        "response-not-json",
        "response-shape",
        "empty-reply",
    }
)
"""What a request that is too long may end in where nobody says that it is too long."""
_OTHERS = ("network", "auth")


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    streams = streams_count(plan, seen)
    offered = seen.about("offer")
    if streams is None or not offered:
        return []  # the small questions first
    first = _question(plan, seen, streams)
    if seen.answer_to(first) is None:
        return [] if _too_slow(plan, seen) else [first]
    turn = seen.turn_for(first)
    if turn is None or turn.exchange.end == "interrupted":
        return []
    if turn.answered:
        return _ask_again(plan, seen, turn, streams)
    reason = _reason(turn, seen)
    if reason is None:
        return []
    if reason.code == "context-too-small":
        return _unanswered(seen, _question(plan, seen, streams, limit=asks.LITTLE))
    return _unanswered(seen, _question(plan, seen, streams, asks.BARE)) if reason.code in _UNCLEAR else []


def _ask_again(plan: Plan, seen: Seen, turn: Turn, streams: bool) -> list[Ask]:
    """Two smaller sizes where the first one leaves a doubt; more tries where only the model's memory speaks."""
    if not _doubtful(turn):
        return []
    sizes = (_question(plan, seen, streams, size) for size in (asks.HALF, asks.BARE))
    waiting = [ask for question in sizes for ask in _unanswered(seen, question)]
    answered = [turn for turn in seen.about("context") if turn.answered]
    if waiting or whole_count_missing(answered) or not lost_marks([turn]):
        return waiting
    tries = [_question(plan, seen, streams, number=number) for number in range(1, plan.tries)]
    return [ask for question in tries for ask in _unanswered(seen, question)]


def _doubtful(turn: Turn) -> bool:
    """Whether the reply leaves a doubt that all of the prompt arrived. Costs one more question, and proves nothing."""
    count = prompt_count(turn)
    few = count is not None and size_of(turn) > count * asks.FEW_TOKENS
    at_cap = count is not None and min(count % 1024, -count % 1024) <= asks.NEAR_CAP
    return few or at_cap or bool(marks_back(turn).missing)


def _question(
    plan: Plan, seen: Seen, streams: bool, size: int = asks.FULL, *, number: int = 0, limit: int | None = None
) -> Ask:
    return asks.agent_sized(plan, seen, size, number=number, limit=limit, stream=streams)


def _unanswered(seen: Seen, question: Ask) -> list[Ask]:
    return [question] if seen.answer_to(question) is None else []


def _too_slow(plan: Plan, seen: Seen) -> bool:
    """By the estimate. A context that is known to be small is never asked to read more than it holds."""
    rate = prefill_rate(seen)
    refused = any(_is_too_small(turn, seen) for turn in seen.about("offer"))
    return not (rate is None or refused or plan.slow) and _estimate_s(rate, plan, seen) > TOO_LONG_S


def _estimate_s(rate: Rate, plan: Plan, seen: Seen) -> float:
    return rate.seconds_for(asks.FULL, at_most=context_listed(plan.model, seen))


def _is_too_small(turn: Turn, seen: Seen) -> bool:
    reason = _reason(turn, seen)
    return reason is not None and reason.code == "context-too-small"


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = seen.about("context")
    large = [turn for turn in turns if size_of(turn) >= asks.LARGE]
    if not large:
        return _not_run(plan, seen)
    answered = [turn for turn in large if turn.answered]
    if not answered:
        return _refused(large, turns, plan, seen)
    found = [*_counts_output(large, seen), *_truncated(turns, seen), *_slow(answered)]
    count = max((count for turn in answered if (count := prompt_count(turn)) is not None), default=None)
    back = marks_back(answered[0])
    counted = f"{count} prompt tokens counted" if count is not None else "no count of prompt tokens"
    proof = f"{counted}, {len(back.came)} of {len(back.stated)} marks came back"
    if count is None and back.missing and not found:
        return inconclusive(turns, proof)
    return concluded(turns, found, proof, had=not any(fault.severity == "blocks" for fault in found))


def _not_run(plan: Plan, seen: Seen) -> Outcome:
    """Not asked; where the estimate is the reason, and stands on a prompt of some size, it is a finding."""
    rate = prefill_rate(seen)
    if rate is None or not _too_slow(plan, seen):
        return not_asked()
    seconds = f"{_estimate_s(rate, plan, seen):.0f}"
    words = f"at {rate.per_second:.0f} prompt tokens a second (seen on {rate.tokens}) it would take about {seconds} s"
    reason = f"not run: {words}; --slow runs it"
    if rate.tokens < ENOUGH_TOKENS:
        return Outcome("skipped", reason)
    shown = evidence(rate.exchange, "reply.usage.prompt_tokens", words)
    return Outcome("skipped", reason, (make("first-token-slow", subject=seconds, evidence=[shown]),), (rate.exchange,))


def _reason(turn: Turn, seen: Seen) -> Finding | None:
    """Why there was no answer: the failure, or the error under a success status."""
    found = with_failure(turn, seen, form_faults, "unrecognised")
    return next((fault for fault in found if fault.severity == "blocks" or code(fault.code).layer in _OTHERS), None)


def _refused(large: Sequence[Turn], turns: Sequence[Turn], plan: Plan, seen: Seen) -> Outcome:
    """No request of that size was answered: the request's own refusal says why, or the twin without text."""
    reasons = [reason for turn in large if (reason := _reason(turn, seen)) is not None]
    if not reasons:
        return inconclusive(turns, "no answer, and no reason for it")
    reason = reasons[0]
    waited = large[0].exchange.times.end / 1000
    if reason.code == "reply-timeout" and waited >= SLOW_S:
        slow = make("first-token-slow", subject=f"{waited:.0f}", evidence=reason.evidence, confidence="high")
        return concluded(turns, [slow], "", had=False)
    if reason.code == "context-too-small":
        same = [other for other in reasons if other.key == reason.key]
        evidence_ = tuple(item for other in same for item in other.evidence)
        found = _of_the_model(reason.but(seen=(len(same), len(large)), evidence=evidence_), plan, seen)
        return concluded(turns, [found], "", had=False)
    if reason.code not in _UNCLEAR:
        ours = [reason] if code(reason.code).layer in _OTHERS else []
        return concluded(turns, ours, "", had=False) if ours else inconclusive(turns, f"{reason.key}: {reason.title}")
    twin = next((turn for turn in turns if turn.answered and size_of(turn) < asks.LARGE), None)
    if twin is None:
        return inconclusive(turns, "the same conversation is not answered without its text either")
    shown = evidence(twin.number, "reply.choices[0]", f"answered with {size_of(twin)} characters of text")
    return concluded(turns, [make("context-overflow-unclear", evidence=[*reason.evidence, shown])], "", had=False)


def _of_the_model(small: Finding, plan: Plan, seen: Seen) -> Finding:
    """The model's own, where the server gives it all of the context that it was trained with."""
    trained = context_trained(plan.model, seen)
    listed = context_listed(plan.model, seen)
    if trained is None or listed is None or listed < trained[0]:
        return small
    shown = evidence(trained[1], "models", f"n_ctx_train {trained[0]}, n_ctx {listed}")
    return small.but(owner="model", evidence=(*small.evidence, shown))


def _counts_output(large: Sequence[Turn], seen: Seen) -> list[Finding]:
    """Refused for the context with the usual output limit, and taken with a smaller one."""
    refused = next((turn for turn in large if not turn.answered), None)
    passed = next((turn for turn in large if turn.answered), None)
    reason = _reason(refused, seen) if refused else None
    if refused is None or passed is None or reason is None or reason.code != "context-too-small":
        return []
    if (passed.limit or 0) >= (refused.limit or 0) or passed.messages != refused.messages:
        return []
    shown = evidence(passed.number, "request.max_tokens", f"answered with an output limit of {passed.limit}")
    return [make("context-counts-output", evidence=[*reason.evidence, shown], confidence=reason.confidence)]


def _slow(answered: Sequence[Turn]) -> list[Finding]:
    late = [(ms, turn) for turn in answered if turn.streamed and (ms := first_token_ms(turn)) is not None]
    ms, turn = max(late, key=lambda item: item[0], default=(0.0, None))
    if turn is None or ms < SLOW_S * 1000:
        return []
    words = f"first token after {ms / 1000:.0f} s, prompt_tokens {prompt_count(turn)}"
    shown = evidence(turn.number, "reply.choices[0].delta", words)
    return [make("first-token-slow", subject=f"{ms / 1000:.0f}", evidence=[shown], confidence="high")]


def _truncated(turns: Sequence[Turn], seen: Seen) -> list[Finding]:
    """By the server's own counts at three sizes; without counts, by the mark that never comes back."""
    answered = [turn for turn in turns if turn.answered]
    short = whole_count_missing(answered)
    if short is not None:
        words = [
            evidence(turn.number, "reply.usage.prompt_tokens", f"{prompt_count(turn)} for {size_of(turn)} characters")
            for turn in (short.full, short.half, short.bare)
        ]
        lost = marks_back(short.full).missing
        if lost:
            words.append(evidence(short.full.number, "reply.choices[0]", f"lost: the {', the '.join(lost)} mark"))
        subject = str(prompt_count(short.full))
        return [make("context-truncated-silently", subject=subject, evidence=words, confidence="high")]
    large = [turn for turn in answered if size_of(turn) >= asks.LARGE]
    control = [turn for turn in answered if asks.SMALL <= size_of(turn) < asks.LARGE]
    lost = lost_marks(large)
    conclusive = [turn for turn in large if marks_back(turn).came]
    if not lost or len(conclusive) < 3 or not any(not marks_back(turn).missing for turn in control):
        return []
    if any(prompt_count(turn) for turn in large):
        return []  # the count says that all of it arrived: a model that forgets is no server that drops
    missing = [turn for turn in conclusive if set(lost) <= set(marks_back(turn).missing)]
    shown = [evidence(turn.number, "reply.choices[0]", f"lost: the {', the '.join(lost)} mark") for turn in missing]
    return [make("context-truncated-silently", seen=(len(missing), len(conclusive)), evidence=shown)]


def tokens_verified(seen: Seen) -> int | None:
    """The largest prompt, in the server's own count, that was answered without a sign that any of it was lost."""
    turns = seen.about("context")
    if _truncated(turns, seen):
        return None
    counted = [(count, size_of(turn)) for turn in turns if (count := prompt_count(turn)) is not None]
    return max((count for count, size in counted if size <= count * asks.MOST_CHARS), default=None)


CONTEXT = Check("context", "context", "a request of an agent's size", ("tools",), _ask, _judge)
