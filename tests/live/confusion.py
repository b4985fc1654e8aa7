"""The confusion matrix of the handshake: every documented failure against every code of the vocabulary.

    python tests/live/confusion.py [--only WORD] [--misses]

Each failure of tests/handshake/documented_failures.toml is laid over the demo endpoint and meets a real handshake:
sockets, every question, the judge, as `cab-check handshake` has them. A few are recordings instead (`recorded`): where
no HTTP is spoken, and where an agent sends what no handshake asks. Prints for each failure whether the first code is
right, that code with its subject, owner and confidence, whether the decisive flag, setting or field stands in its fix;
then the matrix, its empty rows and columns left out; then the failures that no handshake can see, with the reason; and
the figures at the end:

    right first code       the share of failures whose first finding has the expected code, or one that is right, too
    confident wrong code   the share whose first finding has another code and says it with high confidence
    decisive in fix        the share in whose first finding's fix the flag, setting or field stands that mends it

`--only` takes failures whose id or code holds the word, `--misses` prints only what is not right in every respect.

Takes about two minutes: some failures are silence. Nothing leaves this machine. The suite runs most of the same table
(tests/handshake/test_handshake_documented.py). Exit code 1 if a figure misses its mark, else 0.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "handshake"))
sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from documented import MARKS, Seen, documented, figures, shake

from cab_check.knowledge.vocabulary import codes

AT_ONCE = 4
NOTHING = "(nothing)"


def line(seen: Seen) -> str:
    """What was made of one failure."""
    first, row = seen.first, seen.row
    said = f"{first.key} [{first.owner}, {first.confidence}]" if first else NOTHING
    how = " recorded" if "sends" in row or "ends" in row else ""
    marks = f"{'right' if seen.right else 'WRONG' if seen.misled else 'wrong'} {'fix' if seen.fixed else 'no fix':<6}"
    expected = "" if seen.right else f"   expected {' or '.join(seen.expected)}"
    lacks = "" if seen.fixed else f"   lacks {row['change']!r}"
    return f"{marks} {row['id']:<50} {said}{how}{expected}{lacks}"


def matrix(every: Sequence[Seen]) -> list[str]:
    """One line per expected code: what was said first, and how often."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for seen in every:
        said = seen.first.code if seen.first else NOTHING
        told[said if seen.right else seen.row["code"]][said] += 1
    lines = []
    for code in sorted(told):
        row = ", ".join(f"{said} {count}" for said, count in told[code].most_common())
        lines.append(f"{code:<32} {sum(told[code].values()):>3}   {row}")
    unused = [code for code in codes() if code not in told]
    return [*lines, f"codes for which no failure stands: {', '.join(unused)}"]


def main() -> int:
    """Exit code 1 if a figure misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    rows = [row for row in documented().values() if options.only in f"{row['id']} {row.get('code', '')}"]
    asked = [row for row in rows if "unseen" not in row]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        every = list(pool.map(shake, asked))
    for seen in every:
        if not options.misses or not (seen.right and seen.fixed):
            print(line(seen))
    print("\nexpected code                  failures   first code, how often")
    print("\n".join(matrix(every)))
    print("\nno handshake can see:")
    for row in rows:
        if "unseen" in row:
            print(f"  {row['id']}: {row['unseen']}")
    print(f"\n{len(rows)} failures, {len(every)} of them asked")
    missed = False
    for name, (count, share) in figures(every).items():
        mark, holds = MARKS[name](share)
        missed = missed or not holds
        print(f"{name:<22} {count:>3} of {len(every)}   {share:6.1%}   ({mark}{'' if holds else ': MISSED'})")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
