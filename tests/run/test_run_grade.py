"""Grading the bundled tasks for real: what passes, what does not, and that nothing planted makes a difference."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from cab_check.run.grade import grade
from cab_check.run.ready import Ready
from cab_check.run.result import Grade
from cab_check.tasks.loader import load
from cab_check.tasks.task import Task

PYTHON, RUST = load("polyglot/python-error-handling"), load("polyglot/rust-error-handling")


def graded(task: Task, machine: Ready, files: dict[str, bytes]) -> Grade:
    return asyncio.run(grade(task, files, machine.engine, machine.toolchains))


def settings(old: str, new: str) -> dict[str, bytes]:
    """The reference solution with one thing done otherwise."""
    text = PYTHON.solution()["settings.py"].decode()
    assert old in text
    return {"settings.py": text.replace(old, new).encode()}


def body(code: str) -> dict[str, bytes]:
    """The Rust starting code with another body of its function."""
    text = RUST.start_files()["src/lib.rs"].decode()
    head, _, _ = text.partition("    let mut numbers")
    return {"src/lib.rs": f"{head}{code}\n}}\n".encode()}


def states(grade: Grade) -> dict[str, str]:
    return {test.rpartition("::")[2]: state for test, state in grade.tests}


def failed(grade: Grade) -> set[str]:
    return {test for test, state in states(grade).items() if state != "passed"}


def test_the_python_reference_passes(python_machine: Ready) -> None:
    grade = graded(PYTHON, python_machine, PYTHON.solution())
    assert (grade.passed, grade.reason, grade.exit_code, grade.counts) == (True, "6 of 6 tests passed", 0, (6, 6))


def test_untouched_python_fails_four_of_six(python_machine: Ready) -> None:
    grade = graded(PYTHON, python_machine, PYTHON.start_files())
    assert not grade.passed
    assert failed(grade) == {
        "bad_line_reports_path_and_line",
        "unreadable_file_keeps_its_cause",
        "interrupt_is_not_swallowed",
        "bad_number_is_not_the_default",
    }
    assert grade.reason.startswith("2 of 6 tests passed; bad_line_reports_path_and_line gave ")
    assert not grade.integrity_broken


@pytest.mark.parametrize(
    ("wrong", "caught_by"),
    [
        (settings("    except FileNotFoundError:\n        return {}\n", ""), "missing_file_means_no_settings"),
        (settings("except (OSError, UnicodeDecodeError)", "except OSError"), "unreadable_file_keeps_its_cause"),
        (
            settings('{error}", path) from error', '{error}", path) from None'),
            "unreadable_file_keeps_its_cause",
        ),
        (settings("start=1", "start=0"), "bad_line_reports_path_and_line"),
        (settings("except (OSError, UnicodeDecodeError)", "except BaseException"), "interrupt_is_not_swallowed"),
        (settings("if name not in settings:", "if not settings.get(name):"), "bad_number_is_not_the_default"),
        (settings('split("=", 1)', 'split("=")'), "reads_names_and_values"),
    ],
    ids=["missing-is-error", "not-utf8", "cause-lost", "counted-from-0", "catches-all", "empty-is-unset", "split"],
)
def test_plausible_wrong_python_fails(python_machine: Ready, wrong: dict[str, bytes], caught_by: str) -> None:
    grade = graded(PYTHON, python_machine, wrong)
    assert not grade.passed
    assert caught_by in failed(grade)


def test_python_that_checks_for_itself_passes_too(python_machine: Ready) -> None:
    """There is no exception to keep where the code looks before it splits."""
    checks = "    if '=' not in line:\n        raise SettingsError('no =', path, count)\n    try:\n"
    assert graded(
        PYTHON, python_machine, settings("    try:\n        name, value = line", f"{checks}        name, value = line")
    ).passed


@pytest.mark.parametrize(
    "cheat",
    [
        "import os; os._exit(0)",
        "import os, sys; sys.stderr.write('observed: {}\\nOK\\n'); sys.stderr.flush(); os._exit(0)",
        "import atexit, os; atexit.register(os._exit, 0)",
    ],
    ids=["exit", "exit-with-text", "atexit"],
)
def test_leaving_early_never_passes_and_voids_the_run(python_machine: Ready, cheat: str) -> None:
    grade = graded(PYTHON, python_machine, {"settings.py": f"{cheat}\n".encode() + PYTHON.start_files()["settings.py"]})
    assert not grade.passed
    assert grade.integrity_broken


@pytest.mark.parametrize(
    "cheat",
    [
        "print('test ok\\n6 passed\\nobserved: {}')",
        "import json; json.dumps = lambda *a, **k: 'ok'",
        "import sys; sys.modules['__main__'].outcome = lambda *a, **k: True",
        "import os; os.environ['CAB_APP'] = '/nowhere'; open(os.environ['TEST_DIR'] + '/answers.tsv')",
        "import os; open(os.environ['TEST_DIR'] + '/probe.py', 'w').write('')",
        "import os; open(os.environ['CAB_LOGS'] + '/reward.json', 'w').write('{\"reward\": 1}')",
        "import os; open(os.environ['CAB_APP'] + '/settings.py', 'a').write('')",
        "import sys; sys.excepthook = lambda *a: None; raise SystemExit(0)",
        "def (",
        "while True: pass",
        "import os\nwhile True: os.write(2, b'x' * 65536)",
    ],
    ids=["text", "json", "probe", "answers", "rewrite", "reward", "self", "system-exit", "syntax", "loop", "flood"],
)
def test_no_other_trick_passes(python_machine: Ready, cheat: str) -> None:
    task = dataclasses.replace(PYTHON, verifier_timeout_s=4.0)
    grade = graded(task, python_machine, {"settings.py": f"{cheat}\n".encode() + PYTHON.start_files()["settings.py"]})
    assert not grade.passed


def test_the_answers_are_not_inside(python_machine: Ready) -> None:
    look = """import os, sys
