"""Judging: from how the tests' processes ended to a grade and one sentence."""

from __future__ import annotations

import pytest

from cab_check.run.judge import judge, not_built
from cab_check.run.result import Grade
from cab_check.sandbox.box import Done

ANSWERS = {"tests::first": "[1]", "tests::second": "field 1 is bad"}
CANARY_FAILED = Done(101, None, b"", b"", 0.1)


def done(
    stderr: str = "", *, code: int | None = 0, signal: int | None = None, stdout: str = "", limit: str | None = None
) -> Done:
    return Done(code, signal, stdout.encode(), stderr.encode(), 30.0, limit=limit)


FIRST = done("observed: [1]\n")
SECOND = done("warning: x\n\nobserved: field 1 is bad\n")


def graded(second: Done, canary: Done = CANARY_FAILED) -> Grade:
    return judge(ANSWERS, canary, {"tests::first": FIRST, "tests::second": second})


def test_all_right_answers_pass() -> None:
    grade = graded(SECOND)
    assert (grade.passed, grade.reason, grade.exit_code) == (True, "2 of 2 tests passed", 0)
    assert (grade.integrity_broken, grade.timed_out) == (False, False)


@pytest.mark.parametrize(
    ("second", "state", "sentence"),
    [
        (
            done(code=101, stdout="thread 'x' (7) panicked at src/lib.rs:12:32:\ncalled"),
            "failed",
            "panicked at src/lib.rs:12",
        ),
        (
            done("Traceback\n  File x\nsettings.SettingsError: no = here\n", code=1),
            "failed",
            "ended with SettingsError: no = here",
        ),
        (done("observed: field 2 is bad\n"), "failed", "gave field 2 is bad where field 1 is bad is right"),
        (done("observed: field 1 is bad\n", code=1), "failed", "ended with exit code 1"),
        (done("observed: field 1 is bad\nobserved: field 1 is bad\n"), "failed", "reported 2 results instead of one"),
        (done("observed: field 1 is bad\nobserved: \n"), "failed", "reported 2 results instead of one"),
        (done("observed: field 1 is bad\n", limit="memory", code=None), "failed", "stopped by the limit on memory"),
        (done(code=None, limit="wall"), "failed", "stopped by the limit on wall after 30 s"),
        (done(code=None, signal=11), "failed", "was ended by signal 11"),
        (done(), "missing", "ended with exit code 0 and reported nothing"),
        (
            done(stdout="ok\ntest tests::second ... ok\n1 passed\nobserved: field 1 is bad\n"),
            "missing",
            "reported nothing",
        ),
        (done("  observed: field 1 is bad\n"), "missing", "reported nothing"),
    ],
)
def test_anything_else_is_not_passed_and_says_what_happened(second: Done, state: str, sentence: str) -> None:
    grade = graded(second)
    assert not grade.passed
    assert dict(grade.tests) == {"tests::first": "passed", "tests::second": state}
    assert grade.reason.startswith("1 of 2 tests passed; second ")
    assert sentence in grade.reason
    assert grade.exit_code != 0


def test_a_canary_that_ends_well_makes_the_run_void_whatever_the_tests_say() -> None:
    grade = graded(SECOND, canary=done())
    assert (grade.passed, grade.integrity_broken) == (False, True)
    assert "canary" in grade.reason
    assert grade.exit_code == 1


@pytest.mark.parametrize("canary", [done(code=None, signal=9), done(code=None, limit="wall"), done(code=1)])
def test_a_canary_that_ends_badly_in_any_way_has_failed_as_it_must(canary: Done) -> None:
    assert graded(SECOND, canary=canary).passed


def test_tests_that_time_did_not_allow_are_missing() -> None:
    grade = judge(ANSWERS, CANARY_FAILED, {"tests::first": FIRST})
    assert (grade.passed, grade.timed_out) == (False, True)
    assert grade.reason == "1 of 2 tests passed; the time for grading was over before second"
    assert dict(grade.tests)["tests::second"] == "missing"


def test_the_tail_shows_each_test_and_of_a_failed_one_both_answers() -> None:
    text = graded(done("observed: field 2 is bad\n")).stdout_tail
    assert "test tests::first ... ok" in text
    assert "test tests::second ... FAILED" in text
    assert "expected: field 1 is bad\nobserved: field 2 is bad" in text


def test_hostile_output_is_cleaned_and_cut() -> None:
    noise = "\x1b[2J\u202e" + "x" * 100_000
    grade = graded(done(f"{noise}\nobserved: \x1b[31mred\n", stdout=noise))
    shown = grade.stdout_tail + grade.stderr_tail + grade.reason
    assert not any(character in shown for character in "\x1b\u202e")
    assert len(shown) < 50_000


def test_a_compiler_s_first_error_is_the_reason() -> None:
    errors = "warning: unused\n\nerror[E0308]: mismatched types\n  --> src/lib.rs:9:5\n   |\nerror: aborting\n"
    grade = not_built(ANSWERS, done(errors, code=101))
    assert grade.reason == "the solution does not build: error[E0308]: mismatched types (src/lib.rs:9:5)"
    assert grade.counts == (0, 2)
    assert grade.exit_code == 101


def test_a_build_that_ran_out_of_time_says_so() -> None:
    grade = not_built(ANSWERS, done(code=None, limit="wall"))
    assert grade.timed_out
    assert "limit on wall" in grade.reason
