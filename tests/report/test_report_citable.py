"""The container command: what a shell makes of it, and what is said beside it."""

from __future__ import annotations

import shlex

import pytest
from record_cases import record

from cab_check.base.errors import UsageError
from cab_check.report.citable import DIGEST, IMAGE, citable


def words(lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    return shlex.split(text[text.index("docker run") :].partition("\n\n")[0].replace("\\\n", " "))


def test_the_command_carries_this_endpoint_model_and_the_pinned_image_and_the_key_by_name() -> None:
    made = record()
    made["endpoint"]["base_url"], made["model"]["requested"] = "https://llm.example/v1", "it's $HOME"
    run = words(citable(made, "MY_KEY"))
    assert run[:3] == ["docker", "run", "--rm"]
    assert "CAB_ENDPOINT=https://llm.example/v1" in run and "CAB_KEY=$MY_KEY" in run
    assert f"{IMAGE}@{DIGEST}" in run and len(DIGEST) == len("sha256:") + 64
    assert run[run.index("--model") + 1] == "it's $HOME"


def test_root_and_the_docker_socket_are_said_beside_it() -> None:
    text = "\n".join(citable(record()))
    assert "as root" in text and "docker.sock" in text and "not\n# for citation" in text


@pytest.mark.parametrize(("url", "said"), [("http://127.0.0.1:8000/v1", True), ("https://llm.example/v1", False)])
def test_a_loopback_address_is_said_to_be_another_one_inside(url: str, said: bool) -> None:
    made = record()
    made["endpoint"]["base_url"] = url
    assert ("--network host" in "\n".join(citable(made))) is said


def test_a_run_without_an_endpoint_has_no_such_command() -> None:
    made = record()
    made["endpoint"]["base_url"] = None
    with pytest.raises(UsageError):
        citable(made)