for place in ("TEST_DIR", "CAB_APP", "CAB_BUILD", "CAB_LOGS"):
    for root, folders, files in os.walk(os.environ[place]):
        sys.stderr.write(f"{root} {files}\\n")
"""
    grade = graded(PYTHON, python_machine, {"settings.py": look.encode()})
    assert "probe.py" in grade.stderr_tail
    assert "settings.py" in grade.stderr_tail
    assert "answers" not in grade.stderr_tail


PLANTED = {
    "conftest.py": b"import os; os._exit(0)",
    "sitecustomize.py": b"import os; os._exit(0)",
    "usercustomize.py": b"import os; os._exit(0)",
    "unittest.py": b"import os; os._exit(0)",
    "json.py": b"def dumps(*a, **k): return 'ok'",
    "tests/probe.py": b"print('observed: ok')",
    "test.sh": b"exit 0",
    "answers.tsv": b"reads_names_and_values\tx\n",
    "x.pth": b"import os; os._exit(0)",
    "__pycache__/settings.cpython-311.pyc": b"\0",
}


def test_planted_python_files_change_nothing(python_machine: Ready) -> None:
    assert graded(PYTHON, python_machine, PLANTED | PYTHON.solution()).passed
    grade = graded(PYTHON, python_machine, PLANTED | PYTHON.start_files())
    assert grade == graded(PYTHON, python_machine, PYTHON.start_files())


def test_a_file_outside_of_the_task_s_scope_is_not_part_of_the_solution(python_machine: Ready) -> None:
    split = {"settings.py": b"from helper import *\n", "helper.py": PYTHON.solution()["settings.py"]}
    grade = graded(PYTHON, python_machine, split)
    assert grade.reason.endswith("ended with ModuleNotFoundError: No module named 'helper'")


def test_the_rust_reference_passes(rust_machine: Ready) -> None:
    grade = graded(RUST, rust_machine, RUST.solution())
    assert (grade.passed, grade.reason, grade.exit_code, grade.counts) == (True, "5 of 5 tests passed", 0, (5, 5))


def test_untouched_rust_is_what_the_cell_page_shows(rust_machine: Ready) -> None:
    grade = graded(RUST, rust_machine, RUST.start_files())
    assert states(grade) == {
        "happy_path": "passed",
        "bad_input_reports_index_and_value": "failed",
        "bad_input_does_not_panic": "failed",
        "empty": "passed",
        "negative_numbers": "passed",
    }
    assert grade.exit_code == 101
    assert grade.reason == "3 of 5 tests passed; bad_input_reports_index_and_value panicked at src/lib.rs:12"
    panic = "called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }"
    assert grade.stdout_tail.count("panicked at src/lib.rs:12:32") == 2
    assert grade.stdout_tail.count(panic) == 2


@pytest.mark.parametrize(
    ("wrong", "caught_by"),
    [
        (body("    Ok(fields.iter().map(|s| s.parse().unwrap_or(0)).collect())"), "bad_input_does_not_panic"),
        (body("    Ok(fields.iter().filter_map(|s| s.parse().ok()).collect())"), "bad_input_reports_index_and_value"),
        (
            body(
                "    fields.iter().enumerate().map(|(i, s)| s.trim().parse()"
                ".map_err(|_| BadField { index: i, value: s.to_string() })).collect()"
            ),
            "bad_input_reports_index_and_value",
        ),
        (
            body(
                "    fields.iter().enumerate().map(|(i, s)| s.parse()"
                ".map_err(|_| BadField { index: i + 1, value: s.to_string() })).collect()"
            ),
            "bad_input_reports_index_and_value",
        ),
        (body('    Ok(fields.iter().map(|s| s.parse().expect("number")).collect())'), "bad_input_does_not_panic"),
    ],
    ids=["zero", "skip", "trim", "counted-from-1", "expect"],
)
def test_plausible_wrong_rust_fails(rust_machine: Ready, wrong: dict[str, bytes], caught_by: str) -> None:
    grade = graded(RUST, rust_machine, wrong)
    assert not grade.passed
    assert caught_by in failed(grade)
    assert not grade.integrity_broken


def test_rust_that_does_not_compile_says_where(rust_machine: Ready) -> None:
    grade = graded(RUST, rust_machine, body('    "text"'))
    assert grade.reason == "the solution does not build: error[E0308]: mismatched types (src/lib.rs:10:5)"
    assert grade.counts == (0, 5)


def test_rust_without_its_file_does_not_build(rust_machine: Ready) -> None:
    assert graded(RUST, rust_machine, {}).reason.startswith("the solution does not build")


EXITS = """
#[used]
#[link_section = ".init_array"]
static EARLY: extern "C" fn() = { extern "C" fn leave() {
    println!("\\nrunning 1 test\\ntest tests::happy_path ... ok\\n\\ntest result: ok. 1 passed");
    std::process::exit(0) } leave };
