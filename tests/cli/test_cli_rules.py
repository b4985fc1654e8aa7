"""`rules check`: a contributor's rules against recordings in which they must speak, and neighbours in which not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_process import Run

sys.path.insert(0, str(Path(__file__).parents[1]))
from captures.load import recording

from cab_check.wire import har

ADVICE = """
[[rule]]
code = "tool-parser-disabled"
text = 'requires --enable-auto-tool-choice'
hop = "vLLM"
cause = "Started without a parser."
fix = "The parser's name"
sources = ["https://docs.vllm.ai"]
"""
ERROR = """
[[rule]]
code = "tool-parser-disabled"
text = 'requires --enable-auto-tool-choice'
"""
HOP = """
[[hop]]
name = "vLLM"
kind = "server"
marks = [{ at = "owned_by", match = '^vllm$', weight = 3 }, { at = "reply", match = 'choices', weight = 1 }]
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("recordings")
    servers = ("vllm-no-tool-parser", "llama-server-no-jinja")
    for server in servers:
        har.save(recording(server, "01", "02", "05"), folder / f"{server}.har")
    return {server: str(folder / f"{server}.har") for server in servers}


@pytest.mark.parametrize("kind", [ADVICE, ERROR, HOP], ids=["advice", "error rule", "hop"])
def test_a_rule_speaks_for_its_recording_and_not_for_a_neighbour(
    kind: str, recorded: dict[str, str], cab: Run, tmp_path: Path
) -> None:
    file = tmp_path / "new.toml"
    file.write_text(kind)
    vllm, llama = recorded["vllm-no-tool-parser"], recorded["llama-server-no-jinja"]
    good = cab("rules", "check", str(file), vllm, "--not", llama)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "1 of 1 rules speak for a recording; 0 for a neighbour" in good.stdout
    bad = cab("rules", "check", str(file), llama, "--not", vllm)
    assert bad.returncode == 1
    assert "never speaks" in bad.stdout and "0 of 1" in bad.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "none of them"),
        ("[[rule]\n", "not TOML"),
        (ADVICE.replace('fix = "The parser\'s name"\n', ""), "fix"),
        (ADVICE.replace("tool-parser-disabled", "tool-parser-gone"), "tool-parser-disabled"),
        (ERROR.replace("requires", "(requires"), "tool-parser-disabled"),
        ('[[rule]]\ncode = "key-missing"\n', "key-missing"),
        (HOP.replace("weight = 3", "weight = 9"), "weights"),
    ],
)
def test_a_file_of_rules_that_is_wrong_says_where(
    text: str, words: str, recorded: dict[str, str], cab: Run, tmp_path: Path
) -> None:
    file = tmp_path / "new.toml"
    file.write_text(text)
    ended = cab("rules", "check", str(file), recorded["vllm-no-tool-parser"])
    assert ended.returncode == 2
    assert words in ended.stderr and "Traceback" not in ended.stderr
