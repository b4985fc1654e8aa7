"""Score the handshake on the hold-out: `python tests/handshake/holdout/score.py [--file NAME] [--only ID]`.

Starts the endpoint of each row, runs the real `cab-check handshake` on it as a process, two at a time, and prints what
it named against what is known. README.md says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from holdout.overlay import FILES, Overlay, rows

AT_ONCE = 2
JOB_S = 240
KEY = "sk-holdout-4f1c7e0a9b2d6358"
"""A dummy: no endpoint of the hold-out looks at it."""
WEIGHING = ("blocks", "degrades")
SOUND = "(sound)"
"""What stands for the expected code of a row that is sound."""


@dataclass(frozen=True, slots=True)
class Score:
    """One row: what was named first (`code`, with its subject), and what of it is right; None where not asked.

    `alarms`: the findings that weigh, on a row that is `sound`; None on a row that fails.
    """

    id: str
    layer: str
    expected: str
    code: str
    confidence: str
    right: bool
    among: bool
    owner_right: bool
    decisive_in_fix: bool | None
    findings: tuple[str, ...]
    alarms: tuple[str, ...] | None = None
    note: str = ""

    @property
    def confident_and_wrong(self) -> bool:
        """A wrong cause, said with high confidence: the worst that can happen."""
        return not self.right and self.confidence == "high" and self.code not in ("unrecognised", "nothing")


def main() -> int:
    """Run, print, and write the scores if asked to. Always 0: this measures, it does not judge."""
    options = _options().parse_args()
    chosen = [row for row in rows(options.file) if not options.only or row["id"] in options.only]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        scores = []
        for score in pool.map(lambda row: _score(row, options.timeout), chosen):
            print(_line(score), flush=True)
            scores.append(score)
    print()
    for line in _sums(scores):
        print(line)
    if options.output:
        text = json.dumps([asdict(score) for score in scores], ensure_ascii=False, indent=1)
        options.output.write_text(text, encoding="utf-8")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Score cab-check handshake on the hold-out of documented failures.")
    parser.add_argument("--file", choices=FILES, default=FILES[0], help=f"the rows ({FILES[0]})")
    parser.add_argument("--only", action="append", metavar="ID", help="this row only; repeatable")
    parser.add_argument("--timeout", type=float, default=JOB_S, metavar="S", help=f"seconds for one row ({JOB_S})")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the scores as JSON too")
    return parser


def _score(row: dict[str, Any], timeout: float) -> Score:
    with Overlay(row) as endpoint:
        document, note = _run(endpoint, timeout)
    findings = (document.get("handshake") or {}).get("findings") or []
    first: dict[str, Any] = findings[0] if findings else {}
    fix = str(first.get("fix") or "").lower()
    return Score(
        id=row["id"],
        layer=row["layer"],
        expected=SOUND if row.get("sound") else row["expected"][0],
        code=_named(first) if first else "nothing",
        confidence=str(first.get("confidence") or "-"),
        right=_is_right(first, row["expected"]),
        among=any(_is_right(finding, row["expected"]) for finding in findings),
        owner_right=first.get("owner") == row["owner"],
        decisive_in_fix=any(word.lower() in fix for word in row["decisive"]) if row["decisive"] else None,
        findings=tuple(_named(finding) for finding in findings),
        alarms=_alarms(document, findings) if row.get("sound") else None,
        note=note,
    )


def _run(endpoint: Overlay, timeout: float) -> tuple[dict[str, Any], str]:
    argv = [sys.executable, "-m", "cab_check", "handshake", "--endpoint", endpoint.base_url, "--model", endpoint.model]
    argv += ["--json", "--no-store", "--timeout", str(timeout)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CAB_", "OPENAI_"))}
    environment = {**kept, "CAB_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    try:
        ended = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=timeout + 30, check=False)
    except subprocess.TimeoutExpired:
        return {}, f"no end after {timeout + 30:.0f} s"
    try:
        found = json.loads(ended.stdout)
    except ValueError:
        return {}, f"exit {ended.returncode}, no JSON: {ended.stderr.strip()[-200:]}"
    error = found.get("error") if isinstance(found, dict) else None
    return (found, str(error.get("message", "")) if isinstance(error, dict) else "")


def _alarms(document: dict[str, Any], findings: list[dict[str, Any]]) -> tuple[str, ...]:
    """The findings that weigh; a run without a handshake counts as an alarm too, since it shows nothing."""
    if not document.get("handshake"):
        return ("(no handshake)",)
    return tuple(_named(finding) for finding in findings if finding.get("severity") in WEIGHING)


def _named(finding: dict[str, Any]) -> str:
    subject = finding.get("subject")
    return f"{finding.get('code')}:{subject}" if subject else str(finding.get("code"))


def _is_right(finding: dict[str, Any], expected: list[str]) -> bool:
    return any(wanted in (finding.get("code"), _named(finding)) for wanted in expected)


def _line(score: Score) -> str:
    if score.alarms is not None:
        said = f"FALSE ALARM {', '.join(score.alarms)}" if score.alarms else "no finding that weighs"
        return f"{'   ' if score.alarms or score.note else 'ok '} {score.id:36} {SOUND:40} {said} {score.note}".rstrip()
    mark = "ok " if score.right else "   "
    wrong = "  CONFIDENT AND WRONG" if score.confident_and_wrong else ""
    decisive = {True: "line", False: "no line", None: "-"}[score.decisive_in_fix]
    owner = "owner" if score.owner_right else "other owner"
    said = f"{score.code} ({score.confidence})"
    return f"{mark} {score.id:36} {score.expected:40} {said:48} {owner:12} {decisive:8}{wrong} {score.note}".rstrip()


def _sums(every: list[Score]) -> list[str]:
    scores = [score for score in every if score.alarms is None]
    sound = [score for score in every if score.alarms is not None]
    asked = [score for score in scores if score.decisive_in_fix is not None]
    return [
        _share("right first code", [score.right for score in scores]),
        _share("right code among the findings", [score.among for score in scores]),
        _share("unrecognised", [score.code == "unrecognised" for score in scores]),
        _share("nothing found", [score.code == "nothing" for score in scores]),
        _share("confident wrong code", [score.confident_and_wrong for score in scores]),
        _share("owner right", [score.owner_right for score in scores]),
        _share("decisive line in fix", [bool(score.decisive_in_fix) for score in asked]),
        *(
            _share(f"right first code, {layer}", [score.right for score in scores if score.layer == layer])
            for layer in sorted({score.layer for score in scores})
        ),
        *([_share("false alarms on sound endpoints", [bool(score.alarms) for score in sound])] if sound else []),
    ]


def _share(name: str, held: list[bool]) -> str:
    percent = f"{100 * sum(held) / len(held):5.1f} %" if held else "    -"
    return f"{name:42} {sum(held):3} of {len(held):3}  {percent}"


if __name__ == "__main__":
    raise SystemExit(main())
