"""The judgement over one recording: checks, findings with their causes, verdict. Pure, whoever recorded it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cab_check.handshake.check import NEEDLESS, REPLAY, Check, Outcome
from cab_check.handshake.checks import checks_of
from cab_check.handshake.checks.context import tokens_verified
from cab_check.handshake.figures import cost, model_facts, spent_ms
from cab_check.handshake.fold import fold, in_order
from cab_check.handshake.mends import with_mendings
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import CheckResult, Handshake
from cab_check.handshake.run import failed, run_check
from cab_check.handshake.seen import Seen
from cab_check.handshake.surfaces import apis_of, fields_taken
from cab_check.handshake.tuis.address import places
from cab_check.handshake.tuis.replays import taken, tokens_replayed
from cab_check.handshake.tuis.verdict import Basis, largest, needs, verdicts, weighed
from cab_check.handshake.verdict import capabilities, decide, headline
from cab_check.knowledge.advice import advise
from cab_check.knowledge.finding import Finding, Hop
from cab_check.knowledge.vocabulary import code, layer_rank
from cab_check.tuis.loader import profile
from cab_check.wire.exchange import Recording

_WORDS = 4000
"""Characters of a reply that advice may look at."""


def judge(
    recording: Recording, plan: Plan, *, stopped_by: str | None = None, checks: Sequence[Check] | None = None
) -> Handshake:
    """Everything that `recording` proves, `stopped_by` naming what ended the job early, if anything did."""
    seen, checks = Seen(recording), checks_of(plan) if checks is None else checks
    outcomes = run_checks(plan, seen, checks)
    hops = seen.hops
    asked_about = tuple(profile(name) for name in plan.tuis)
    passed = [one for one in asked_about if outcomes[f"{REPLAY}{one.name}"].status == "pass"]
    able = capabilities(outcomes) | {name: "yes" for one in passed for name in needs(one)}
    found = [(finding, check) for check in checks for finding in outcomes[check.id].findings]
    placed = [_placed(finding.but(apis=apis_of(finding, seen)), check) for finding, check in found]
    told = in_order(with_mendings(fold(placed), seen))
    folded = in_order(weighed(asked_about, told, able)) if asked_about else told
    findings = tuple(_advised(finding, hops, seen, plan) for finding in folded)
    verdict, exit_code = decide(outcomes, findings, stopped_by)
    model = model_facts(plan, seen)
    verified = largest(tokens_verified(seen), tokens_replayed(passed, plan, seen))
    basis = Basis(
        findings,
        able,
        verdict,
        largest(verified, model.context_listed),
        asked=[name for name, outcome in outcomes.items() if outcome.status in ("pass", "warn", "fail")],
        fields=fields_taken(seen),
        replayed=[one.name for one in passed],
        taken=[one.name for one in asked_about if taken(one, plan, seen)],
    )
    return Handshake(
        verdict=verdict,
        for_=plan.for_,
        headline=headline(verdict, findings, able, outcomes, plan.tuis),
        checks=tuple(_result(check, outcomes[check.id], seen) for check in checks),
        findings=findings,
        hops=hops,
        model=model,
        capabilities=able,
        context_tokens_verified=verified,
        cost=cost(plan, seen, checks, outcomes),
        exit_code=exit_code,
        stopped_by=stopped_by,
        tuis=verdicts(asked_about, basis),
    )


def run_checks(plan: Plan, seen: Seen, checks: Sequence[Check]) -> dict[str, Outcome]:
    """The outcome of each check by id. One whose need failed is not run, and says which need that was."""
    outcomes: dict[str, Outcome] = {}
    for check in checks:
        lacking = next((need for need in check.needs if failed(outcomes[need])), None)
        if lacking is None:
            outcomes[check.id] = _needless(check, _told(run_check(check, plan, seen), seen), outcomes)
            continue
        before = outcomes[lacking]
        reason = before.reason if before.status == "not_run" else f"needs {lacking}: it failed"
        outcomes[check.id] = Outcome("not_run", reason)
    return outcomes


def _needless(check: Check, outcome: Outcome, before: Mapping[str, Outcome]) -> Outcome:
    """What was not asked because what agent CLIs send had passed says so."""
    passed = bool(check.unless) and all(before[other].status == "pass" for other in check.unless)
    if outcome.status != "skipped" or outcome.exchanges or not passed:
        return outcome
    whose = ", ".join(other.removeprefix(REPLAY) for other in check.unless)
    return replace(outcome, reason=f"{NEEDLESS}: the turns of {whose} passed")


def _told(outcome: Outcome, seen: Seen) -> Outcome:
    """What is not known for want of replies that a recording does not hold is said with its reason."""
    if outcome.status != "skipped" or not seen.unrecorded:
        return outcome
    return replace(outcome, reason=f"{outcome.reason} ({seen.unrecorded} replies are not in the recording)")


def _placed(finding: Finding, check: Check) -> Finding:
    """A finding of an earlier layer that shows only later stands in the layer of the check that saw it."""
    own = code(finding.code).layer
    gate = check.layer in ("address", "network", "auth", "model")
    tools = own.startswith("tools") and check.layer.startswith("tools")
    if gate or tools or (own != "any" and layer_rank(own) >= layer_rank(check.layer)):
        return finding
    return finding.but(layer=check.layer)


def _advised(finding: Finding, hops: Sequence[Hop], seen: Seen, plan: Plan) -> Finding:
    """With cause and fix, for the hops that were recognised and the words that were seen."""
    numbers = {item.exchange for item in finding.evidence}
    words = [exchange.text[:_WORDS] for exchange in seen.exchanges if exchange.number in numbers]
    return advise(finding, hops, words, model=plan.model, places=places(finding, seen, plan.tuis))


def _result(check: Check, outcome: Outcome, seen: Seen) -> CheckResult:
    looked_at = [exchange for exchange in seen.exchanges if exchange.number in outcome.exchanges]
    return CheckResult(
        id=check.id,
        layer=check.layer,
        status=outcome.status,
        reason=outcome.reason,
        needs=check.needs,
        exchanges=outcome.exchanges,
        ms=round(spent_ms(looked_at), 3) if looked_at else None,
    )
