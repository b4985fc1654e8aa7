"""The verdict for each agent CLI: worst of what the findings mean for it, never better than what was shown. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cab_check.chat.edits.formats import FORMATS
from cab_check.handshake.plan import GENERIC
from cab_check.handshake.result import Capability, TuiVerdict, TuiWord, Verdict
from cab_check.handshake.tuis.effects import WORST, Impact, impact, worst
from cab_check.handshake.tuis.touch import GATES, first_tokens
from cab_check.knowledge.finding import Finding, Severity
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.loader import profiles
from cab_check.tuis.profile import Profile

_API = {"responses": "responses_api", "messages": "messages_api"}
_SAID = {
    "chat": "plain chat",
    "streaming": "streaming",
    "tools": "a tool call",
    "tools_streamed": "a streamed tool call",
    "second_turn": "the turn after a tool's result",
    "responses_api": "two turns of /responses",
    "messages_api": "two turns of /messages",
}
_FORMS = {
    "agent-params": "its parameters",
    "history": "its forms of messages",
    "schemas": "its tools",
}
"""Checks that ask for what any measured CLI sends, by parts."""
EDIT_FORMAT = "edit-format"
"""The check of the forms of edits; only some of them can be read here."""
_PROMPT = 1000
"""Tokens; a shorter first request than that has room everywhere."""
_SEVERITY: dict[TuiWord, Severity] = {"blocked": "blocks", "degraded": "degrades", "works": "info"}


@dataclass(frozen=True, slots=True)
class Basis:
    """What a handshake came to, as far as the verdict for an agent CLI stands on it.

    `able`: what was shown to work. `context_tokens`: the largest context that was shown or told, in tokens. `asked`:
    ids of the checks that came to something. `fields`: for each other API that was asked at all, the fields of the
    requests that were accepted. `replayed`: the CLIs whose own two turns were shown to pass; `taken`: those of which
    nothing was refused.
    """

    findings: Sequence[Finding]
    able: Mapping[str, Capability]
    overall: Verdict
    context_tokens: int | None
    asked: Collection[str]
    fields: Mapping[str, Collection[str]]
    replayed: Collection[str] = ()
    taken: Collection[str] = ()


def verdicts(asked_about: Sequence[Profile], basis: Basis) -> tuple[TuiVerdict, ...]:
    """One row for each known CLI, those asked about first."""
    names = [one.name for one in asked_about]
    others = [one for one in profiles().values() if one.name not in (*names, GENERIC)]
    return tuple(verdict_for(one, basis) for one in (*asked_about, *others))


def verdict_for(profile: Profile, basis: Basis) -> TuiVerdict:
    """Whether this CLI works here."""
    met = impacts(profile, basis.findings, basis.able)
    if basis.overall == "unchecked":
        return _unchecked(profile, [item for item in met if item.finding.layer in GATES])
    word = worst([item.verdict for item in met])
    if word in ("blocked", "unknown"):
        telling = next(item for item in met if item.verdict == word)
        return _row(profile, word, _because(met), f"{telling.says}{_elsewhere(profile, telling, basis)}")
    missing = unshown(profile, basis, met)
    if missing:
        return _row(profile, "unknown", _because(met), f"not shown here: {missing}")
    telling_says = next((item.says for item in met if item.verdict == word), None)
    return _row(profile, word, _because(met), telling_says if word == "degraded" else None)


def _elsewhere(profile: Profile, telling: Impact, basis: Basis) -> str:
    """That a fault of the model was seen over chat completions, and this CLI's own API was not asked."""
    if profile.wire == "chat" or profile.wire in basis.fields or not telling.finding.apis:
        return ""
    return f" (as seen over chat completions: /{profile.wire} was not asked)"


def impacts(
    profile: Profile,
    findings: Sequence[Finding],
    able: Mapping[str, Capability],
    among: Sequence[Finding] | None = None,
) -> list[Impact]:
    """What each finding means for this CLI, heaviest first, root causes before what follows from them. `among`: all
    that was found, where `findings` are only some of it.
    """
    every = findings if among is None else among
    judged = any(profile.wire in one.apis and code(one.code).layer == "tools-response" for one in every)
    works = {"yes": True, "no": False}.get(able.get(_API.get(profile.wire, ""), "unknown"))
    asked = (impact(profile, finding, api_works=works, calls_judged=judged) for finding in findings)
    met = [found for found in asked if found is not None]
    return sorted(met, key=lambda item: WORST.index(item.verdict))


