"""One check over one recording; a judge of ours that breaks takes nothing down but itself."""

from __future__ import annotations

from cab_check.handshake.check import Check, Outcome
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen


def run_check(check: Check, plan: Plan, seen: Seen) -> Outcome:
    """The outcome; `crashed` if the judge raises, which is a defect of ours and is shown as one."""
    try:
        return check.judge(plan, seen)
    except Exception as defect:  # noqa: BLE001 - a reply that we cannot judge must not hide what the others found
        return Outcome("crashed", f"{type(defect).__name__}: {defect}")


def failed(outcome: Outcome) -> bool:
    """Whether checks that build on this one have nothing to stand on."""
    return outcome.status in ("fail", "crashed", "not_run")
