"""What an agent CLI does to its user when it meets a finding: measured, or known from what a refusal is. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cab_check.handshake.checks.chat import ONLY_REASONING
from cab_check.handshake.result import TuiWord
from cab_check.handshake.tuis.touch import GATES, number, tokens_wanted, touches
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.effects import effect_on
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
_HTTP_400 = ("tools-rejected", "tool-parser-disabled", "model-lacks-tools", "param-rejected")
_HTTP_500 = ("server-crashed",)
KIN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "tools-rejected",
            "tool-parser-disabled",
            "model-lacks-tools",
            "no-route-supports-tools",
            "tools-need-other-api",
            "too-many-tools",
            "tool-schema-rejected",
            "tool-name-rejected",
            "tool-choice-rejected",
            "param-rejected",
            "output-limit-refused",
            "role-rejected",
            "role-order-rejected",
            "content-form-rejected",
            "message-field-rejected",
            "tool-call-id-rejected",
            "history-arguments-rejected",
            "tool-result-rejected",
            "reasoning-must-be-echoed",
            "reasoning-echo-refused",
            "opaque-field-must-be-echoed",
            "template-error",
            "stream-rejected",
            "safety-blocked",
        ),
        _HTTP_400,
    ),
    "context-counts-output": ("context-too-small", *_HTTP_400),
    "context-too-small": _HTTP_400,
    **dict.fromkeys(("tool-call-missing", "tools-ignored", "context-truncated-silently"), ("tool-call-as-text",)),
    "tool-call-swallowed": ("empty-reply",),
    "gateway-timeout": _HTTP_500,
    "server-overloaded": _HTTP_500,
    "tool-call-parse-failure": _HTTP_500,
    "billing-exhausted": ("rate-limited",),
    "model-retired": ("model-not-found",),
    "model-not-loaded": ("model-not-found",),
}
"""A finding that was not measured with a CLI -> those whose replies look the same to it: the same status, or the same
emptiness. A refusal of what it always sends blocks it, whatever it then shows."""

_BROKEN = ("responses-api-broken", "messages-api-broken")
_REFUSED_PARTS = {
    "store": ("param-rejected", "store"),
    "thinking": ("param-rejected", "thinking"),
    "input-items": ("role-rejected", "developer"),
    "system-role": ("role-rejected", "system"),
    "tool-types": ("tools-rejected", None),
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


def impact(profile: Profile, finding: Finding, *, api_works: bool | None = None) -> Impact | None:
    """What `finding` means for this CLI; None if it does not meet it."""
    if finding.compare == "there" or not touches(profile, finding, api_works=api_works):
        return None
    finding = _in_earnest(profile, finding)
    if finding.code == "context-counts-output" and _fits(profile, finding):
        return None
    effect = effect_of(profile, finding)
    if finding.severity == "info" and effect is not None and not _is_own(effect, finding):
        effect = None  # what weighs nothing for anybody is not made heavy by a likeness
    if effect is not None:
        word = "blocked" if effect.loses_call else COMES_TO[effect.does]
        way_out = finding.code in _PASSES or (finding.code == _EDITS and finding.severity == "degrades")
        return Impact(finding, "degraded" if word == "blocked" and way_out else word, effect.says, effect)
    return _unmeasured(profile, finding)


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
    own = effect_on(profile, finding.code, finding.subject, case=case_of(finding))
    kin = (effect_on(profile, name, subject) for name, subject in _kin(finding))
    return own or next(filter(None, kin), None)


def _kin(finding: Finding) -> list[tuple[str, str | None]]:
    """The findings that look the same to a CLI, nearest first. A part of a request that another API refuses is a
    refused parameter or role.
    """
    if finding.code in _BROKEN and finding.subject in _REFUSED_PARTS:
        name, subject = _REFUSED_PARTS[finding.subject]
        return [(name, subject), *((other, None) for other in _HTTP_400)]
    return [(name, None) for name in KIN.get(finding.code, ())]


def case_of(finding: Finding) -> Case | None:
    """What narrows a finding beyond its subject, as its evidence shows it: an id that is there and empty, a reply that
    is empty but for reasoning, or a streamed call that came whole in the chunk without an index.
    """
    excerpts = [item.excerpt for item in finding.evidence]
    if finding.code == "tool-call-id-missing" and excerpts and not any(excerpts):
        return "empty"
    if finding.code == "empty-reply" and excerpts and all(ONLY_REASONING in excerpt for excerpt in excerpts):
        return "reasoning-only"
    if finding.code == _EDITS and excerpts and "edits do not apply" in excerpts[0]:
        return "malformed"
    if finding.code == "stream-tool-index" and excerpts and all(_whole_call(excerpt) for excerpt in excerpts):
        return "one-chunk"
    return None


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
    if finding.severity == "degrades":
        return Impact(finding, "degraded", "what it makes of this was not measured")
    if finding.layer in GATES:
        return Impact(finding, "blocked", "gets no request through")
    if finding.code in _BEYOND:
        return Impact(finding, "blocked", _BEYOND[finding.code])
    if _HTTP_400[0] in KIN.get(finding.code, ()):
        return Impact(finding, "blocked", "sends what is refused; what it then shows was not measured")
    return Impact(finding, "unknown", "what it does then was not measured")


def _fits(profile: Profile, finding: Finding) -> bool:
    context = number(finding.subject or "")
    return context is not None and tokens_wanted(profile) <= context
