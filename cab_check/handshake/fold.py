"""One defect usually fails many checks: which finding explains which, and the order in which they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cab_check.handshake.form import ERROR_WORDS, is_readable
from cab_check.handshake.tries import MOST_OF, merge
from cab_check.knowledge.finding import Api, Evidence, Finding
from cab_check.knowledge.vocabulary import layer_rank

_NO_WAY = (
    "dns-failure",
    "endpoint-unreachable",
    "tls-untrusted",
    "tls-failure",
    "redirect-drops-request",
    "client-refused-by-firewall",
    "host-header-refused",
    "key-malformed",
    "key-rejected",
    "key-missing",
    "billing-exhausted",
    "model-not-found",
)
_TOOLS_OFF = (
    "tools-ignored",
    "model-lacks-tools",
    "tool-parser-disabled",
    "no-route-supports-tools",
    "tools-need-other-api",
    "tools-rejected",
)
_NOT_CALLED = frozenset(
    {
        "tool-call-missing",
        "tool-call-as-text",
        "tool-call-in-reasoning",
        "tool-call-swallowed",
        "tool-choice-ignored",
        "tool-choice-rejected",
        "parallel-calls-unsupported",
        "tool-result-ignored",
        "stream-differs",
        "finish-reason-wrong",
    }
)
_DAMAGED = frozenset(
    {
        "tool-arguments-invalid-json",
        "tool-arguments-object",
        "tool-arguments-double-encoded",
        "tool-arguments-empty",
        "tool-arguments-schema-mismatch",
        "tool-arguments-unfaithful",
        "tool-name-wrong",
        "parallel-calls-unsupported",
        "finish-reason-wrong",
    }
)
_BROKEN_STREAM = frozenset(
    {"stream-cut", "stream-done-missing", "stream-differs", "usage-missing", "empty-reply", "stream-wrong-content-type"}
)
_FORMS = ("content-form-rejected", "message-field-rejected", "tool-call-id-rejected", "template-error")
_ERRORS_IN_SUCCESS = frozenset({"error-in-success", "stream-error-event"})
_GENERIC = frozenset({"error-in-success", "stream-error-event", "response-shape", "stream-cut", "unrecognised"})

EXPLAINS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_NO_WAY, _GENERIC),
    "key-malformed": frozenset({"key-rejected", "key-missing"}) | _GENERIC,
    **dict.fromkeys(_TOOLS_OFF, _NOT_CALLED),
    "stream-differs": (_NOT_CALLED | _DAMAGED) - {"stream-differs", "tool-choice-ignored", "tool-choice-rejected"},
    "tool-call-as-text": _NOT_CALLED - {"tool-call-as-text", "stream-differs"} | {"special-tokens-in-text"},
    "tool-call-swallowed": frozenset({"finish-reason-wrong", "empty-reply", "tool-result-ignored"}),
    "tool-call-in-reasoning": frozenset({"finish-reason-wrong", "tool-result-ignored", "tool-choice-ignored"}),
    "tool-call-missing": frozenset({"parallel-calls-unsupported", "tool-result-ignored", "finish-reason-wrong"}),
    "truncation-hidden": frozenset({"tool-arguments-invalid-json"}),
    "stream-tool-index": _DAMAGED | {"stream-tool-name", "tool-call-id-missing"},
    "stream-not-streamed": _BROKEN_STREAM,
    "stream-error-event": _BROKEN_STREAM | _DAMAGED,
    "stream-event-malformed": _BROKEN_STREAM | _DAMAGED | {"tool-call-missing"},
    "stream-cut": (_BROKEN_STREAM - {"stream-cut"}) | _DAMAGED,
    "text-garbled": frozenset({"instruction-ignored", "repetition-loop", "special-tokens-in-text"}) | _NOT_CALLED,
    "repetition-loop": frozenset({"instruction-ignored", "tool-result-ignored"}),
    "special-tokens-in-text": frozenset({"instruction-ignored"}),
    "reasoning-in-text": frozenset({"instruction-ignored"}),
    "tool-arguments-schema-mismatch": frozenset({"tool-arguments-unfaithful"}),
    **dict.fromkeys(_FORMS, frozenset({"tool-result-rejected"})),
    "role-rejected": frozenset({"role-ignored"}),
    "server-crashed": frozenset({"endpoint-unreachable", "stream-cut"}),
    "reasoning-must-be-echoed": frozenset({"tool-result-rejected"}),
    "opaque-field-must-be-echoed": frozenset({"tool-result-rejected"}),
    "stream-compressed": _BROKEN_STREAM | {"response-not-json", "stream-event-malformed"},
    "context-too-small": frozenset(
        {"context-counts-output", "output-cap-low", "truncation-hidden", "context-overflow-unclear"}
    ),
    "context-truncated-silently": frozenset({"output-cap-low"}),
}
"""The finding -> those that are its consequences where both are there. Without cycles."""

_WEIGHT = {"blocks": 0, "degrades": 1, "info": 2}


def fold(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of all checks as one list: same ones merged, consequences marked, the root cause first."""
    merged = _merged(found)
    explained = [finding.but(follows_from=_root(finding, merged)) for finding in merged]
    return in_order(explained)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Root causes first, what weighs most first among them, then as a request meets their layers."""
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[bool, int, int]:
    return finding.follows_from is not None, _WEIGHT[finding.severity], layer_rank(finding.layer)


def _named_by_its_words(finding: Finding, others: Sequence[Finding]) -> str | None:
    """The code that the words of an error under a success status stand for, where they are known."""
    numbers = {item.exchange for item in finding.evidence}
    return next(
        (
            other.code
            for other in others
            if other.code not in _GENERIC
            and any(item.where == ERROR_WORDS and item.exchange in numbers for item in other.evidence)
        ),
        None,
    )


def _merged(found: Iterable[Finding]) -> list[Finding]:
    """The same code and subject seen by several checks is one finding, in the layer where it was seen first."""
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(finding.key, []).append(finding)
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[Finding]) -> Finding:
    hits, tries = (sum(finding.seen[side] for finding in group) for side in (0, 1))
    heaviest = min(group, key=lambda finding: _WEIGHT[finding.severity])
    joined = merge(group, len(group))
    apis = tuple(dict.fromkeys(api for finding in group for api in finding.apis))
    shown = [item for one in (apis or (None,)) for item in _shown(group, one)]
    return joined.but(seen=(hits, tries), severity=heaviest.severity, apis=apis, evidence=tuple(shown))


def _shown(group: Sequence[Finding], api: Api | None) -> tuple[Evidence, ...]:
    """The first pieces of evidence over one API, so that what was seen over another stays beside it."""
    same = [finding for finding in group if api is None or finding.apis[:1] in ((api,), ())]
    return tuple(item for finding in same for item in finding.evidence)[:MOST_OF]


def _explains(other: Finding, finding: Finding) -> bool:
    """Whether `other` was seen where `finding` weighs: what is wrong with one API is no cause of a fault of another.
    That is chat completions, if it was seen there at all. What leaves a reply readable is no cause of anything.
    """
    if is_readable(other):
        return False
    where = {"chat"} if "chat" in finding.apis or not finding.apis else set(finding.apis)
    return not other.apis or where <= set(other.apis)


def _root(finding: Finding, others: Sequence[Finding]) -> str | None:
    """The code at the end of the chain of explanations, None if nothing explains it."""
    others = [other for other in others if _explains(other, finding)]
    if finding.subject == "stream" and any(o.code == finding.code and o.subject == "plain" for o in others):
        return finding.code  # the same in both ways of asking is one defect
    if finding.code in _ERRORS_IN_SUCCESS and (named := _named_by_its_words(finding, others)) is not None:
        return named
    codes = {other.code for other in others}
    current: str | None = None
    step = next((code for code, effects in EXPLAINS.items() if code in codes and finding.code in effects), None)
    while step is not None:
        current = step
        step = next((code for code, effects in EXPLAINS.items() if code in codes and current in effects), None)
    return current
