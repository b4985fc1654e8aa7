"""Doing a job on files in plain text, for agents that offer no tools.

Four protocols: aider's SEARCH/REPLACE blocks, unified diffs and whole-file listings
(https://aider.chat/docs/more/edit-formats.html), and one shell command per reply in a fence, as the text modes of
mini-swe-agent and gptme want it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

from cab_check.demo.conversation import Answer, Asked, ChatRequest, Message
from cab_check.demo.history import Step
from cab_check.demo.jobs import Edit, Job

_BLOCKS = re.compile(r"SEARCH/REPLACE|<<<<<<< SEARCH")
_LISTING = re.compile(r"file listing|entire content of the (?:updated )?file|whole file", re.IGNORECASE)
_UDIFF = re.compile(r"unified diff|diff -U|^```diff\b", re.IGNORECASE | re.MULTILINE)
_FINISH_FENCE = re.compile(r"```(complete|finish|done)\b")
_SHELL_FENCE = re.compile(r"```(mswea_bash_command|bash|shell|sh)\b")
_RUNS_CODE = re.compile(r"\bexecut(?:e|ing) (?:the )?code\b.*\bshell\b", re.IGNORECASE | re.DOTALL)
_COMPLAINT = re.compile(
    r"\b(?:fail|failed|error|not match|no match|malformed|invalid|did not|could not)\b", re.IGNORECASE
)


def fence_of(request: ChatRequest) -> str | None:
    """The name of the fence in which shell commands are wanted; None if the instructions want something else."""
    if any(protocol.search(request.system) for protocol in (_BLOCKS, _LISTING)) or _asks_for_diff(request.system):
        return None
    told = "\n".join(message.text for message in request.messages if message.role in ("system", "developer", "user"))
    found = _SHELL_FENCE.search(told)
    if found is None and _RUNS_CODE.search(request.system):
        return "shell"
    return found[1] if found else None


def in_fence(move: Answer, fence: str, request: ChatRequest) -> Answer:
    """A call of the shell as a fenced command; closing words with the fence that ends the work, where there is one."""
    if not move.calls:
        ends = _FINISH_FENCE.search(request.system)
        return Answer(f"{move.text}\n\n```{ends[1]}\n```") if ends else move
    return Answer(f"The next step:\n\n```{fence}\n{move.calls[0].arguments['command']}\n```")


def steps_in_text(messages: Sequence[Message], fence: str) -> list[Step]:
    """The fenced commands in assistant messages, each with the user message that follows as its result."""
    steps: list[Step] = []
    for index, message in enumerate(messages):
        found = re.search(rf"```{fence}\n(.*?)\n```", message.text, re.DOTALL) if message.role == "assistant" else None
        if found:
            result = next((item.text for item in messages[index + 1 :] if item.role != "assistant"), None)
            steps.append(Step(Asked("shell", {"command": found[1].strip("\n")}), result))
    return steps


def by_text(request: ChatRequest, job: Job) -> Answer:
    """The job in the protocol that the system text asks for, or as an explanation if it asks for none."""
    later = request.messages[job.at + 1 :]
    if any(item.role == "assistant" for item in later) and not any(
        _COMPLAINT.search(item.text) for item in later if item.role == "user"
    ):
        return Answer(job.closing)
    told = request.system + "\n".join(item.text for item in request.messages[: job.at + 1] if item.role == "user")
    if _BLOCKS.search(told):
        return _each(request, job, _block)
    if _asks_for_diff(told):
        return _each(request, job, _diff)
    if _LISTING.search(told):
        return _each(request, job, _listing)
    shown = "\n\n".join(
        f"{edit.path}\n```\n{edit.whole}```" if edit.whole is not None else f"{edit.path}: {edit.old!r} -> {edit.new!r}"
        for edit in job.edits
    )
    return Answer(f"No tool to change files is offered here. This is what is to change in {job.paths}:\n\n{shown}")


def _each(request: ChatRequest, job: Job, write: Callable[[Edit, str | None, str], str | None]) -> Answer:
    """Every edit through `write`, or a request for the files without which it cannot be done."""
    written: list[str] = []
    for edit in job.edits:
        content, fence = _shown(request, edit.path)
        text = write(edit, content, fence)
        if text is None:
            return Answer(f"I need to see {edit.path} as it is now. Please add it to the chat.")
        written.append(text)
    return Answer("\n\n".join(["Here is the change.", *written]))


def _block(edit: Edit, content: str | None, fence: str) -> str | None:
    """A SEARCH/REPLACE block; an empty search makes a new file."""
    new = edit.applied(content)
    if new is None:
        return None
    old = content or ""
    if edit.old and old.count(edit.old) == 1:
        old = _lines_around(old, edit.old)
        new = old.replace(edit.old, edit.new)
    body = f"<<<<<<< SEARCH\n{_ended(old)}=======\n{_ended(new)}>>>>>>> REPLACE"
    return f"{edit.path}\n{fence}\n{body}\n{_closing(fence)}"


def _asks_for_diff(told: str) -> bool:
    """Whether a unified diff is the wanted form, and not merely named."""
    return _UDIFF.search(told) is not None and "+++" in told


def _listing(edit: Edit, content: str | None, fence: str) -> str | None:
    """The path and the whole new file."""
    new = edit.applied(content)
    return None if new is None else f"{edit.path}\n{fence}\n{_ended(new)}{_closing(fence)}"


def _diff(edit: Edit, content: str | None, fence: str) -> str | None:
    """A unified diff with three lines around each change, as `diff -u` writes it."""
    new = edit.applied(content)
    if new is None:
        return None
    old = [] if content is None else content.splitlines(keepends=True)
    lines = list(difflib.unified_diff(old, _ended(new).splitlines(keepends=True)))[2:]
    before = "/dev/null" if content is None else edit.path
    return f"```diff\n--- {before}\n+++ {edit.path}\n{''.join(map(_ended, lines))}```"


def _shown(request: ChatRequest, path: str) -> tuple[str | None, str]:
    """The newest content of `path` that a user message shows below its name, and the fence it stands in."""
    name = rf"^[#*`: \t]*{re.escape(path)}[*`: \t]*\n"
    fenced = re.compile(rf"{name}(?P<fence>`{{3,}})\w*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
    tagged = re.compile(rf"{name}(?P<fence><(\w+)>)\n(?P<text>.*?)^</\2>[ \t]*$", re.MULTILINE | re.DOTALL)
    texts = [item.text for item in request.messages if item.role == "user"]
    found = [match for text in texts for shown in (fenced, tagged) for match in shown.finditer(text)]
    return (found[-1]["text"], found[-1]["fence"]) if found else (None, "```")


def _closing(fence: str) -> str:
    return fence.replace("<", "</")


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _lines_around(content: str, part: str) -> str:
    """The whole lines of `content` in which `part` stands."""
    at = content.index(part)
    start, end = content.rfind("\n", 0, at) + 1, content.find("\n", at + len(part))
    return content[start : end if end >= 0 else len(content)]
