"""A call in a form that nobody has described is still seen to be a call, and talk about calls is not."""

from __future__ import annotations

import pytest

from cab_check.chat.markup_other import find_unknown_call

ARGUMENTS = {"path": "amber-4821.md"}

CALLS = [
    '<｜DSML｜calls><｜DSML｜invoke name="read_file"><｜DSML｜parameter name="path" string="true">amber-4821.md',
    "Let me look.\n[read_file(path='amber-4821.md')]",
    '<|python_start|>read_file(path="amber-4821.md")<|python_end|>',
    ']<]minimax[>[<invoke name="read_file"><path>amber-4821.md</path></invoke>',
    '@@call{"tool": "read_file", "input": {"path": "amber-4821.md"}}',
    "<<tool:read_file>>\n<<path>>amber-4821.md<<end>>",
]
TALK = [
    "I would call read_file with the path amber-4821.md.",
    'You could run read_file(path="amber-4821.md") yourself.',
    "I have no tool called read_file, so I cannot open amber-4821.md.",
    "`read_file(path='amber-4821.md')` is what I would use.",
    "amber-4821.md",
    "read_file",
    "[read_file(path='another.md')]",
    "read_file amber-4821.md",
]


@pytest.mark.parametrize("text", CALLS)
def test_a_call_in_a_form_of_its_own_is_found(text: str) -> None:
    found = find_unknown_call(text, "read_file", ARGUMENTS)
    assert found is not None
    assert (found.family, found.name) == ("other", "read_file")


@pytest.mark.parametrize("text", TALK)
def test_talk_about_a_call_is_none(text: str) -> None:
    assert find_unknown_call(text, "read_file", ARGUMENTS) is None


def test_a_call_without_arguments_has_nothing_to_be_known_by() -> None:
    assert find_unknown_call("<<read_file>>", "read_file", {}) is None