"""


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("", '    println!("test ok"); std::process::exit(0)'),
        (EXITS, "    Ok(vec![])"),
    ],
    ids=["exit-in-call", "exit-before-main"],
)
def test_rust_that_leaves_early_is_void(rust_machine: Ready, before: str, code: str) -> None:
    solution = {"src/lib.rs": before.encode() + body(code)["src/lib.rs"]}
    grade = graded(RUST, rust_machine, solution)
    assert (grade.passed, grade.integrity_broken) == (False, True)
    assert set(states(grade).values()) == {"missing"}


def test_planted_cargo_files_change_nothing(rust_machine: Ready) -> None:
    planted = {
        "build.rs": b'fn main() { panic!("planted") }',
        "src/main.rs": b'fn main() { compile_error!("never built") }',
        "Cargo.toml": b"[package]\nname = 'other'\nversion = '0.0.0'\nbuild = 'build.rs'\n",
        ".cargo/config.toml": b"[build]\nrustc-wrapper = '/bin/false'\n[target.'cfg(all())']\nrunner = '/bin/true'\n",
        "rust-toolchain.toml": b"[toolchain]\nchannel = 'nightly-1999-01-01'\n",
        "tests/grade.rs": b"#[test] fn happy_path() {}",
    }
    assert graded(RUST, rust_machine, planted | RUST.solution()).passed
    grade = graded(RUST, rust_machine, planted | RUST.start_files() | {"Cargo.toml": planted["Cargo.toml"]})
    assert grade.counts == (3, 5)
