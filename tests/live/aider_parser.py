"""Our parser of edits and aider's own, on the same replies: do they agree on what becomes of the files?

Not part of the test suite: it runs aider-chat in an environment of its own. From a checkout whose Python has cab-check:

    python tests/live/aider_parser.py [--venv DIR] [--python PATH] [--record] [--fresh N [--seed S]] [-v]

DIR (default: $CAB_AIDER_VENV, else a temporary one that is removed again) is made and filled with aider-chat 0.86.2
if it is not there; aider does not install on every Python, 3.11 and 3.12 are known to work. Without --record the
replies of tests/agent/edit_corpus.json are run; with it that file is written anew, with aider's outcome beside each
reply. --fresh N runs N replies made by other dice instead. The exit code is 1 if the two disagree on a reply that is
not marked as one where they are meant to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "agent")]

from aider_corpus import corpus, mutations  # noqa: E402
from edit_cases import CORPUS, ours  # noqa: E402

VERSION = "0.86.2"
RUN_S, INSTALL_S = 1800, 1800


def python_in(venv: Path, python: str) -> str:
    """The interpreter of an environment with aider, made first if it is not there."""
    if not venv.exists():
        subprocess.run([python, "-m", "venv", str(venv)], check=True, timeout=INSTALL_S)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", f"aider-chat=={VERSION}"]
        subprocess.run(pip, check=True, timeout=INSTALL_S)
    return str(venv / "bin" / "python")


def theirs(cases: list[dict[str, Any]], python: str) -> list[dict[str, Any]]:
    """aider's outcome of each case."""
    with tempfile.TemporaryDirectory(prefix="cab-aider-") as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        side = str(Path(__file__).parent / "aider_side.py")
        done = subprocess.run([python, side], input=json.dumps(cases), env=env, capture_output=True, text=True,
                              timeout=RUN_S, cwd=home, check=False)  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return list(json.loads(done.stdout))


def main() -> int:
    """Run, compare, print a line for each reply on which the two disagree, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=os.environ.get("CAB_AIDER_VENV"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--fresh", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    if options.fresh:
        cases = list(mutations(options.seed, options.fresh))
    else:
        cases = corpus() if options.record else json.loads(CORPUS.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="cab-aider-") as temporary:
        python = python_in(options.venv or Path(temporary) / "venv", options.python)
        outcomes = theirs(cases, python)
    unmeant = agreed = 0
    for case, outcome in zip(cases, outcomes, strict=True):
        mine = ours(case)
        same = mine == outcome
        agreed += same
        meant = case.get("differs", "")
        unmeant += not same and not meant
        if options.verbose or not same:
            print(f"{'agree' if same else 'DISAGREE'}  {case['format']:14} {case['about']}  {meant}")
        if not same:
            print(f"    reply {case['reply']!r}\n    aider {outcome}\n    ours  {mine}")
        case["aider"] = outcome
    print(f"{agreed} of {len(cases)} agree, {len(cases) - agreed - unmeant} differ on purpose, {unmeant} disagree")
    if options.record:
        text = json.dumps(cases, ensure_ascii=True, indent=0)
        CORPUS.write_text(text + "\n", encoding="utf-8")
    return 1 if unmeant else 0


if __name__ == "__main__":
    sys.exit(main())
