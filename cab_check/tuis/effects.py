"""Which effect of a profile a finding has. Nothing is guessed: where nothing was measured, there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cab_check.tuis.profile import Case, Does, Effect, Profile

WORST_FIRST: tuple[Does, ...] = (
    "damages files",
    "acts on damaged arguments",
    "repeats without end",
    "stops in silence",
    "takes it as the answer",
    "stops with a message",
    "tells the model",
    "recovers",
)

_REFUSALS = ("param-rejected", "model-lacks-tools", "tool-parser-disabled")


def by_weight(effects: Iterable[Effect]) -> list[Effect]:
    """The effects, worst first; of equals the one that stands first in the file."""
    return sorted(effects, key=lambda effect: WORST_FIRST.index(effect.does))


def effect_on(
    profile: Profile, code: str, subject: str | None = None, *, case: Case | None = None, variant: str | None = None
) -> Effect | None:
    """The effect that a finding has on this CLI, or None where that was not measured.

    An effect with a subject holds for that subject only, and goes before one without. An effect with a case is taken
    only where `case` says that the evidence shows it, and one without a case only where it shows none: one chunk is
    other bytes than several. Of several the worst is taken.
    """
    fits = [
        effect
        for effect in profile.effects
        if effect.variant == variant and any(_covers(found, code, subject) for found in effect.findings)
    ]
    exact = [effect for effect in fits if (code, subject) in effect.findings]
    return _of_case(exact, case) or _of_case(fits, case)


def effect_of_refusal(profile: Profile, *, variant: str | None = None) -> Effect | None:
    """What it did when a server refused a request with HTTP 400 for one of its fields: the nearest thing that was
    measured for a refusal of another field. Whoever uses it says that it is an inference.
    """
    refused = [e for e in profile.effects if e.code in _REFUSALS and e.variant == variant and e.case is None]
    return next(iter(by_weight(refused)), None)


def _covers(found: tuple[str, str | None], code: str, subject: str | None) -> bool:
    return found[0] == code and found[1] in (None, subject)


def _of_case(fits: Sequence[Effect], case: Case | None) -> Effect | None:
    return next(iter(by_weight(effect for effect in fits if effect.case == case)), None)
