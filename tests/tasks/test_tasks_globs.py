"""Path patterns: what a task allows must be exactly what its author wrote."""

from __future__ import annotations

import pytest

from cab_check.tasks.globs import matches


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("settings.py", "settings.py", True),
        ("settings.py", "settingsxpy", False),
        ("settings.py", "a/settings.py", False),
        ("*.py", "a.py", True),
        ("*.py", "a/b.py", False),
        ("src/**/*.rs", "src/lib.rs", True),
        ("src/**/*.rs", "src/a/b/c.rs", True),
        ("src/**/*.rs", "build.rs", False),
        ("src/**/*.rs", "xsrc/lib.rs", False),
        ("src/**/*.rs", "src/lib.rs\n", False),
        ("target/**", "target/debug/x", True),
        ("target/**", "target", False),
        ("target/**", "target2/x", False),
        ("**/__pycache__/**", "__pycache__/a.pyc", True),
        ("**/__pycache__/**", "a/b/__pycache__/c.pyc", True),
        ("**", "any/thing\nat all", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a]", "a", False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert matches(path, [pattern]) is fits


def test_no_pattern_fits_nothing() -> None:
    assert not matches("a", [])
