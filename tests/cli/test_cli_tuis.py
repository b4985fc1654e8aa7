"""`cab-check tuis`: the table, one CLI in full, a check of a file; all readable in 80 columns."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from cli_process import Run
from rich.cells import cell_len

from cab_check.tuis.loader import profiles
from cab_check.tuis.unmeasured import unmeasured

FILES = resources.files("cab_check.tuis").joinpath("profiles")
MEASURED = [name for name, one in profiles().items() if one.version]


def widest(text: str) -> int:
    return max(cell_len(line) for line in text.splitlines())


def installed(home: Path, version: str) -> dict[str, str]:
    """An environment in which opencode of that version lies in the home directory."""
    folder = home / ".local/lib/node_modules/opencode-ai"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "opencode-ai", "version": version}), "utf-8")
    return {"PATH": "/usr/bin:/bin"}


def test_the_table_has_every_measured_cli_with_its_day_and_the_installed_version(cab: Run, home: Path) -> None:
    done = cab("tuis", env=installed(home, "9.8.7"))
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    assert done.returncode == 0 and widest(done.stdout) <= 80
    assert rows["opencode"] == ["opencode", "chat", "yes", "10", "~7.8k", "1.18.33", "2026-11-23", "9.8.7"]
    assert rows["openhands"][2:4] == ["no", "6"] and rows["aider"][3] == "text"
    assert set(MEASURED) <= set(rows) and "generic" not in rows
    assert all(name in done.stdout for name in unmeasured())


def test_the_table_as_one_document(cab: Run, home: Path) -> None:
    document = json.loads(cab("tuis", "--json", env=installed(home, "9.8.7")).stdout)
    rows = {row["name"]: row for row in document["tuis"]}
    assert set(rows) == set(profiles())
    assert (rows["opencode"]["version_installed"], rows["opencode"]["first_request_bytes"]) == ("9.8.7", 31113)
    assert rows["codex"]["version_installed"] is None
    assert {one["name"] for one in document["not_measured"]} == set(unmeasured())


@pytest.mark.parametrize("name", ["openhands-classic", "aider", "codex"])
def test_one_cli_in_full_says_all_that_is_known(cab: Run, name: str) -> None:
    done, known = cab("tuis", name), profiles()[name]
    said = " ".join(done.stdout.split())
    assert done.returncode == 0 and widest(done.stdout) <= 80
    assert f"{known.version} measured on {known.measured_on}" in said
    for item in (*known.effects, *known.replies):
        assert item.says in said and f"[{item.mode}]" in said
    for setup in known.setups:
        assert setup.when in said and setup.shows in said and setup.mend in said
    assert all(phrase in said for phrase in (*known.not_measured, *known.sources))
    words = [line.strip() for line in done.stdout.splitlines()]
    heads = [word for word in words if word in {effect.does for effect in known.effects}]
    assert heads == sorted(set(heads), key=heads.index) and "recovers" not in heads[:-1]


def test_one_cli_as_one_document(cab: Run) -> None:
    document = json.loads(cab("tuis", "claude-code", "--json").stdout)
    assert (document["profile"]["name"], document["version_installed"]) == ("claude", None)
    assert len(document["profile"]["effects"]) == len(profiles()["claude"].effects)


def test_an_agent_that_was_not_measured_is_told_to_be_that(cab: Run) -> None:
    done = cab("tuis", "goose")
    assert (done.returncode, widest(done.stdout) <= 80) == (0, True)
    assert "was not measured" in done.stdout and "Nearest: opencode" in done.stdout
    assert json.loads(cab("tuis", "Goose", "--json").stdout)["not_measured"]["nearest"] == "opencode"


def test_a_verdict_for_an_agent_that_was_not_measured_is_refused_with_the_nearest_one(cab: Run) -> None:
    done = cab("handshake", "--endpoint", "http://127.0.0.1:9", "--tui", "opencode,cursor")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Cursor was not measured" in done.stderr and "Nearest: generic" in done.stderr


def test_a_name_that_nobody_knows_is_refused(cab: Run) -> None:
    done = cab("tuis", "opencod")
    assert (done.returncode, "Did you mean opencode" in done.stderr) == (2, True)


def test_a_sound_file_passes_the_check(cab: Run, tmp_path: Path) -> None:
    path = tmp_path / "opencode.toml"
    path.write_text(FILES.joinpath("opencode.toml").read_text("utf-8"), "utf-8")
    done = cab("tuis", "--check", str(path))
    assert (done.returncode, done.stdout) == (0, f"{path}: nothing is wrong; 23 effects, 0 set-ups\n")


def test_each_mistake_of_a_file_is_a_line_and_ends_with_2(cab: Run, tmp_path: Path) -> None:
    path = tmp_path / "opencode.toml"
    text = FILES.joinpath("opencode.toml").read_text("utf-8")
    path.write_text(text.replace("body_bytes = 31113", "body_bytes = 3").replace('"missing"', '"gone"', 1), "utf-8")
    done = cab("tuis", "--check", str(path))
    assert done.returncode == 2
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()] == [
        [str(path), "request.body_bytes"],
        [str(path), "effects[13].subject"],
    ]
    document = json.loads(cab("tuis", "--json", "--check", str(path)).stdout)
    assert (document["file"], len(document["mistakes"])) == (str(path), 2)


def test_a_check_takes_a_file_and_no_name(cab: Run, tmp_path: Path) -> None:
    assert cab("tuis", "opencode", "--check", str(tmp_path / "x.toml")).returncode == 2
    done = cab("tuis", "--check", str(tmp_path / "x.toml"))
    assert (done.returncode, "cannot be read" in done.stderr) == (2, True)


def test_the_doctor_shows_the_installed_version_beside_the_measured_one(cab: Run, home: Path) -> None:
    env = installed(home, "9.8.7")
    lines = cab("doctor", env=env).stdout.splitlines()
    assert [line.split() for line in lines if "opencode" in line] == [
        ["ok", "opencode", "9.8.7,", "measured", "1.18.33", "on", "2026-11-23"]
    ]
    facts = json.loads(cab("doctor", "--json", env=env).stdout)
    assert {"name": "opencode", "version": "9.8.7", "measured": "1.18.33", "measured_on": "2026-11-23"} in facts[
        "agent_clis"
    ]
