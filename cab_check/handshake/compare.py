"""The same questions at two addresses: which findings show at both, and so which hop is to blame."""

from __future__ import annotations

from dataclasses import replace

from cab_check.handshake.result import Comparison, Handshake
from cab_check.knowledge.advice import advise
from cab_check.knowledge.finding import Evidence, Finding
from cab_check.knowledge.vocabulary import code

_HOPS = ("server", "gateway")
_IN_FRONT = "The server behind answers the same questions without this, so the hop in front of it makes it."
_ANSWERED = ("pass", "warn", "fail")


def compared(here: Handshake, there: Handshake) -> tuple[Finding, ...]:
    """The findings of `here`, each told whether it shows `there` too, and behind them those that show only there.

    `there` is nearer the model. What shows at both is the server's behind; what shows only here is made by the hop in
    front. That is as sure as a comparison can be, but only for what a hop can do: account, network, settings and moods
    of the model stay whose they were. Where the twin of a question was not answered, nothing is said.
    """
    if there.verdict == "unchecked":
        return here.findings
    both = {finding.code: finding for finding in there.findings}
    told = [_told(finding, both.get(finding.code), here, there) for finding in here.findings]
    known = {finding.code for finding in here.findings}
    others = [finding for finding in there.findings if finding.code not in known]
    return (*told, *(_only_there(finding, tried) for finding in others if (tried := _tried(finding, there, here))))


def _told(finding: Finding, twin: Finding | None, here: Handshake, there: Handshake) -> Finding:
    if twin is not None:
        found = finding.but(compare="both", seen_there=twin.seen)
        return _behind(found, twin) if finding.owner in _HOPS else found
    tried = _tried(finding, here, there)
    if not tried:
        return finding
    found = finding.but(compare="here", seen_there=(0, tried))
    return _in_front(found, here) if finding.owner in _HOPS else found


def _behind(finding: Finding, twin: Finding) -> Finding:
    """The server's: the advice is that for the hops behind."""
    found = finding.but(owner="server", confidence="high")
    if finding.owner == "server":
        return found
    return found.but(cause=twin.cause, fix=twin.fix, fixed_in=twin.fixed_in, sources=twin.sources)


def _in_front(finding: Finding, here: Handshake) -> Finding:
    """The gateway's: advice for the server would mislead, so only that for a gateway that was recognised stands."""
    found = finding.but(owner="gateway", confidence="high")
    if finding.owner == "gateway":
        return found
    bare = found.but(cause=None, fix=None, fixed_in=None, sources=())
    for_any = advise(bare)
    gateways = [hop for hop in here.hops if hop.kind == "gateway"]
    advised = advise(bare, gateways, model=here.model.requested) if gateways else for_any
    return bare.but(cause=_IN_FRONT) if advised.cause == for_any.cause else advised


def _only_there(finding: Finding, tried: int) -> Finding:
    """Its evidence lies in the other recording, and says so."""
    moved = tuple(
        Evidence(None, f"there, request {item.exchange}, {item.where}" if item.exchange else item.where, item.excerpt)
        for item in finding.evidence
    )
    return finding.but(compare="there", seen=(0, tried), seen_there=finding.seen, evidence=moved)


def _tried(finding: Finding, shown: Handshake, clean: Handshake) -> int:
    """How many exchanges of the side that is clean of a finding could have shown it; 0 if some twin has no answer.

    Every check of the finding's layer that came to something where it shows must have gone well on the other side.
    """
    layers = {finding.layer, code(finding.code).layer}
    telling = {check.id for check in shown.checks if check.layer in layers and check.status in _ANSWERED}
    twins = [check for check in clean.checks if check.id in telling]
    if not all(check.status in ("pass", "warn") for check in twins):
        return 0
    return len({number for check in twins for number in check.exchanges})


def with_comparison(here: Handshake, there: Handshake, base_url: str) -> Handshake:
    """`here` with its findings compared to those of `base_url`. The verdict stays that of the first address."""
    twin = Comparison(base_url, there.verdict, there.headline, there.hops, there.cost)
    return replace(here, findings=compared(here, there), compared_to=twin)
