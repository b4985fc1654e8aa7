"""The conversation in which a model is asked for edits in its text: the order of messages is aider's, no word is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cab_check.chat.build import Message, assistant, system, user
from cab_check.chat.edits.shown import Fence, Shown

NEW_PROJECT = "That was an example, with files of its own. From here on the work is on another project."
FILES = "These are the files as they are now. Take this text of them, and no earlier one, for true."
READY = "I have read them."


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said to the model of a format. `{open}` and `{close}` stand for the fence."""

    rules: str
    example_ask: str
    example_answer: str
    reminder: str


def opening(prompt: Prompt, shown: Shown, instruction: str) -> list[Message]:
    """Rules, an example as a conversation, the files, and then the task with a word on the form of the answer."""
    files = [user(f"{FILES}\n\n{texts(shown, shown.chat)}"), assistant(READY)] if shown.chat else []
    return [
        system(fenced(prompt.rules, shown.fence)),
        user(prompt.example_ask),
        assistant(fenced(prompt.example_answer, shown.fence)),
        user(NEW_PROJECT),
        assistant(READY),
        *files,
        user(f"{instruction}\n\n{fenced(prompt.reminder, shown.fence)}"),
    ]


def fenced(text: str, fence: Fence) -> str:
    """`text` with the fence filled in."""
    return text.replace("{open}", fence[0]).replace("{close}", fence[1])


def texts(shown: Shown, paths: Sequence[str]) -> str:
    """The files by name, each in the fence."""
    return "\n\n".join(f"{path}\n{_in_fence(shown.files[path], shown.fence)}" for path in paths)


def _in_fence(text: str, fence: Fence) -> str:
    ended = text if not text or text.endswith("\n") else text + "\n"
    return f"{fence[0]}\n{ended}{fence[1]}"
