"""A profile that somebody wrote: each mistake is told with its place, and a sound one passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cab_check.base.errors import UsageError
from cab_check.tuis.check import check_file
from cab_check.tuis.loader import BadProfile, read_profile

SOUND = """
name = "mine"
title = "Mine"
product = "command line"
version = "1.0"
measured_on = "2026-11-23"
wire = "chat"

[request]
stream = true
output_limit = { field = "max_tokens", tokens = 4000 }
params = { temperature = 0 }
body_bytes = 2000
head = [{ role = "system", chars = 500 }, { role = "user", parts = [20, 30] }]
tools = { count = 2, bytes = 900, depth = 2, names = ["read", "write"], types = { function = 2 } }

[[variants]]
name = "text"
how = "--text"
wire = "chat"
request = { stream = false, body_bytes = 900, head = [{ role = "user", chars = 700 }] }

[[effects]]
code = "stream-tool-index"
subject = "missing"
does = "recovers"
says = "runs the call; exit 0"
mode = "noindex"
exit = 0
requests = 2
"""


def check(tmp_path: Path, text: str, name: str = "mine.toml") -> list[str]:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return check_file(path)[1]


def test_a_sound_profile_has_no_mistakes(tmp_path: Path) -> None:
    profile, mistakes = check_file(_written(tmp_path, SOUND))
    assert (mistakes, profile and profile.name) == ([], "mine")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('version = "1.0"\n', "", "version: is missing"),
        ('version = "1.0"', "version = 1.0", "version: text is wanted, not 1.0"),
        ('wire = "chat"\n\n', 'wire = "smoke"\n\n', "wire: one of chat, responses, messages is wanted, not 'smoke'"),
        ('wire = "chat"\n\n', 'wire = "chat"\ncolour = 1\n\n', "colour: there is no such key"),
        ("stream = true", 'stream = "yes"', "request.stream: true or false is wanted, not 'yes'"),
        ("body_bytes = 2000", "body_bytes = true", "request.body_bytes: a whole number is wanted, not True"),
        ("chars = 500 }", "chars = 500, x = 1 }", "request.head[0].x: there is no such key; known are role"),
        ('names = ["read", "write"]', 'names = "read"', "request.tools.names: a list is wanted, not 'read'"),
        ('"stream-tool-index"', '"stream-tool-indx"', "effects[0]: No finding is called 'stream-tool-indx'"),
        ('"missing"', '"gone"', "effects[0].subject: 'gone' is none of missing, reused, offset"),
        ('"missing"', '"missing"\nalso = ["empty-reply:x"]', "effects[0].subject: empty-reply has no subject"),
        ('"missing"', '"missing"\nalso = ["no-such"]', "effects[0]: No finding is called 'no-such'"),
        ('mode = "noindex"', 'mode = "noindex"\nvariant = "txt"', "effects[0].variant: there is no variant 'txt'"),
        ('mode = "noindex"', 'mode = "x"\nvariant = "text"', "stream-tool-index cannot be met by a request that does"),
        (
            '"stream-tool-index"\nsubject = "missing"',
            '"tool-name-wrong"\nvariant = "text"',
            "by a request without tools",
        ),
        ('mode = "noindex"\n', "", "effects[0].mode: a measured effect names its measurement"),
        ('"runs the call; exit 0"', '"Runs the call."', "effects[0].says: must go on from the CLI's name"),
        ("exit = 0\n", "exit = 1000\n", "effects[0].exit: 1000 is no exit code"),
        ("requests = 2", "requests = -2", "effects[0].requests: -2 is no count"),
        (
            "body_bytes = 2000",
            "body_bytes = 1400",
            "request.body_bytes: 1400 is less than its messages (550",
        ),
        ("count = 2", "count = 3", "request.tools.types: they add up to 2, count is 3"),
        ('"read", "write"', '"read"', "request.tools.names: there are 1, count is 2"),
        ("depth = 2", "depth = 0", "request.tools: count and depth are at least 1"),
        ("temperature = 0 }", "max_tokens = 9 }", "request.params.max_tokens: stands in a field of its own"),
        ("tokens = 4000", "tokens = 0", "request.output_limit.tokens: must be more than 0"),
        ('role = "system"', 'role = "boss"', "request.head[0].role: 'boss' is none of system"),
        ("chars = 500", "chars = 500, parts = [1]", "request.head[0]: either chars or parts must be given"),
        ('"2026-11-23"', '"23.11.2026"', "measured_on: '23.11.2026' is no date of the form 2026-11-23"),
        ('version = "1.0"', 'version = ""', "version, measured_on: effects were measured, so both must be told"),
        ('name = "mine"', 'name = "Mine Own"', "name: 'Mine Own' must be of small letters"),
        ('name = "mine"', 'name = "other"', "name: the file is called mine, the profile 'other'"),
        ('name = "mine"', "name = ", "it is no TOML: "),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in SOUND
    mistakes = check(tmp_path, SOUND.replace(old, new, 1))
    assert [mistake for mistake in mistakes if told in mistake], mistakes


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = (
        SOUND.replace("stream = true", "stream = 1")
        .replace('title = "Mine"\n', "")
        .replace("chars = 700", 'chars = ""')
    )
    assert [mistake.partition(":")[0] for mistake in check(tmp_path, text)] == [
        "title",
        "request.stream",
        "variants[0].request.head[0].chars",
    ]


def test_the_same_measurement_twice_is_told(tmp_path: Path) -> None:
    effect = SOUND[SOUND.index("[[effects]]") :]
    assert check(tmp_path, SOUND + effect) == ["effects[1]: the same finding, case, variant and mode stand above"]


WIRED = """
[wiring]
endpoint = "base_url"
id = "{model}"
start = { interactive = ["it", "-m", "{id}"], headless = ["it", "-m", "{id}", "{task}"] }

[[wiring.workarounds]]
on = ["tools-rejected"]
why = "it can do without"
how = "measured"
words = ["--no-tools"]
"""


def test_the_wiring_is_checked_too(tmp_path: Path) -> None:
    assert check(tmp_path, SOUND + WIRED) == []
    (wrong,) = check(tmp_path, SOUND + WIRED.replace("tools-rejected", "tools-refused"))
    assert wrong.startswith("wiring.workarounds[0].on: ")
    (typo,) = check(tmp_path, SOUND + WIRED.replace("words =", "word ="))
    assert typo.startswith("wiring.workarounds[0].word: there is no such key")


def test_a_text_of_hostile_characters_is_told_without_them(tmp_path: Path) -> None:
    (told,) = check(tmp_path, SOUND.replace('"stream-tool-index"', '"\\u001b[31mred"'))
    assert "\x1b" not in told


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        check_file(tmp_path / "none.toml")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="larger"):
        check_file(_written(tmp_path, "#" * 1_000_001))


def test_the_loader_refuses_what_has_mistakes_of_form() -> None:
    with pytest.raises(BadProfile, match="name: is missing") as bad:
        read_profile({})
    assert len(bad.value.mistakes) > 3


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return path
