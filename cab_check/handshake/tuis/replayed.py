"""The check that sends what one agent CLI sends over chat completions, two turns, before anything else is asked.

Refused, it is taken apart down to the part; answered, the reply is judged like any other. Only a pass makes the general
questions needless.
"""

from __future__ import annotations

from collections.abc import Sequence

from cab_check.handshake.check import REPLAY, Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.failure import failure
from cab_check.handshake.form import Faults, with_failure
from cab_check.handshake.narrow import Narrowed
from cab_check.handshake.plan import Plan
from cab_check.handshake.prefill import first_token_ms, prompt_count
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import Tally, tally
from cab_check.handshake.tuis import replay_chat as parts
from cab_check.handshake.tuis.arrival import doubt
from cab_check.handshake.tuis.replay import Replay
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.tuis.profile import Profile

LAYER = "params"
SLOW_S = 60.0
"""Proxies give up on a silent reply after that time by default: nginx' proxy_read_timeout."""
_SAYS_NOTHING = frozenset({"unrecognised", "tools-rejected", "server-crashed", "template-error", "param-rejected"})


def judge(profile: Profile, plan: Plan, seen: Seen) -> Outcome:
    """Passed only if both turns came as this CLI needs them, and the server counted all of the prompt."""
    job = Replay(profile, plan, seen)
    opened = job.opened()
    if not opened:
        return not_asked(f"what {profile.name} sends was not sent")
    if not any(turn.answered for turn in opened):
        too_large = job.for_its_size(opened[0])
        return _too_large(job, opened[0]) if too_large else _refusal(job, opened[0], job.taken_apart(), "first")
    first = _tally(opened, seen, job.opening_faults)
    slow = _slow(opened)
    if not first.sound or first.blocked:
        return _concluded(job, [*first.findings, *slow], f"{first.sound} of {first.tried} first turns sound")
    results = job.answered()
    if results and not any(turn.answered for turn in results):
        base = next(turn for turn in opened if turn.answered)
        return _refusal(job, results[0], job.results_apart(base), "second")
    second = _tally(results, seen, job.result_faults)
    found = [*first.findings, *second.findings, *slow]
    if not second.sound or any(finding.severity != "info" for finding in found):
        return _concluded(job, found, f"{second.sound} of {second.tried} second turns sound")
    return _passed(job, next(turn for turn in opened if turn.answered), tuple(found))


def _passed(job: Replay, first: Turn, found: tuple[Finding, ...]) -> Outcome:
    """Both turns are sound: passed, unless something beside them leaves a doubt. `found` weighs nothing."""
    numbers = tuple(turn.number for turn in job.turns)
    aside = next(iter(job.refused_asides()), None)
    if aside is not None:
        return Outcome(
            "skipped", f"inconclusive: a request besides the two turns failed, {_words(aside)}", found, numbers
        )
    count = _count(job, first)
    doubtful = doubt(job.plan, job.seen, first.request, count)
    if doubtful:
        return Outcome("skipped", f"inconclusive: both turns came, and {doubtful}", found, numbers)
    proof = f"two turns as {job.profile.name} makes them; {count} prompt tokens counted in the first"
    return Outcome("pass", proof, found, numbers)


def prompt_tokens(profile: Profile, plan: Plan, seen: Seen) -> int | None:
    """The server's own count of the first turn's prompt, if that turn was answered."""
    job = Replay(profile, plan, seen)
    counts = [_count(job, turn) for turn in job.opened() if turn.answered]
    return next((count for count in counts if count is not None), None)


def _count(job: Replay, first: Turn) -> int | None:
    """The count that came with the turn, or with its twin that asks for one."""
    twin, own = job.counted(), prompt_count(first)
    return prompt_count(twin) if own is None and twin is not None and twin.answered else own


def _tally(turns: Sequence[Turn], seen: Seen, faults: Faults) -> Tally:
    return tally(turns, lambda turn: with_failure(turn, seen, faults, "tools-rejected"), seen)


