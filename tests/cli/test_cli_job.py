"""The main job from the command line, against a real endpoint on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from cli_process import KEY, Run

import cab_check
from cab_check.demo.server import DemoServer

SCHEMA = json.loads((Path(cab_check.__file__).parent / "record" / "schema.json").read_text())


def test_the_job_needs_no_subcommand(cab: Run, endpoint: DemoServer, tmp_path: Path) -> None:
    written = tmp_path / "run.json"
    done = cab("--endpoint", endpoint.base_url, "--key", KEY, "-o", str(written))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("WORKS") and "6 of 6 tests" in done.stdout
    assert "Provisional score — not for citation" in done.stdout
    record = json.loads(written.read_text())
    jsonschema.validate(record, SCHEMA)
    assert record["task"]["trials"][0]["passed"] and record["axes"]["pass"]["value"] == 1
    assert KEY not in done.stdout + done.stderr + written.read_text()


def test_the_walls_are_told_before_and_a_key_on_the_command_line_warns(cab: Run, endpoint: DemoServer) -> None:
    done = cab("--endpoint", endpoint.base_url, "--key", KEY)
    assert "sandbox: level" in done.stderr
    assert "--key-env" in done.stderr


def test_without_walls_only_where_it_is_typed_in_full(cab: Run, endpoint: DemoServer) -> None:
    job = ("--endpoint", endpoint.base_url, "--json", "--no-store")
    done = cab(*job, "--unsafe-no-sandbox", env={"CAB_KEY": KEY})
    task = json.loads(done.stdout)["task"]
    assert done.returncode == 0 and task["trials"][0]["passed"]
    assert task["isolation"]["level"] == 0 and len(task["isolation"]["gaps"]) >= 5
    assert task["notes"][0].endswith("so passing proves nothing.")
    assert "sandbox: level 0 (none)" in done.stderr and "not walled off: every file of this user" in done.stderr
    for other in (["--sandbox", "none"], ["--sandbox", "0"], ["--sandbox", "3", "--unsafe-no-sandbox"]):
        refused = cab(*job, *other, env={"CAB_KEY": KEY})
        assert refused.returncode == 2 and "sandbox" in json.loads(refused.stdout)["error"]["message"]


def test_the_key_comes_from_where_it_was_put(cab: Run, endpoint: DemoServer, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    base = ("handshake", "--endpoint", endpoint.base_url, "-q")
    assert cab(*base, "--key-file", str(file)).returncode == 0
    assert cab(*base, "--key-stdin", given=f"{KEY}\n").returncode == 0
    assert cab(*base, "--key-env", "MINE", env={"MINE": KEY}).returncode == 0
    assert cab(*base, env={"CAB_KEY": KEY}).returncode == 0
    assert cab("handshake", "-q", env={"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": KEY}).returncode == 0
    assert cab("handshake", "-q", env={"CAB_ENDPOINT": endpoint.base_url, "CAB_KEY": KEY}).returncode == 0


def test_a_key_for_openai_is_not_sent_elsewhere(cab: Run, endpoint: DemoServer) -> None:
    done = cab("handshake", "--endpoint", endpoint.base_url, env={"OPENAI_API_KEY": KEY})
    assert done.returncode == 4 and "key-missing" in done.stdout
    assert "OPENAI_API_KEY is not sent" in done.stderr


def test_an_address_without_its_base_path_is_understood(cab: Run, endpoint: DemoServer) -> None:
    bare = endpoint.base_url.removesuffix("/v1")
    done = cab("handshake", "--endpoint", bare, env={"CAB_KEY": KEY})
    assert done.returncode == 0
    assert "address-wrong-base-path (/v1)" in done.stdout


def test_a_stored_run_is_listed_shown_and_diagnosed_again(cab: Run, endpoint: DemoServer, home: Path) -> None:
    live = json.loads(cab("handshake", "--endpoint", endpoint.base_url, "--json", env={"CAB_KEY": KEY}).stdout)
    (row,) = json.loads(cab("runs", "--json").stdout)["runs"]
    assert (row["run_id"], row["verdict"]) == (live["run_id"], "works")
    assert live["run_id"] in cab("report", live["run_id"]).stdout
    (recording,) = home.rglob("exchanges.har")
    again = json.loads(cab("diagnose", str(recording), "--json").stdout)
    for part in ("verdict", "findings", "capabilities", "sdk_view"):
        assert again["handshake"][part] == live["handshake"][part]
    statuses = [[(check["id"], check["status"]) for check in r["handshake"]["checks"]] for r in (live, again)]
    assert statuses[0] == statuses[1]
    cab("runs", "prune", "--keep", "0")
    assert cab("runs").stdout == ""


def test_no_store_keeps_nothing(cab: Run, endpoint: DemoServer, home: Path) -> None:
    assert cab("handshake", "--endpoint", endpoint.base_url, "--no-store", env={"CAB_KEY": KEY}).returncode == 0
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_ceiling_on_requests_is_kept(cab: Run, endpoint: DemoServer) -> None:
    done = cab("handshake", "--endpoint", endpoint.base_url, "--max-requests", "3", "--json", env={"CAB_KEY": KEY})
    record = json.loads(done.stdout)
    assert (done.returncode, record["stopped_by"], record["partial"]) == (4, "max-requests", True)
    assert endpoint.requests == 3 and record["handshake"]["cost"]["requests"] == 3


def test_quiet_is_the_verdict_alone_and_verbose_has_every_check(cab: Run, endpoint: DemoServer) -> None:
    env = {"CAB_KEY": KEY}
    quiet = cab("handshake", "--endpoint", endpoint.base_url, "-q", env=env).stdout
    assert quiet.startswith("WORKS") and len(quiet.splitlines()) <= 3
    assert (
        "tool-call-stream (tools-response): pass"
        in cab("handshake", "--endpoint", endpoint.base_url, "-v", env=env).stdout
    )


@pytest.mark.parametrize("shown", ["polyglot/python-error-handling", "polyglot/rust-error-handling"])
def test_tasks_are_listed_shown_and_exported(cab: Run, shown: str, tmp_path: Path) -> None:
    assert shown in cab("tasks").stdout
    assert "may edit" in cab("tasks", "show", shown).stdout
    assert cab("tasks", "export", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out" / shown.replace("/", "-") / "task.toml").is_file()


def test_version_is_told_without_importing_anything(cab: Run) -> None:
    assert cab("--version").stdout.startswith(f"cab-check {cab_check.__version__} ")


def test_the_demo_says_that_it_is_one(cab: Run) -> None:
    done = cab("demo", "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, record["demo"], record["citable"]) == (0, True, False)
    assert "DEMO" in cab("demo", "--no-task").stdout
