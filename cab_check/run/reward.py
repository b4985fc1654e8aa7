"""The grade of a foreign Harbor task: whatever its tests wrote into their reward file.

Harbor reads `reward.json` before `reward.txt`; the first is a flat object of numbers, the second one number. Of
several numbers the one named `reward` is the gate. The exit code of the tests means nothing there.
"""

from __future__ import annotations

import json
import math
from typing import Any

from cab_check.base.text import clean_bytes
from cab_check.run.judge import TAIL_BYTES
from cab_check.run.result import Grade
from cab_check.sandbox.box import Done

REWARD_FILES = ("reward.json", "reward.txt")


def judge_reward(files: dict[str, bytes], done: Done) -> Grade:
    """The grade from the files of the log folder and from how the tests ended. Passed is a reward of 1 or more."""
    name = next((name for name in REWARD_FILES if name in files), None)
    reward = _number(files[name]) if name else None
    if done.limit:
        reason = f"the task's own tests were stopped by the limit on {done.limit}"
    elif name is None:
        reason = f"the task's own tests wrote no reward file; they ended with exit code {done.exit_code}"
    elif reward is None:
        reason = f"the task's own tests wrote a {name} that holds no reward"
    else:
        reason = f"the task's own tests gave a reward of {reward:g}"
    return Grade(
        passed=done.limit is None and reward is not None and reward >= 1,
        reason=reason,
        exit_code=done.exit_code,
        timed_out=done.limit == "wall",
        stdout_tail=clean_bytes(done.stdout, TAIL_BYTES),
        stderr_tail=clean_bytes(done.stderr, TAIL_BYTES),
    )


def _number(data: bytes) -> float | None:
    """The reward in the text of a reward file, None if there is no finite one."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = value.get("reward", next(iter(value.values()), None))
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond every float
        return None
