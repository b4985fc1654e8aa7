"""What cab-check predicts of each agent CLI, against what was measured with the real one: the table of cells.

    python tests/live/agreement.py [--only CLI,...] [--jobs N] [--all]

For every fault that was measured (tests/tuis/measured.jsonl) the demo endpoint shows the same (tests/tuis/modes.toml),
over real sockets; the handshake of `cab-check handshake` asks it; and what the CLI does, as its verdict has it, is laid
beside what the real CLI did. A cell agrees, disagrees, or is unknown: the verdict says that it does not know, or the
demo cannot show the fault, and why. `--all` prints the cells that agree too. Exit code 1 if any cell disagrees.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent
sys.path[:0] = [str(HERE / "handshake"), str(HERE)]

from faulty_endpoint import Laid, record, serving  # noqa: E402

from cab_check.demo.faults import fault as laying  # noqa: E402
from cab_check.demo.faults.table import FAULTS, OF_ANY_API  # noqa: E402
from cab_check.handshake.judge import judge  # noqa: E402
from cab_check.handshake.result import Handshake  # noqa: E402
from cab_check.handshake.tuis.verdict import impacts  # noqa: E402
from cab_check.tuis.loader import profile  # noqa: E402

Key = tuple[str, ...]
_ANY_API = (
    *("key-rejected", "rate-limited", "responses-api-missing", "messages-api-missing", "model-not-found-on-chat"),
    *OF_ANY_API,
)
"""Faults that say the same over every API."""


@dataclass(frozen=True)
class Cell:
    """One measurement, and what is predicted for it; `why` where nothing is."""

    cli: str
    mode: str
    measured: str
    predicted: str | None
    why: str

    @property
    def word(self) -> str:
        """agree, disagree or unknown."""
        if self.predicted is None:
            return "unknown"
        return "agree" if self.predicted == self.measured else "disagree"


@cache
def modes() -> Mapping[str, Any]:
    """What each mode of the measurements was, and the faults that show it."""
    return tomllib.loads((HERE / "tuis" / "modes.toml").read_text("utf-8"))


def rows() -> list[dict[str, Any]]:
    """The measurements that met an endpoint."""
    lines = (HERE / "tuis" / "measured.jsonl").read_text("utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "setup" not in row]


def shown_by(row: Mapping[str, Any]) -> tuple[Key, str]:
    """The faults that show this measurement at the demo endpoint; none, and why."""
    mode, one = modes()[row["mode"]], profile(row["cli"])
    why = mode.get("except", {}).get(row["cli"]) or mode.get("why", "")
    if row.get("variant"):
        why = f"measured with its variant {row['variant']}, which has no verdict of its own"
    faults = mode["faults"] if one.request.stream else mode.get("plain", mode["faults"])
    if one.wire in mode:
        return ((), mode[one.wire]) if isinstance(mode[one.wire], str) else (tuple(mode[one.wire]), "")
    if one.wire != "chat" and not set(faults) <= set(_ANY_API):
        why = why or f"it speaks /{one.wire}, and the demo's fault changes chat completions"
    return ((), why) if why else (tuple(faults), "")


def handshake(names: Key) -> Handshake:
    """The judgement of the demo endpoint with these faults laid over it, as `cab-check handshake` comes to it."""
    faults = [FAULTS[name] for name in names]
    given = laying.given_for(faults)
    laid: Laid = laying.Fault("laid", "", "", before=_before(faults), after=_after(faults))
    with serving(laid) as server:
        base = f"http://127.0.0.1:{server.port}{given.path}"
        options = {"model": given.model} if given.model else {}
        recording, plan = asyncio.run(record(base, **options))  # type: ignore[arg-type]
    return judge(recording, plan)


def _before(faults: list[laying.Fault]) -> laying.Before:
    def before(request: Any) -> Any:
        for fault in reversed(faults):
            request = fault.before(request)
        return request

    return before


def _after(faults: list[laying.Fault]) -> laying.After:
    def after(request: Any, reply: Any) -> Any:
        for fault in faults:
            reply = fault.after(request, reply)
        return reply

    return after


def cell(row: Mapping[str, Any], found: Handshake | None, why: str) -> Cell:
    """The measurement beside the prediction: what the worst of the findings that the CLI meets makes it do."""
    name = "-".join(filter(None, (row["cli"], row.get("variant"))))
    if found is None:
        return Cell(name, row["mode"], row["outcome"], None, why)
    one = profile(row["cli"])
    met = impacts(one, found.findings, found.capabilities)
    verdict = next(item for item in found.tuis if item.tui == one.name)
    worst = met[0] if met else None
    if worst is not None and worst.effect is not None:
        return Cell(name, row["mode"], row["outcome"], worst.effect.does, f"{worst.finding.key}, {verdict.verdict}")
    if verdict.verdict == "works":
        return Cell(name, row["mode"], row["outcome"], "recovers", "nothing that it meets")
    keys = ", ".join(finding.key for finding in found.findings if finding.severity != "info")
    return Cell(name, row["mode"], row["outcome"], None, f"{verdict.verdict}: {verdict.what_happens} [{keys}]")


def cells(only: set[str], jobs: int) -> Iterator[Cell]:
    """Every cell, each set of faults asked once."""
    wanted = [row for row in rows() if not only or row["cli"] in only]
    shown = [shown_by(row) for row in wanted]
    sets = sorted({names for names, _ in shown if names})
    with ProcessPoolExecutor(jobs) as pool:
        found = dict(zip(sets, pool.map(handshake, sets), strict=True))
    for row, (names, why) in zip(wanted, shown, strict=True):
        yield cell(row, found.get(names), why)


def main() -> int:
    """Print the table and its totals."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="only these CLIs, with commas between")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="print the cells that agree too")
    options = parser.parse_args()
    every = list(cells({name for name in options.only.split(",") if name}, options.jobs))
    for one in every:
        if options.all or one.word != "agree":
            print(f"{one.word:9} {one.cli:18} {one.mode:14} {one.measured:24} {one.predicted or '-':24} {one.why}")
    totals = Counter(one.word for one in every)
    print(", ".join(f"{totals[word]} {word}" for word in ("agree", "disagree", "unknown")), f"of {len(every)} cells")
    return 1 if totals["disagree"] else 0


if __name__ == "__main__":
    sys.exit(main())
