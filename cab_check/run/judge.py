"""From what the tests' processes did to a Grade. Pure: no file, no process, no clock.

A test passes if its process ended with 0 and reported, exactly once, what `answers` has for it. The answers are held
here, outside of the sandbox, so text that says "ok", an early exit and a rewritten test all come to "not passed".
What remains: code that recognises the test which calls it could report in its place. It would have to work out the
right answer for that, which is the task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile

from cab_check.base.text import clean_bytes, one_line
from cab_check.run.result import Grade, TestState
from cab_check.sandbox.box import Done

TAIL_BYTES = 16 * 1024  # of each stream, of all tests together

_MARK = b"observed: "
_PANIC = re.compile(r"panicked at ([^\s:]+:\d+)")
_RAISED = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception|Interrupt|Exit|Warning)): ?(.*)$", re.MULTILINE)
_COMPILER = re.compile(r"^error(?:\[\w+\])?: .+(?:\n *--> (\S+))?", re.MULTILINE)
_VOID = "the canary test, which must fail, ended as if it had passed: the solution meddles with its tests; void"


def judge(answers: Mapping[str, str], canary: Done, runs: Mapping[str, Done]) -> Grade:
    """The grade of a solution whose tests were run. A test without an entry in `runs` is missing: time was over."""
    tests = {test: _state(answer, runs.get(test)) for test, answer in answers.items()}
    void = canary.exit_code == 0 and canary.limit is None
    passed = not void and all(state == "passed" for state in tests.values())
    exit_codes = [done.exit_code for done in runs.values()]
    return Grade(
        passed=passed,
        reason=_VOID if void else _reason(answers, tests, runs),
        tests=tuple(tests.items()),
        exit_code=_exit_code(exit_codes, passed),
        timed_out=any(done.limit == "wall" for done in runs.values()) or len(runs) < len(answers),
        stdout_tail=_tail(_report(tests, answers, runs)),
        stderr_tail=_tail(b"".join(_errors(runs[test]) for test in runs if tests[test] != "passed")),
        integrity_broken=void,
    )


def not_built(answers: Mapping[str, str], build: Done) -> Grade:
    """The grade of a solution that cannot even be built together with its tests."""
    text = clean_bytes(build.stderr)
    found = _COMPILER.search(text)
    at = f" ({found[1]})" if found and found[1] else ""
    why = one_line(found[0].split("\n")[0], 160) + at if found else _ending(build, text)
    return Grade(
        passed=False,
        reason=f"the solution does not build: {why}",
        tests=tuple((test, "failed") for test in answers),
        exit_code=build.exit_code,
        timed_out=build.limit == "wall",
        stdout_tail=_tail(build.stdout),
        stderr_tail=_tail(build.stderr),
    )


def observations(done: Done) -> list[str]:
    """What a test reported, in its own words."""
    lines = [line for line in done.stderr.split(b"\n") if line.startswith(_MARK)]
    return [line.removeprefix(_MARK).decode("utf-8", "replace") for line in lines]


def _state(answer: str, done: Done | None) -> TestState:
    if done is None or (done.exit_code == 0 and not observations(done)):
        return "missing"
    return "passed" if done.exit_code == 0 and not done.limit and observations(done) == [answer] else "failed"


def _reason(answers: Mapping[str, str], tests: Mapping[str, TestState], runs: Mapping[str, Done]) -> str:
    """One sentence: how many passed, and what became of the first that did not."""
    passed = sum(state == "passed" for state in tests.values())
    count = f"{passed} of {len(tests)} tests passed"
    first = next((test for test, state in tests.items() if state != "passed"), None)
    if first is None:
        return count
    short = first.rpartition("::")[2]
    if first not in runs:
        return f"{count}; the time for grading was over before {short}"
    return f"{count}; {short} {_what_happened(answers[first], runs[first])}"


def _what_happened(answer: str, done: Done) -> str:
    seen = observations(done)
    if len(seen) == 1 and done.exit_code == 0:
        return f"gave {_difference(seen[0], answer)}"
    if len(seen) > 1:
        return f"reported {len(seen)} results instead of one"
    return _ending(done, clean_bytes(done.stdout + b"\n" + done.stderr))


def _difference(seen: str, answer: str) -> str:
    """Both from a little before the place where they part."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(seen, answer, strict=False)))
    start = max(0, same - 24)
    dots = "…" if start else ""
    return f"{dots}{one_line(seen[start:], 60)} where {dots}{one_line(answer[start:], 60)} is right"


def _ending(done: Done, text: str) -> str:
    """How a process that reported nothing came to its end."""
    if done.limit:
        return f"was stopped by the limit on {done.limit} after {done.wall_s:.0f} s"
    if panic := _PANIC.search(text):
        return f"panicked at {one_line(panic[1], 80)}"
    if raised := _RAISED.findall(text):
        return f"ended with {one_line(': '.join(raised[-1]), 120)}"
    if done.signal is not None:
        return f"was ended by signal {done.signal}"
    return f"ended with exit code {done.exit_code} and reported nothing"


def _exit_code(codes: list[int | None], passed: bool) -> int | None:
    """As the task's own tests would end: 0, or the first code that is not, or None where none ended by itself."""
    if passed:
        return 0
    bad = [code for code in codes if code]
    return bad[0] if bad else None if None in codes else 1


def _report(tests: Mapping[str, TestState], answers: Mapping[str, str], runs: Mapping[str, Done]) -> bytes:
    """One line for each test, then of each that did not pass what it printed and what was expected."""
    shown = {"passed": "ok", "failed": "FAILED", "missing": "missing"}
    lines = [f"test {test} ... {shown[state]}".encode() for test, state in tests.items()]
    for test, done in runs.items():
        if tests[test] != "passed":
            seen = "".join(f"\nobserved: {text}" for text in observations(done))
            lines += [f"\n---- {test} ----".encode(), *([done.stdout.strip()] if done.stdout.strip() else [])]
            lines += [f"expected: {answers[test]}{seen}".encode()]
    return b"\n".join(lines) + b"\n"


def _errors(done: Done) -> bytes:
    """What a test wrote to stderr besides its report."""
    lines = [line for line in done.stderr.split(b"\n") if line and not line.startswith(_MARK)]
    return b"".join(line + b"\n" for line in lines)


def _tail(data: bytes) -> str:
    return clean_bytes(data, TAIL_BYTES)
