"""Whatever is typed wrong or goes wrong: a sentence, an exit code, a next step, and never a traceback."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import jsonschema
import pytest
from cli_process import KEY, Run, command, environment

import cab_check
from cab_check.demo.server import DemoServer

SCHEMA = json.loads((Path(cab_check.__file__).parent / "record" / "schema.json").read_text())

NOBODY = "http://127.0.0.1:9/v1"
USAGE = [
    (["--endpoint"], "requires an argument"),
    (["--endpoint", "ftp://x/v1"], "http"),
    (["--endpoint", "http://"], "host"),
    (["--endpoint", "http://[::1/v1"], ""),
    (["--endpoint", NOBODY, "--nonsense"], "--nonsense"),
    (["--endpoint", NOBODY, "--trials", "0"], "--trials"),
    (["--endpoint", NOBODY, "--trials", "many"], "--trials"),
    (["--endpoint", NOBODY, "--task", "polyglot/rust-error-handlin"], "rust-error-handling"),
    (["--endpoint", NOBODY, "--task", "./nowhere"], "./nowhere"),
    (["--endpoint", NOBODY, "--task", "x", "--no-task"], "--no-task"),
    (["--endpoint", NOBODY, "--tui", "codexx"], "codex"),
    (["--endpoint", NOBODY, "--key", "a", "--key-env", "B"], "--key-env"),
    (["--endpoint", NOBODY, "--key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
    (["--endpoint", NOBODY, "--key-file", "/nonexistent/key"], "/nonexistent/key"),
    (["--endpoint", NOBODY, "--key-stdin"], "standard input"),
    (["--endpoint", NOBODY, "--header", "no colon"], "--header"),
    (["--endpoint", NOBODY, "--query", "noequals"], "--query"),
    (["--endpoint", NOBODY, "--ca-file", "/nonexistent.pem"], "/nonexistent.pem"),
    (["--endpoint", NOBODY, "--client-cert", "/nonexistent.pem"], "/nonexistent.pem"),
    (["--endpoint", NOBODY, "-o", "run.xyz"], ".json"),
    (["--endpoint", NOBODY, "-o", "/nonexistent/run.json"], "/nonexistent"),
    (["--endpoint", NOBODY, "--color", "pink"], "never"),
    (["--endpoint", NOBODY, "--fail-on", "monday"], "degraded"),
    (["--endpoint", NOBODY, "--sandbox", "cardboard"], "cardboard"),
    (["chek"], "check"),
    ([NOBODY], "--endpoint"),
    (["localhost"], "--endpoint localhost"),
    (["llm.example"], "--endpoint llm.example"),
    (["runs", "prun"], "Did you mean 'prune'?\n"),
    (["explain", "nonsense"], "No finding is called 'nonsense'."),
    (["explain", "tool-call-as-txt"], "tool-call-as-text"),
    (["tasks", "show", "nope"], "nope"),
    (["report", "nope"], "nope"),
    (["diagnose", "/nonexistent.har"], "/nonexistent.har"),
    (["runs", "prune"], "--keep"),
    ([], "--endpoint"),
]


@pytest.mark.parametrize(("arguments", "says"), USAGE, ids=lambda value: " ".join(value) if value else "nothing")
def test_wrong_usage_is_a_sentence_and_exit_2(cab: Run, arguments: list[str], says: str) -> None:
    done = cab(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert says in done.stderr


UNREACHABLE = [
    ("http://127.0.0.1:9/v1", "endpoint-unreachable"),
    ("http://no-such-host.invalid/v1", "dns-failure"),
]


@pytest.mark.parametrize(("address", "code"), UNREACHABLE)
def test_an_address_where_nothing_answers_is_exit_4(cab: Run, address: str, code: str) -> None:
    done = cab("--endpoint", address, "--model", "m", "--no-task")
    assert done.returncode == 4
    assert code in done.stdout and "Traceback" not in done.stderr


def test_a_wrong_key_is_exit_4_and_shown_nowhere(cab: Run, endpoint: DemoServer, home: Path) -> None:
    wrong = "sk-test-some-other-9876543210"
    done = cab("handshake", "--endpoint", endpoint.base_url, "-vv", env={"CAB_KEY": wrong})
    assert done.returncode == 4
    assert "key-rejected" in done.stdout
    assert wrong not in done.stdout + done.stderr
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept and not any(wrong.encode() in path.read_bytes() for path in kept)


def test_no_key_is_exit_4_and_nobody_is_asked_without_a_terminal(cab: Run, endpoint: DemoServer) -> None:
    done = cab("handshake", "--endpoint", endpoint.base_url)
    assert done.returncode == 4
    assert "key-missing" in done.stdout


def test_an_unknown_model_is_exit_3_and_the_nearest_is_named(cab: Run, endpoint: DemoServer) -> None:
    done = cab("handshake", "--endpoint", endpoint.base_url, "--model", "cab-check-dem", env={"CAB_KEY": KEY})
    assert done.returncode == 3
    assert "model-not-found (cab-check-demo)" in done.stdout


def test_a_web_page_is_exit_4(home: Path) -> None:
    page = b"<!doctype html><title>Welcome</title><p>It works</p>"
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [*command("handshake", "--endpoint", f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "--model", "m")],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        listener.settimeout(0.2)
        while process.poll() is None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.recv(65536)
                connection.sendall(reply)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "web-page-instead-of-api" in out and "Traceback" not in err


@pytest.mark.parametrize("arguments", [["--endpoint"], ["--endpoint", "ftp://x"], [], ["--endpoint", NOBODY]])
def test_json_is_one_valid_document_whatever_happens(cab: Run, arguments: list[str]) -> None:
    done = cab(*arguments, "--json")
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["exit_code"] == done.returncode != 0


def test_closed_standard_streams_are_no_defect(endpoint: DemoServer, home: Path) -> None:
    shell = " ".join([*command("handshake", "--endpoint", endpoint.base_url), "<&-"])
    done = subprocess.run(
        ["sh", "-c", shell], env=environment(home, CAB_KEY=KEY), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("WORKS")


def test_no_home_is_no_defect(endpoint: DemoServer, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("so that no home can be made here, by root neither")
    done = subprocess.run(
        command("handshake", "--endpoint", endpoint.base_url),
        env=environment(in_the_way / "home", CAB_KEY=KEY),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "not kept" in done.stderr


def test_a_state_directory_that_cannot_be_written_costs_a_note(cab: Run, endpoint: DemoServer, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file where a directory is wanted")
    env = {"CAB_KEY": KEY, "XDG_STATE_HOME": str(in_the_way)}
    done = cab("handshake", "--endpoint", endpoint.base_url, env=env)
    assert done.returncode == 0
    assert "not kept" in done.stderr and done.stdout.startswith("WORKS")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_stdout_is_a_sentence(endpoint: DemoServer, home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("handshake", "--endpoint", endpoint.base_url),
            env=environment(home, CAB_KEY=KEY),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "space" in done.stderr
