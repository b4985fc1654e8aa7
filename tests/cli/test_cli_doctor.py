"""`cab-check doctor`: which walls a task gets here, why no better ones, and which toolchains work behind them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from cli_process import Run

from cab_check.cli import doctor
from cab_check.sandbox import advice, choose
from cab_check.sandbox.advice import Host

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))
from sandbox_outside import standing

from cab_check.sandbox.box import Isolation

USED = next((name for name, found in standing().items() if isinstance(found, Isolation)), None)
stands = pytest.mark.skipif(USED is None, reason="no walls stand on this machine")


@stands
def test_walls_gaps_and_limits_are_shown(cab: Run) -> None:
    said = cab("doctor").stdout
    facts = json.loads(cab("doctor", "--json").stdout)
    assert USED and f"A task runs in: {USED}" in said and facts["used"] == USED
    isolation = standing()[USED]
    assert isinstance(isolation, Isolation)
    for name, wall in isolation.walls.items():
        assert f"     {name:10} {wall}" in said
    assert ("no cgroup: " in said) == ("cgroup" not in isolation.walls["limits"])
    for row in facts["sandbox"]:
        reason = standing()[row["engine"]]
        assert isinstance(reason, Isolation) == row["stands"]
        assert row["stands"] or row["reason"] in said


@stands
def test_a_toolchain_that_works_and_one_that_does_not(cab: Run, home: Path) -> None:
    """A node that can be run and does nothing: it has a name, and is found out behind the walls."""
    sham = home / ".nvm/versions/node/v99.0.0/bin/node"
    sham.parent.mkdir(parents=True)
    shutil.copy(shutil.which("true", path="/usr/bin:/bin") or "/bin/true", sham)
    done = cab("doctor", "--json", env={"PATH": f"{sham.parent}:{os.environ['PATH']}"})
    chains = {row["name"]: row for row in json.loads(done.stdout)["toolchains"]}
    assert chains["python"]["works"] is True and chains["python"]["reason"] is None
    if USED != "landlock" or os.geteuid() != 0:
        assert chains["node"]["works"] is False and chains["node"]["reason"]
    assert all(row["works"] is None for row in chains.values() if row["version"] is None)


def test_windows_is_told_the_way_to_wsl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(system="win32", machine="AMD64")
    for module in (doctor, choose, advice):
        monkeypatch.setattr(module, "look", lambda: host)
    assert doctor.doctor() == 5
    said = capsys.readouterr().out
    assert "-  any          on Windows no walls can be built" in said and "wsl --install" in said
    assert "A task does not run here." in said and "for level 3" not in said
    assert "not tried: no walls stand" in said