def _concluded(job: Replay, found: Sequence[Finding], reason: str) -> Outcome:
    if not found:
        return inconclusive(job.turns, reason)
    return concluded(job.turns, found, reason, had=False)


def _refusal(job: Replay, turn: Turn, told: Narrowed, which: str) -> Outcome:
    """Why a turn was refused: the parts that are refused alone, else what the refusal itself says."""
    found = [_part(part, refused, job) for part, refused in told.refused.items()]
    why = failure(turn.exchange, job.seen) or next(iter(with_failure(turn, job.seen, lambda _: [], "")), None)
    if not found and why is not None:
        found = [why]
    if not found:
        return inconclusive(job.turns, f"its {which} turn was not answered, {_words(turn)}")
    return concluded(job.turns, found, "", had=False)


def _too_large(job: Replay, turn: Turn) -> Outcome:
    """Too large for the context: by its output limit alone, if it is taken without one."""
    why, twin = failure(turn.exchange, job.seen), job.unlimited()
    assert why is not None
    if twin is not None and twin.answered and why.code == "context-too-small":
        shown = evidence(twin.number, "request", f"answered without {job.profile.request.output_limit}")
        why = make("context-counts-output", subject=why.subject, evidence=[*why.evidence, shown], confidence="high")
    return concluded(job.turns, [why], "", had=False)


def _part(part: str, turn: Turn, job: Replay) -> Finding:
    """The finding for one part: the server's own words where they say more than that it is refused."""
    name, subject = _code_of(part, job)
    why = failure(turn.exchange, job.seen, unnamed=name)
    if why is None:
        return make(name, subject=subject, evidence=[evidence(turn.number, "reply", _words(turn))])
    if why.code == name:
        return why.but(subject=why.subject or subject)
    if why.code not in _SAYS_NOTHING:
        return why
    return make(name, subject=subject, evidence=why.evidence)


def _code_of(part: str, job: Replay) -> tuple[str, str | None]:
    kind, _, name = part.partition(":")
    echo, limit = job.profile.request.echo, job.profile.request.output_limit
    small = job.small_limit()
    if part == parts.LIMIT and limit is not None and small is not None and not small.answered:
        return "param-rejected", limit.field
    if part == parts.CONTENT:
        return "content-form-rejected", echo.assistant if echo else None
    known: dict[str, tuple[str, str | None]] = {
        parts.LIMIT: ("output-limit-refused", None),
        parts.SIZE: ("context-overflow-unclear", None),
        parts.TOOLS: ("tools-rejected", None),
        parts.STRICT: ("param-rejected", "strict"),
        parts.PARTS: ("content-form-rejected", "parts"),
        parts.TOOL_PARTS: ("content-form-rejected", "tool-parts"),
    }
    by_kind = {
        "param": "param-rejected",
        "role": "role-rejected",
        "echo": "message-field-rejected",
        "keyword": "tool-schema-rejected",
    }
    return known.get(part) or (by_kind[kind], name)


def _slow(turns: Sequence[Turn]) -> list[Finding]:
    late = [(ms, turn) for turn in turns if turn.streamed and (ms := first_token_ms(turn)) is not None]
    ms, turn = max(late, key=lambda item: item[0], default=(0.0, None))
    if turn is None or ms < SLOW_S * 1000:
        return []
    shown = evidence(turn.number, "reply.choices[0].delta", f"first token after {ms / 1000:.0f} s")
    return [make("first-token-slow", subject=f"{ms / 1000:.0f}", evidence=[shown], confidence="high")]


def _words(turn: Turn) -> str:
    status = turn.exchange.status
    said = turn.reply.error.message if turn.reply.error else turn.exchange.detail
    return f"{f'HTTP {status}' if status else turn.exchange.end}: {said}"


def replay_check(profile: Profile) -> Check:
    """The check for one CLI that speaks chat completions."""
    return Check(
        f"{REPLAY}{profile.name}",
        LAYER,
        f"what {profile.name} sends",
        ("chat",),
        lambda plan, seen: Replay(profile, plan, seen).waiting(),
        lambda plan, seen: judge(profile, plan, seen),
    )
