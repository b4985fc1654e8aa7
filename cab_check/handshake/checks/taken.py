"""What parameters and forms of messages have in common: what a refusal names, and what came of the whole request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cab_check.handshake.check import Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.failure import failure, shown
from cab_check.handshake.narrow import Narrowed
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.sent import Sent
from cab_check.knowledge.vocabulary import evidence, make

_ROLES = "role-"


def suspects_in(turn: Turn, rows: Sequence[Sent], *, by_name: bool = False) -> Sequence[str]:
    """Names of the rows that a refusal may be about: those that it is classified as; then those that it spells out.

    What is said about one role or order is often said of all that break the same rule of a template.
    """
    error = turn.reply.error
    if error is None:
        return ()
    headers = turn.exchange.got.headers if turn.exchange.got else ()
    code, subject = classify_error(error, turn.exchange.status, headers) or (None, None)
    narrowed = re.split(r"[=.\[]", subject)[0] if subject else None
    same = [row for row in rows if row.code == code]
    exact = [row.name for row in same if narrowed in (row.name, row.subject)]
    loose = [row.name for row in same if row.subject is None or narrowed is None]
    if code and code.startswith(_ROLES):
        loose += [row.name for row in rows if row.code.startswith(_ROLES)]
    words = " ".join(link.message for link in error.chain) + f" {error.param or ''}"
    spelt = [row.name for row in rows if by_name and re.search(rf"(?<!\w){row.name}(?!\w)", words)]
    return tuple(dict.fromkeys([*exact, *([] if by_name else loose), *spelt]))


def refused(row: Sent, turn: Turn, **changes: Any) -> Finding:
    """The finding for one part of a request that was refused, with those who send it. `changes` go to `make`."""
    who = f"sent by {', '.join(row.clients)}" if row.clients else "sent by none of the measured clients"
    shows = [shown(turn.exchange), evidence(turn.number, f"request: {row.name}", who)]
    fields = {"subject": row.subject, "severity": row.severity, "confidence": "high", **changes}
    return make(row.code, evidence=shows, **fields)


def judged(told: Narrowed, found: Sequence[Finding], seen: Seen, proof: str) -> Outcome:
    """The outcome of a question that was taken apart; what could not be said is said."""
    if not told.asked:
        return not_asked()
    crash = None if told.answered else failure(told.asked[-1].exchange, seen)
    if crash is not None and crash.code == "server-crashed" and crash.confidence == "high":
        found = [*found, crash]
    if found:
        return concluded(told.asked, found, "")
    if told.answered is None:
        return inconclusive(told.asked, told.unsaid or "not asked to the end")
    return concluded(told.asked, [], proof)
