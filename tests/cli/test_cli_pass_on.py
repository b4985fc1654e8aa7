"""What is passed on of real runs against faulty endpoints: the issue, its curl, the bundle, and runs side by side."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cli_process import KEY, Run
from faulty_endpoint import MODEL, Served, has_tools, on_chat, serving, sound
from handshake_faults import CASES

from cab_check.demo.http import HttpReply

CURL = shutil.which("curl")


def check(cab: Run, server: Served) -> dict[str, Any]:
    """A whole handshake through the command line, kept."""
    base = f"http://127.0.0.1:{server.port}/v1"
    done = cab("handshake", "--endpoint", base, "--model", MODEL, "--json", env={"CAB_KEY": KEY})
    return dict(json.loads(done.stdout))


def block(markdown: str, heading: str) -> str:
    """The first fenced block of a section."""
    found = re.search(rf"^## {heading}\n.*?^(`{{3,}})\w*\n(.*?)\n\1$", markdown, re.DOTALL | re.MULTILINE)
    assert found, markdown
    return found[2]


def run_pasted(command: str, **env: str) -> str:
    """What a shell prints for the pasted command."""
    own = {"PATH": os.environ["PATH"], "KEY": KEY, **env}
    done = subprocess.run(["sh", "-c", command], env=own, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(
    ("fault", "code", "faulty", "cured"),
    [
        ("stream-tool-index", "stream-tool-index:missing", r'"tool_calls":\[\{"id"', r'"tool_calls":\[\{"index"'),
        ("tool-arguments-object", "tool-arguments-object", r'"arguments":\{"path"', r'"arguments":"\{'),
        ("server-crashed-on-result", "server-crashed", "HTTP/1.1 500", "HTTP/1.1 200"),
        ("tool-call-swallowed", "tool-call-swallowed", r'"finish_reason":"stop"', r'"finish_reason":"tool_calls"'),
    ],
)
def test_the_curl_shows_the_fault_on_the_faulty_endpoint_and_not_on_a_sound_one(
    cab: Run, fault: str, code: str, faulty: str, cured: str
) -> None:
    with serving(CASES[fault].fault) as server:
        made = check(cab, server)
        issue = cab("report", made["run_id"], "--issue", code)
        command = block(issue.stdout, "The request that shows it")
        shown = run_pasted(command)
    assert issue.returncode == 0 and KEY not in issue.stdout
    assert re.search(faulty, shown) and not re.search(cured, shown)
    assert re.search(faulty, block(issue.stdout, "The reply"))
    with serving(sound) as server:
        shown = run_pasted(re.sub(r"(?<=127\.0\.0\.1:)\d+", str(server.port), command))
    assert re.search(cured, shown) and not re.search(faulty, shown)


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_the_key_comes_from_the_variable(cab: Run) -> None:
    with serving(CASES["stream-tool-index"].fault) as server:
        issue = cab("report", check(cab, server)["run_id"], "--issue").stdout
        assert "HTTP/1.1 401" in run_pasted(block(issue, "The request that shows it"), KEY="sk-test-wrong-0123456789")


def test_the_plain_twin_of_a_failing_stream_stands_beside_it(cab: Run) -> None:
    with serving(CASES["stream-tool-index"].fault) as server:
        made = check(cab, server)
    text = cab("report", made["run_id"], "--issue").stdout
    assert text.startswith("# `stream-tool-index/missing@cab-check-demo-")
    assert "Its body differs in: `stream`, `stream_options`." in text
    assert '"tool_calls":[{"id"' in block(text, "The same kind of request, answered soundly")
    assert "Seen 2 of 2 times" in text and "- `text-survives` not run: needs tool-call-stream" in text


@pytest.mark.parametrize("fault", ["another key", "reply-timeout", "key with quotes", "response-not-json-empty"])
def test_an_issue_is_made_of_every_sort_of_failure(cab: Run, fault: str) -> None:
    case = CASES[fault]
    key = case.setting.get("key", KEY)
    with serving(case.fault) as server:
        base = f"http://127.0.0.1:{server.port}/v1"
        cab("handshake", "-e", base, "-m", MODEL, "--request-timeout", "1", env={"CAB_KEY": key})
    (run_id,) = [row["run_id"] for row in json.loads(cab("runs", "--json").stdout)["runs"]]
    done = cab("report", run_id, "--issue", "--json")
    document = json.loads(done.stdout)
    assert document["title"].startswith(case.root.partition(":")[0])
    assert key not in done.stdout and "$KEY" in block(document["markdown"], "The request that shows it")


def test_what_the_server_says_of_somebody_is_replaced_unless_full_is_typed(cab: Run) -> None:
    said = "jane@corp.example on gpu-7.internal (10.20.30.40): /home/jane/m.gguf, org-AbC123dEf456"
    refused = {"error": {"message": said, "type": "invalid_request_error"}}
    with serving(on_chat(HttpReply(400, refused), has_tools)) as server:
        made = check(cab, server)
    hidden, full = (cab("report", made["run_id"], "--issue", *more).stdout for more in ((), ("--full",)))
    for value in ("jane", "corp.example", "gpu-7", "10.20.30.40", "org-AbC123dEf456"):
        assert value not in hidden and value in full
    assert "EMAIL-1 on HOST-1 (ADDRESS-1): PATH-1/m.gguf, ACCOUNT-1" in hidden
    assert "e-mail addresses: 1 (EMAIL-N)" in hidden and "--full" in full
    assert KEY not in full


def test_a_code_that_the_run_does_not_have_is_refused_with_those_that_it_has(cab: Run) -> None:
    with serving(CASES["stream-tool-index"].fault) as server:
        made = check(cab, server)
    for more in (("--issue",), ("--bundle",)):
        done = cab("report", made["run_id"], "tool-markup-in-text", *more)
        assert done.returncode == 2 and "stream-tool-index:missing" in done.stderr
    assert cab("report", made["run_id"], "stream-tool-index").returncode == 2
    assert cab("report", made["run_id"], "--full").returncode == 2
    assert cab("report", made["run_id"], "--issue", "--bundle").returncode == 2
    assert cab("report", made["run_id"], "--issue", "-o", "x.json").returncode == 2


def test_files_are_written_as_their_suffix_says(cab: Run, tmp_path: Path) -> None:
    with serving(CASES["stream-tool-index"].fault) as server:
        made = check(cab, server)
    issue, report = tmp_path / "issue.md", tmp_path / "report.md"
    assert cab("report", made["run_id"], "--issue", "-o", str(issue)).stdout == issue.read_text()
    assert cab("report", made["run_id"], "-q", "-o", str(report)).returncode == 0
    assert report.read_text().startswith("# BLOCKED: The index of streamed tool calls is unusable")
    assert "second-turn-stream (tools-response): not run" in report.read_text()


def test_the_bundle_is_the_same_bytes_again_and_its_recording_gives_the_same_findings(cab: Run, tmp_path: Path) -> None:
    with serving(CASES["stream-tool-index"].fault) as server:
        made = check(cab, server)
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    for path in (first, second):
        assert cab("report", made["run_id"], "--bundle", "-o", str(path)).stdout.strip() == str(path)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["exchanges.har", "issue.md", "record.json"]
        archive.extractall(tmp_path / "out")
    again = json.loads(cab("diagnose", str(tmp_path / "out" / "exchanges.har"), "--json").stdout)
    assert again["handshake"]["findings"] == made["handshake"]["findings"]
    inside = cab("report", str(tmp_path / "out" / "record.json"), "--issue").stdout
    assert inside == (tmp_path / "out" / "issue.md").read_text()
    beside = Path(cab("report", made["run_id"], "--bundle").stdout.strip())
    assert beside.read_bytes() == first.read_bytes() and (beside.parent / "record.json").is_file()


def test_a_run_without_findings_has_a_bundle_and_no_issue(cab: Run, tmp_path: Path) -> None:
    with serving(sound) as server:
        made = check(cab, server)
    assert made["handshake"]["findings"] == []
    assert cab("report", made["run_id"], "--issue").returncode == 2
    path = tmp_path / "run.zip"
    assert cab("report", made["run_id"], "--bundle", "-o", str(path)).returncode == 0
    assert zipfile.ZipFile(path).namelist() == ["exchanges.har", "record.json"]


def test_two_runs_side_by_side(cab: Run, tmp_path: Path) -> None:
    made = []
    for fault in (CASES["stream-tool-index"].fault, sound):
        with serving(fault) as server:
            made.append(check(cab, server))
    before, after = made
    written = tmp_path / "before.json"
    written.write_text(json.dumps(before))
    difference = json.loads(cab("runs", "diff", str(written), after["run_id"], "--json").stdout)
    assert difference["verdict"] == ["blocked", "works"]
    assert [item["key"] for item in difference["findings"]["gone"]] == ["stream-tool-index:missing"]
    assert difference["findings"]["new"] == difference["findings"]["same"] == []
    changed = {check["id"]: check["status"] for check in difference["checks"]}
    assert changed["tool-call-stream"] == ["fail", "pass"] and changed["text-survives"] == ["not_run", "pass"]
    told = cab("runs", "diff", after["run_id"], before["run_id"]).stdout
    assert "WORKS -> BLOCKED" in told and "  + new: stream-tool-index:missing" in told
    assert "tool-call-stream: pass -> fail" in told
    assert cab("runs", "diff", after["run_id"], "19990101").returncode == 2
