"""From outcomes and findings to the verdict, the exit code, the sentence on top and the list of what works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cab_check.base.text import one_line
from cab_check.handshake.check import REPLAY, Outcome
from cab_check.handshake.result import Capability, Verdict
from cab_check.handshake.run import failed
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code

UNCHECKED = frozenset({"address", "network", "auth"})
"""Layers whose failure means that nothing could be learned about model and server."""

_GATES = ("reach", "base-path", "service", "key")
_PROOF = {
    "chat": "chat",
    "streaming": "stream",
    "tools": "tool-call",
    "tools_streamed": "tool-call-stream",
    "tool_choice_required": "tool-choice",
    "parallel_calls": "parallel-calls",
    "second_turn": "second-turn",
    "usage": "usage",
    "usage_streamed": "usage-stream",
    "responses_api": "responses",
    "messages_api": "messages",
}
_DISPROOF = {
    "tool_choice_required": {"tool-choice-ignored", "tool-choice-rejected"},
    "parallel_calls": {"parallel-calls-unsupported"},
    "usage": {"usage-missing"},
    "usage_streamed": {"usage-missing"},
}
_FEATURES = frozenset({"stream", "tools", "tool-call", "tool-call-stream"})
_SAID = {
    "chat": "chats",
    "streaming": "streams",
    "tools": "calls tools",
    "tools_streamed": "streams the calls",
    "second_turn": "uses their results",
}
HEADLINE = 240


def decide(outcomes: Mapping[str, Outcome], findings: Sequence[Finding], stopped_by: str | None) -> tuple[Verdict, int]:
    """The verdict and the exit code (0, 3 or 4; the design's section 2) of the handshake alone."""
    if any(failed(outcomes[gate]) for gate in _GATES):
        return "unchecked", 4
    ours = [finding for finding in findings if finding.layer not in UNCHECKED]
    blocking = [finding for finding in ours if finding.severity == "blocks"]
    had_chat = not failed(outcomes["model"]) and not failed(outcomes["chat"])
    if blocking or (not had_chat and ours):
        return "blocked", 3
    learned = any(outcomes[_PROOF[name]].status in ("pass", "warn") for name in _SAID)
    if stopped_by is not None or not had_chat or not learned:
        return "unchecked", 4
    if any(finding.severity != "info" for finding in findings):
        return "degraded", 0
    return "works", 0


def headline(
    verdict: Verdict,
    findings: Sequence[Finding],
    able: Mapping[str, Capability],
    outcomes: Mapping[str, Outcome],
    tuis: Sequence[str] = (),
) -> str:
    """One sentence that a person can act on: the root cause, or what was proved to work."""
    telling = [finding for finding in findings if finding.severity != "info"]
    if telling and verdict != "works":
        return _about(telling[0])
    if verdict == "unchecked":
        return one_line(_why_unchecked(outcomes), HEADLINE)
    replayed = [name for name in tuis if outcomes[f"{REPLAY}{name}"].status == "pass"]
    if tuis and len(replayed) == len(tuis):
        whose = " and ".join(", ".join(replayed).rsplit(", ", 1))
        return one_line(f"What {whose} send{'s' if len(replayed) == 1 else ''} in two turns is answered.", HEADLINE)
    works = [said for name, said in _SAID.items() if able.get(name) == "yes"]
    listed = ", ".join(works[:-1]) + f" and {works[-1]}" if len(works) > 1 else "".join(works)
    untold = [name.replace("_", " ") for name in _SAID if able.get(name) == "unknown"]
    rest = f" Not shown: {', '.join(untold)}." if untold else ""
    return f"It {listed}: nothing was found that stops an agent.{rest}"


def capabilities(outcomes: Mapping[str, Outcome]) -> dict[str, Capability]:
    """What was shown to work, what was shown not to, and what nobody knows."""
    return {name: _capability(name, outcomes[check], outcomes) for name, check in _PROOF.items()}


def _capability(name: str, outcome: Outcome, outcomes: Mapping[str, Outcome]) -> Capability:
    if any(finding.code in _DISPROOF.get(name, ()) for finding in outcome.findings):
        return "no"
    if name.endswith("_api") and any(code(finding.code).severity == "blocks" for finding in outcome.findings):
        return "no"  # its check makes light of what it finds; a client of that API cannot
    if outcome.status in ("pass", "warn"):
        return "yes"
    if outcome.status == "fail":
        return "no"
    # Not run: what it stands on was shown not to work, or nothing at all was learned.
    lacking = set() if name.endswith("_api") else {id_ for id_ in _FEATURES if outcomes[id_].status == "fail"}
    return "no" if outcome.status == "not_run" and lacking else "unknown"


def _why_unchecked(outcomes: Mapping[str, Outcome]) -> str:
    broke = [outcome.reason for outcome in outcomes.values() if outcome.status in ("fail", "crashed")]
    untold = [outcome.reason for outcome in outcomes.values() if outcome.reason.startswith("inconclusive")]
    return next(iter([*broke, *untold]), "Too little was asked for a verdict.")


def _about(finding: Finding) -> str:
    """What was seen, narrowed by its subject, and the line to change where one is known."""
    narrowed = finding.subject if finding.subject and finding.title == code(finding.code).means else None
    seen = finding.title.rstrip(".") + (f" ({narrowed})" if narrowed else "")
    fix = one_line(finding.fix or "", 120)
    return one_line(f"{seen}. {fix}" if fix else f"{seen}.", HEADLINE)
