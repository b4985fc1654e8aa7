"""Runs inside a box, or without walls as the control: one attempt to get out for each name that is asked for.

Stands alone. Argument: a file with JSON facts about the outside. Prints {attempt: [verdict, detail]}; an attempt that
raises anything but OSError has no verdict, and that is an error of the test, not a pass.
"""

# every failure of an attempt becomes its verdict
# ruff: noqa: PTH100, PTH120, BLE001

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sandbox_attempts_calls  # noqa: F401
import sandbox_attempts_files  # noqa: F401
import sandbox_attempts_kernel  # noqa: F401
import sandbox_attempts_left  # noqa: F401
import sandbox_attempts_network  # noqa: F401
import sandbox_attempts_places  # noqa: F401
import sandbox_attempts_processes  # noqa: F401
import sandbox_attempts_secrets  # noqa: F401
from sandbox_attempt import PROBES, slurp

GIVE_UP_S = 10


def attempt(name, told):
    """Run one attempt in a process of its own, so that none can spoil the next."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(GIVE_UP_S)
        try:
            answer = ["escaped" if PROBES[name](told) else "held", ""]
        except OSError as failure:
            answer = ["held", str(failure)]
        except BaseException as failure:
            answer = ["error", repr(failure)]
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else ["error", f"ended with {status}"]


def open_descriptors():
    """Those beyond the three streams, found without /proc."""
    found = []
    for number in range(3, 4096):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    return found


if __name__ == "__main__":
    facts = json.loads(slurp(sys.argv[1]))
    facts["descriptors"] = open_descriptors()
    print(json.dumps({name: attempt(name, facts) for name in facts["probes"]}))
