"""What an agent CLI does to its user when it meets a finding: measured, or known from what a refusal is. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cab_check.handshake.checks.chat import ONLY_REASONING
from cab_check.handshake.mends import ENOUGH
from cab_check.handshake.result import TuiWord
from cab_check.handshake.tries import MOST_OF
from cab_check.handshake.tuis.touch import GATES, number, tokens_wanted, touches
from cab_check.knowledge.finding import Finding, Mending
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.effects import effect_on
from cab_check.tuis.kin import is_refusal, kin_of, words_for
from cab_check.tuis.profile import Case, Does, Effect, Profile

WORST: tuple[TuiWord, ...] = ("blocked", "unknown", "degraded", "works")
COMES_TO: dict[Does, TuiWord] = {
    "recovers": "works",
    "tells the model": "degraded",
    "stops with a message": "blocked",
    "stops in silence": "blocked",
    "repeats without end": "blocked",
    "acts on damaged arguments": "blocked",
    "damages files": "blocked",
    "takes it as the answer": "blocked",
}
_ALWAYS_SENT = frozenset(
    {
        "param-rejected",
        "role-rejected",
        "role-order-rejected",
        "content-form-rejected",
        "message-field-rejected",
        "tool-schema-rejected",
        "tool-choice-rejected",
    }
)
"""Refusals that concern a CLI only if it sends the very thing: then they block it, however light they are otherwise."""
_BEYOND = {
    "context-truncated-silently": "is not told that part of its instructions or tools never arrived",
    "tools-ignored": "is not told that its tools never arrived",
    "role-ignored": "is not told that its instructions never arrived",
    "text-garbled": "shows what comes",
    "repetition-loop": "shows what comes, until a limit ends it",
    "tool-result-ignored": "runs the tools, and the model makes nothing of what they return",
}
"""What happens out of any client's sight, so that none can mend it."""
_EVENTS = "reply.events"
_EDITS = "edit-format-unfollowed"
"""Degrades only where another form of edits was kept."""
_PASSES = frozenset({"rate-limited", "server-loading", "server-overloaded"})
"""What passes by itself can at most degrade."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What one finding means for one CLI. `says` continues a sentence that begins with its name."""

    finding: Finding
    verdict: TuiWord
    says: str
    effect: Effect | None = None


def impact(
    profile: Profile, finding: Finding, *, api_works: bool | None = None, calls_judged: bool = False
) -> Impact | None:
    """What `finding` means for this CLI; None if it does not meet it. The flags are those of `touches`."""
    if finding.compare == "there" or not touches(profile, finding, api_works=api_works, calls_judged=calls_judged):
        return None
    finding = _in_earnest(profile, finding)
    if finding.code == "context-counts-output" and _fits(profile, finding):
        return None
    effect = effect_of(profile, finding)
    if finding.severity == "info" and effect is not None and not _is_own(effect, finding):
        effect = None  # what weighs nothing for anybody is not made heavy by a likeness
    return _measured(profile, finding, effect) if effect is not None else _unmeasured(profile, finding)


def _measured(profile: Profile, finding: Finding, effect: Effect) -> Impact:
    if effect.does == "tells the model" and is_mended(profile, finding):
        says = f"{effect.says}; here the model then makes the call as it should: it costs a turn each time"
        return Impact(finding, "blocked" if effect.loses_call else "degraded", says, effect)
    if _in_vain(finding, effect):
        hits, tries = finding.seen
        told = ", and again each time the model was told" if _never_mended(profile, finding) else ""
        says = f"{effect.says}, and here the mistake came {hits} times of {tries}{told}"
        blocks = code(finding.code).severity == "blocks" or _never_mended(profile, finding)
        return Impact(finding, "blocked" if blocks else "degraded", says, effect)
    word = "blocked" if effect.loses_call else COMES_TO[effect.does]
    way_out = finding.code in _PASSES or (finding.code == _EDITS and finding.severity == "degrades")
    own = any(name == finding.code for name, _ in effect.findings)
    says = effect.says if own else words_for(finding.code, effect.does) or effect.says
    return Impact(finding, "degraded" if word == "blocked" and way_out else word, says, effect)


def _in_vain(finding: Finding, effect: Effect) -> bool:
    """Whether the model is told of its mistake, and nothing that was seen here says that it ever does better. CLIs were
    mostly measured with one mistake; Codex and Claude Code go on without end where each call holds it.
    """
    of_a_call = code(finding.code).layer == "tools-response"
    return of_a_call and effect.does == "tells the model" and not effect.loses_call and _always(finding)


