"""How well the handshake tells faults apart that come together: real handshakes against pairs of named faults.

    python tests/live/fault_pairs.py [--pairs 60] [--seed 1] [--alone]

Starts the demo endpoint with two faults laid over it, makes a whole handshake, and looks for both codes among the
findings, those that follow from another included. Prints one line per pair, and how many pairs have both codes named,
one, or none. A fault after which some checks are not run (no chat, no tool call) hides what they would find: pairs
with such a fault are drawn too, and counted apart. Only faults whose codes the handshake names alone are paired;
`--alone` prints what it makes of every fault by itself instead, and is how a fault is found that a new detection has
made visible.

Not part of the suite: it takes a minute or two. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "handshake"))

from faulty_endpoint import KEY, SHORT, record

from cab_check.demo.faults.fault import Fault, given_for
from cab_check.demo.faults.table import FAULTS
from cab_check.demo.server import serve
from cab_check.handshake.judge import judge
from cab_check.handshake.result import Handshake


def shake(faults: Sequence[Fault]) -> Handshake:
    """The judgement of a handshake with the endpoint that has `faults`."""
    given = given_for(faults)
    with serve(key=KEY, faults=faults) as server:
        base = server.base_url.removesuffix("/v1") + given.path
        key = given.key and given.key.format(key=KEY)
        more = {"model": given.model} if given.model else {}
        recording, plan = asyncio.run(record(base, key=key, limits=SHORT, seed="pairs", **more))
    return judge(recording, plan)


def named(judged: Handshake) -> list[str]:
    """The codes that were found, the root causes first."""
    return list(dict.fromkeys(finding.code for finding in judged.findings))


def alone() -> int:
    """One line per fault: what is found of it by itself."""
    found = 0
    for fault in FAULTS.values():
        judged = shake([fault])
        keys = [finding.key for finding in judged.findings]
        first = named(judged)[:1] == [fault.code]
        found += first
        owner = judged.findings[0].owner if judged.findings else "-"
        print(
            f"{'named ' if first else 'NOT   '} {fault.name:<45} exit {judged.exit_code} {owner:<8} {', '.join(keys)}"
        )
    print(f"{found} of {len(FAULTS)} faults have their code named first")
    return 0


def pairs(count: int, seed: int) -> int:
    """Draw pairs of faults with different codes, and print how many have both codes named."""
    shown = {}
    for fault in FAULTS.values():
        judged = shake([fault])
        if fault.code in named(judged):
            shown[fault.name] = any(check.status == "not_run" for check in judged.checks)
    every = [pair for pair in itertools.combinations(shown, 2) if FAULTS[pair[0]].code != FAULTS[pair[1]].code]
    counts: Counter[str] = Counter()
    for pair in random.Random(seed).sample(every, min(count, len(every))):
        faults = [FAULTS[name] for name in pair]
        codes = named(shake(faults))
        hits = sum(fault.code in codes for fault in faults)
        kind = "one stops it" if any(shown[name] for name in pair) else "both can show"
        counts[f"{kind}: {hits} of 2 named"] += 1
        print(f"{hits} of 2  {kind:<14} {' + '.join(pair)}: {', '.join(codes)}", flush=True)
    print()
    for line, number in sorted(counts.items()):
        print(f"{number:>4}  {line}")
    return 0


def main() -> int:
    """Exit code 0: this measures, and judges nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    return alone() if options.alone else pairs(options.pairs, options.seed)


if __name__ == "__main__":
    sys.exit(main())
