"""`wiring`: what is printed, where findings come from, `--check`, and that nothing is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import KEY, Run

from cab_check.demo.encode import MODEL
from cab_check.demo.server import DemoServer

URL = "http://127.0.0.1:9/v1"
AIM = ("--endpoint", URL, "--model", "vendor/coder")


def test_a_recipe_is_printed_and_the_key_is_not(cab: Run) -> None:
    done = cab("wiring", "codex", *AIM, "--key-env", "MY_KEY", env={"MY_KEY": KEY})
    assert done.returncode == 0
    assert 'wire_api = "responses"' in done.stdout and 'env_key = "MY_KEY"' in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert "no stored run" in done.stderr


def test_json_is_one_document(cab: Run) -> None:
    document = json.loads(cab("wiring", "aider", *AIM, "--json").stdout)
    assert document["schema"] == "cab-check/wiring/v1" and "openai/vendor/coder" in document["headless"]


def test_nothing_is_sent(cab: Run, endpoint: DemoServer) -> None:
    aim = ("--endpoint", endpoint.base_url, "--model", MODEL)
    assert cab("wiring", "opencode", *aim, env={"CAB_KEY": KEY}).returncode == 0
    assert cab("wiring", "opencode", "--check", *aim, env={"CAB_KEY": KEY}).returncode == 1
    assert cab("wiring", *aim, env={"CAB_KEY": KEY}).returncode == 0
    assert endpoint.requests == 0


def test_without_a_run_all_are_listed_in_order_and_said_to_be_unchecked(cab: Run) -> None:
    done = cab("wiring", *AIM)
    names = [line.split()[0] for line in done.stdout.splitlines() if line.endswith("not checked")]
    assert names == sorted(names) and "opencode" in names and "nothing of this was checked" in done.stderr


def test_findings_and_verdicts_come_from_the_newest_run_of_that_endpoint_and_model(
    cab: Run, endpoint: DemoServer
) -> None:
    shaken = cab("handshake", "--endpoint", endpoint.base_url, env={"CAB_KEY": KEY})
    assert shaken.returncode == 0, shaken.stderr
    document = json.loads(cab("wiring", "opencode", "--json").stdout)
    assert (document["endpoint"], document["model"]) == (endpoint.base_url, MODEL)
    assert document["run"] and document["context"] == 131_072
    listed = cab("wiring")
    assert "works" in listed.stdout and document["run"] in listed.stderr
    other = json.loads(cab("wiring", "opencode", *AIM, "--json").stdout)
    assert other["run"] is None and other["context"] is None


def test_check_says_right_with_0_and_differs_with_1(cab: Run, home: Path) -> None:
    text = json.loads(cab("wiring", "opencode", *AIM, "--json").stdout)["files"][0]["text"]
    mine = home / "mine.json"
    mine.write_text(text)
    right = cab("wiring", "opencode", str(mine), "--check", *AIM, env={"CAB_KEY": KEY})
    assert right.returncode == 0 and "all is right" in right.stdout
    mine.write_text(text.replace("9/v1", "9"))
    wrong = cab("wiring", "opencode", str(mine), "--check", *AIM, env={"CAB_KEY": KEY})
    assert wrong.returncode == 1 and "the /v1 is missing" in wrong.stdout
    gone = cab("wiring", "opencode", str(home / "gone.json"), "--check", *AIM, env={"CAB_KEY": KEY})
    assert gone.returncode == 1 and "there is no such file" in gone.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("wiring", "opencode"),
        ("wiring", "opencode", "--endpoint", URL),
        ("wiring", "nosuch", *AIM),
        ("wiring", "opencode", "file.json", *AIM),
        ("wiring", "--check", *AIM),
        ("wiring", "smolagents", "--check", *AIM),
        ("wiring", "opencode", *AIM, "--finding", "no-such-code"),
        ("wiring", "opencode", *AIM, "--key-env", "not a name"),
        ("wiring", "opencode", *AIM, "--run", "20200101"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error_with_a_next_step(arguments: tuple[str, ...], cab: Run) -> None:
    done = cab(*arguments)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) >= 2


def test_the_lines_keep_to_80_columns_but_for_what_is_to_be_pasted(cab: Run) -> None:
    why = cab("wiring", "openhands", *AIM).stdout.partition("\nWhy\n")[2]
    assert why and max(map(len, why.splitlines())) <= 80


def test_a_report_gives_the_benchmarks_own_command(cab: Run, endpoint: DemoServer) -> None:
    cab("handshake", "--endpoint", endpoint.base_url, env={"CAB_KEY": KEY})
    run = json.loads(cab("runs", "--json").stdout)["runs"][0]["run_id"]
    done = cab("report", run, "--citable")
    assert done.returncode == 0 and endpoint.base_url in done.stdout and KEY not in done.stdout