def is_mended(profile: Profile, finding: Finding) -> bool:
    """Whether the model makes a broken call as it should once it is told; a second time counts, too."""
    return any(mending.mended for mending in _mendings(profile, finding))


def _never_mended(profile: Profile, finding: Finding) -> bool:
    return sum(one.told for one in _mendings(profile, finding)) >= ENOUGH and not is_mended(profile, finding)


def _mendings(profile: Profile, finding: Finding) -> tuple[Mending, ...]:
    """What came of telling the model, over this CLI's own API where it was told there."""
    return tuple(one for one in finding.mendings if one.api == profile.wire) or finding.mendings


def _in_earnest(profile: Profile, finding: Finding) -> Finding:
    """With its full weight, where it was seen over the other API that this CLI speaks: the general questions of that
    API make light of what they find, since few agents speak it.
    """
    if profile.wire == "chat" or profile.wire not in finding.apis or finding.severity != "info":
        return finding
    return finding.but(severity=code(finding.code).severity)


def _is_own(effect: Effect, finding: Finding) -> bool:
    """Whether the effect was measured for this finding, or the finding refuses just what this CLI always sends."""
    return finding.code in _ALWAYS_SENT or any(name == finding.code for name, _ in effect.findings)


def effect_of(profile: Profile, finding: Finding) -> Effect | None:
    """The measured effect of that finding, or of its nearest kin; the gravest where several were measured."""
    without_end = _always(finding) and not is_mended(profile, finding)
    own = effect_on(profile, finding.code, finding.subject, case="always") if without_end else None
    own = own or effect_on(profile, finding.code, finding.subject, case=case_of(finding))
    kin = (effect_on(profile, name, subject) for name, subject in kin_of(finding.code, finding.subject))
    return own or next(filter(None, kin), None)


def case_of(finding: Finding) -> Case | None:
    """What narrows a finding beyond its subject, as its evidence shows it: an id that is there and empty, a reply that
    is empty but for reasoning, no stream and no document of the API, a stream that lacks its first event, or a streamed
    call that came whole in the chunk without an index.
    """
    excerpts = [item.excerpt for item in finding.evidence]
    if finding.code == "tool-call-id-missing" and excerpts and not any(excerpts):
        return "empty"
    if finding.code == "empty-reply" and excerpts and all(ONLY_REASONING in excerpt for excerpt in excerpts):
        return "reasoning-only"
    if finding.code == _EDITS and excerpts and "edits do not apply" in excerpts[0]:
        return "malformed"
    if finding.subject == "events" and excerpts:
        places = {item.where for item in finding.evidence}
        if not all(place.startswith(_EVENTS) for place in places):
            return "no-stream"
        return "no-start" if places == {f"{_EVENTS}[0]"} else None
    if finding.code == "stream-tool-index" and excerpts and all(_whole_call(excerpt) for excerpt in excerpts):
        return "one-chunk"
    return None


def _always(finding: Finding) -> bool:
    """Whether no try was without it, of as many as blame on a model needs."""
    hits, tries = finding.seen
    return hits == tries >= MOST_OF


def _whole_call(excerpt: str) -> bool:
    """Whether this is the delta of a call with all of its arguments. An excerpt that was cut is not."""
    try:
        delta = json.loads(excerpt)
        return isinstance(json.loads(delta["function"]["arguments"]), dict)
    except (ValueError, TypeError, KeyError):
        return False


def worst(verdicts: Sequence[TuiWord]) -> TuiWord:
    """The heaviest of them; `works` of none."""
    return next((word for word in WORST if word in verdicts), "works")


def _unmeasured(profile: Profile, finding: Finding) -> Impact | None:
    if code(finding.code).layer == "other-apis":
        return Impact(finding, "blocked", f"speaks /{profile.wire} and nothing else")
    if finding.code in _ALWAYS_SENT:
        return Impact(finding, "blocked", "sends what is refused; what it then shows was not measured")
    if finding.severity == "info":
        return None
    if (code(finding.code).severity if finding.mendings else finding.severity) == "degrades":
        return Impact(finding, "degraded", "what it makes of this was not measured")
    if finding.layer in GATES:
        return Impact(finding, "blocked", "gets no request through")
    if finding.code in _BEYOND:
        return Impact(finding, "blocked", _BEYOND[finding.code])
    if is_refusal(finding.code):
        return Impact(finding, "blocked", "sends what is refused; what it then shows was not measured")
    return Impact(finding, "unknown", "what it does then was not measured")


def _fits(profile: Profile, finding: Finding) -> bool:
    context = number(finding.subject or "")
    return context is not None and tokens_wanted(profile) <= context
