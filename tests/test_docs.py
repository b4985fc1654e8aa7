"""The pages of docs/ say what the data says, and the README leads to them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
MAKE = HOUSE / "tools" / "make_docs.py"
PAGES = sorted((HOUSE / "docs").glob("*.md"))


def make_docs(*arguments: str, script: Path = MAKE) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)


def test_the_pages_are_fresh() -> None:
    ended = make_docs("--check")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_stale_page_is_named_and_made_anew(tmp_path: Path) -> None:
    """On a copy of the pages beside the same package."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "cab_check").symlink_to(HOUSE / "cab_check")
    script = tmp_path / "tools" / "make_docs.py"
    script.write_text(MAKE.read_text("utf-8"), "utf-8")
    assert make_docs(script=script).returncode == 0
    page = tmp_path / "docs" / "findings.md"
    page.write_text(page.read_text("utf-8") + "added by hand\n", "utf-8")
    stale = make_docs("--check", script=script)
    assert stale.returncode == 1 and stale.stderr.startswith("docs/findings.md ")
    assert make_docs(script=script).returncode == make_docs("--check", script=script).returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_is_linked_from_the_readme(page: Path) -> None:
    assert f"](docs/{page.name})" in (HOUSE / "README.md").read_text("utf-8")


def test_the_links_of_the_readme_and_the_pages_lead_somewhere() -> None:
    for page in [HOUSE / "README.md", *PAGES]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
