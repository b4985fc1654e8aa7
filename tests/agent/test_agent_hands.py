"""What hands do in a box: files keep every byte, commands tell how they ended, output is cut and says so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unwalled import UnwalledBox

from cab_check.agent.dialect import Action
from cab_check.agent.hands import OUTPUT_BYTES, Outcome, perform

TEXTS = [
    "",
    "no newline at the end",
    "one\ntwo\n",
    "\n\n\n",
    "quotes ' \" ` $HOME $(id) \\ \\n %s !",
    "ünïcødé 日本 👩‍👩‍👧 \u200b\ufeff\u202e",
    "\r\ncarriage\rreturns\r\n",
    "\x1b[31mred\x1b[0m \x01\x7f",
    "-n -e --help",
    "x" * 200_000 + "\nend",
]
PATHS = ["plain.txt", "-rf", "sp ace/'quote\"/ünï.txt", "new/deep/er/file", "$HOME", "a;b", "line\nbreak", "*"]


@pytest.fixture
def box(tmp_path: Path) -> UnwalledBox:
    return UnwalledBox(tmp_path)


def do(box: UnwalledBox, tool: str, timeout_s: float = 30, **arguments: Any) -> Outcome:
    return asyncio.run(perform(Action(tool, arguments, "call_1"), box, timeout_s))


@pytest.mark.parametrize("text", TEXTS)
def test_written_text_is_on_disk_byte_for_byte(box: UnwalledBox, text: str) -> None:
    assert do(box, "write_file", path="f", content=text).ok
    assert (box.workdir / "f").read_bytes() == text.encode()


@pytest.mark.parametrize("text", [text for text in TEXTS[1:] if len(text) < OUTPUT_BYTES])
def test_read_text_is_told_character_for_character(box: UnwalledBox, text: str) -> None:
    (box.workdir / "f").write_bytes(text.encode())
    assert do(box, "read_file", path="f").text == text


@pytest.mark.parametrize("path", PATHS)
def test_any_name_is_a_name_and_no_option_or_code(box: UnwalledBox, path: str) -> None:
    assert do(box, "write_file", path=path, content="first\n").ok
    assert do(box, "edit_file", path=path, old="first", new="second").ok
    assert do(box, "read_file", path=path).text == "second\n"
    assert (box.workdir / path).read_bytes() == b"second\n"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=60))
def test_whatever_text_goes_in_comes_out(box: UnwalledBox, text: str) -> None:
    do(box, "write_file", path="f", content=text)
    assert do(box, "read_file", path="f").text == text


def test_edit_replaces_one_passage_and_leaves_the_bytes_around_it(box: UnwalledBox) -> None:
    (box.workdir / "f").write_bytes(b"\xff\xfe before\r\n  old 'text'\n\nafter without newline")
    outcome = do(box, "edit_file", path="f", old="  old 'text'\n\n", new='\tnew "text" \\1\n')
    assert outcome.ok
    assert (box.workdir / "f").read_bytes() == b'\xff\xfe before\r\n\tnew "text" \\1\nafter without newline'


def test_edit_keeps_the_mode_of_the_file(box: UnwalledBox) -> None:
    script = box.workdir / "run.sh"
    script.write_text("echo old\n")
    script.chmod(0o755)
    assert do(box, "edit_file", path="run.sh", old="old", new="new").ok
    assert script.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("content", "old", "word"),
    [
        ("a\nb\n", "c", "not found"),
        ("aa bb aa", "aa", "2 times"),
        ("aaa", "aa", "2 times"),
        ("a\r\nb\r\n", "a\nb", "\\r\\n"),
        ("a", "", "empty"),
    ],
)
def test_an_edit_that_does_not_fit_changes_nothing_and_says_why(
    box: UnwalledBox, content: str, old: str, word: str
) -> None:
    (box.workdir / "f").write_bytes(content.encode())
    outcome = do(box, "edit_file", path="f", old=old, new="x")
    assert not outcome.ok
    assert word in outcome.text
    assert (box.workdir / "f").read_bytes() == content.encode()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("write_file", {"path": "f", "content": "a\0b"}),
        ("write_file", {"path": "f\0", "content": "a"}),
        ("write_file", {"path": "f", "content": "half \ud83d"}),
        ("shell", {"command": "echo a\0b"}),
        ("shell", {"command": "true " + "x" * 200_000}),
        ("read_file", {"path": "f", "start": 0}),
    ],
)
def test_what_no_process_can_be_given_never_reaches_the_box(
    box: UnwalledBox, tool: str, arguments: dict[str, Any]
) -> None:
    outcome = do(box, tool, **arguments)
    assert not outcome.ok
    assert outcome.text
    assert box.commands == []


@pytest.mark.parametrize("tool", ["read_file", "edit_file", "write_file"])
def test_a_path_that_cannot_be_used_gives_the_systems_words(box: UnwalledBox, tool: str) -> None:
    (box.workdir / "folder").mkdir()
    more = {"read_file": {}, "edit_file": {"old": "a", "new": "b"}, "write_file": {"content": "c"}}[tool]
    outcome = do(box, tool, path="folder", **more)
    assert not outcome.ok
    assert "directory" in outcome.text
    assert outcome.exit_code != 0


def test_a_missing_file_is_said_to_be_missing(box: UnwalledBox) -> None:
    outcome = do(box, "read_file", path="nowhere.txt")
    assert not outcome.ok
    assert "nowhere.txt" in outcome.text
    assert do(box, "read_file", path="nowhere.txt", start=2).ok is False


def test_reading_from_a_line_on(box: UnwalledBox) -> None:
    (box.workdir / "f").write_text("1\n2\n3\n4\n5")
    assert do(box, "read_file", path="f", start=2, limit=2).text == "2\n3\n"
    assert do(box, "read_file", path="f", start=4).text == "4\n5"
    assert do(box, "read_file", path="f", start=9).text == "[no lines there]"


def test_a_long_file_can_be_read_to_its_end_by_following_the_notes(box: UnwalledBox) -> None:
    lines = [f"line {number} é\n" for number in range(5000)]
    (box.workdir / "f").write_text("".join(lines))
    seen, start = "", 1
    while True:
        told = do(box, "read_file", path="f", start=start).text
        text, _, note = told.rpartition("\n[")
        if "read on with start=" not in note:
            seen += told
            break
        seen += text
        start = int(note.partition("start=")[2].rstrip("]"))
    assert seen == "".join(lines)


def test_one_endless_line_is_cut_between_characters(box: UnwalledBox) -> None:
    (box.workdir / "f").write_text("a" + "é" * OUTPUT_BYTES)
    told = do(box, "read_file", path="f").text
    assert "\ufffd" not in told
    assert "line 1 alone is longer" in told
    assert len(told.encode()) < OUTPUT_BYTES + 300


def test_bytes_that_are_no_text_are_named(box: UnwalledBox) -> None:
    (box.workdir / "latin").write_bytes(b"caf\xe9\n")
    (box.workdir / "binary").write_bytes(b"\x7fELF\0\0\0")
    assert "not UTF-8" in do(box, "read_file", path="latin").text
    assert "binary file" in do(box, "read_file", path="binary").text


@pytest.mark.parametrize(
    ("command", "text", "code"),
    [
        ("echo out", "exit code 0\nout\n", 0),
        ("echo out; echo err >&2; exit 3", "exit code 3\nout\n\nstderr:\nerr\n", 3),
        ("true", "exit code 0", 0),
        ("kill -9 $$", "ended by signal 9", None),
        ("printf '\\033[2Jx'", "exit code 0\n\ufffd[2Jx", 0),
        ("cat", "exit code 0", 0),
    ],
)
def test_a_command_tells_how_it_ended(box: UnwalledBox, command: str, text: str, code: int | None) -> None:
    outcome = do(box, "shell", command=command)
    assert outcome.text == text
    assert outcome.exit_code == code
    assert outcome.ok is (code == 0)


def test_a_command_over_its_time_names_the_limit(box: UnwalledBox) -> None:
    outcome = do(box, "shell", timeout_s=0.2, command="exec sleep 30")
    assert (outcome.ok, outcome.limit) == (False, "wall")
    assert "by a limit: wall" in outcome.text
    assert 0.2 <= outcome.active_s < 10


def test_huge_output_is_cut_in_the_middle_and_says_how_much(box: UnwalledBox) -> None:
    outcome = do(box, "shell", command="echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last")
    assert len(outcome.text) < OUTPUT_BYTES + 300
    assert outcome.text.startswith("exit code 0\nfirst\n")
    assert outcome.text.rstrip().endswith("last")
    assert f"[... {300_012 - OUTPUT_BYTES} bytes left out ...]" in outcome.text


def test_a_file_larger_than_the_box_lets_out_is_not_edited(box: UnwalledBox) -> None:
    (box.workdir / "f").write_bytes(b"x" * (2 << 20) + b"needle")
    outcome = do(box, "edit_file", path="f", old="needle", new="pin")
    assert not outcome.ok
    assert "too large" in outcome.text
    assert (box.workdir / "f").stat().st_size == (2 << 20) + 6