def largest(*tokens: int | None) -> int | None:
    """The largest of some counts, those that are not known left aside."""
    return max((count for count in tokens if count is not None), default=None)


def weighed(profiles: Sequence[Profile], findings: Sequence[Finding], able: Mapping[str, Capability]) -> list[Finding]:
    """The findings with the severity that they have for these CLIs: the heaviest of any; what none meets is info.

    Where a CLI meets one and was not measured with it, the severity for the profile `generic` stands.
    """
    return [finding.but(severity=_severity(profiles, finding, able, findings)) for finding in findings]


def unshown(profile: Profile, basis: Basis, met: Sequence[Impact] = ()) -> str:
    """What this CLI needs and nobody saw work, in words; empty if all of it was shown."""
    lacking = [] if profile.name in basis.replayed else list(_lacking(profile, basis, met))
    if profile.edit_formats and not (EDIT_FORMAT in basis.asked and FORMATS.keys() & set(profile.edit_formats)):
        lacking.append("its form of edits")
    return ", ".join(lacking)


def _lacking(profile: Profile, basis: Basis, met: Sequence[Impact]) -> Iterator[str]:
    """The parts of it, where its own turns were not shown to pass.

    What was shown not to work is explained where the CLI meets the findings that say so: those were weighed.
    """
    if profile.wire != "chat" and profile.wire not in basis.fields:
        yield f"/{profile.wire}, which was not asked"
        return
    enough = ("yes", "no") if met else ("yes",)
    yield from (_SAID[name] for name in needs(profile) if basis.able.get(name) not in enough)
    if profile.wire == "chat" and profile.uses_tools and profile.name not in basis.taken:
        yield from (said for check, said in _FORMS.items() if check not in basis.asked)
    if profile.wire != "chat" and not profile.request.params.keys() <= set(basis.fields[profile.wire]):
        yield "its parameters"
    wanted = first_tokens(profile)
    if wanted >= _PROMPT and (basis.context_tokens is None or basis.context_tokens < wanted):
        yield f"a first request of about {wanted / 1000:.0f}k tokens"


def needs(profile: Profile) -> tuple[str, ...]:
    """The capabilities that this CLI stands on."""
    if profile.wire != "chat":
        return (_API[profile.wire],)
    streams, tools = profile.request.stream, profile.uses_tools
    call = ("tools_streamed" if streams else "tools", "second_turn") if tools else ()
    return ("chat", *(("streaming",) if streams else ()), *call)


def _unchecked(profile: Profile, met: Sequence[Impact]) -> TuiVerdict:
    """Where no plain chat was had: what stops everybody stops this CLI too; else nothing was learned."""
    blocking = next((item for item in met if item.verdict == "blocked"), None)
    if blocking is not None:
        return _row(profile, "blocked", _because(met), blocking.says)
    says = next((item.says for item in met), "no plain chat was had, so nothing was learned")
    return _row(profile, "unknown", _because(met), says)


def _severity(
    profiles: Sequence[Profile], finding: Finding, able: Mapping[str, Capability], among: Sequence[Finding]
) -> Severity:
    met = [item for profile in profiles for item in impacts(profile, [finding], able, among)]
    if any(item.verdict == "unknown" for item in met):
        return "blocks" if any(item.verdict == "blocked" for item in met) else met[0].finding.severity
    return _SEVERITY[worst([item.verdict for item in met])]


def _because(met: Sequence[Impact]) -> tuple[str, ...]:
    """The findings that make it so: roots, or a consequence whose root this CLI does not meet."""
    telling = [item for item in met if item.verdict != "works"]
    codes = {item.finding.code for item in telling}
    return tuple(dict.fromkeys(item.finding.key for item in telling if item.finding.follows_from not in codes))


def _row(profile: Profile, word: TuiWord, because: tuple[str, ...], says: str | None) -> TuiVerdict:
    return TuiVerdict(
        tui=profile.name,
        product=profile.product,
        version_measured=profile.version,
        verdict=word,
        because=because,
        what_happens=says,
        wiring=None if word == "unknown" and not because else f"cab-check wiring {profile.name}",
        measured_on=profile.measured_on,
    )
