"""Doing a job on files through whatever is offered: look first, then write, then say so.

The plan is worked out anew for every request from the calls and results in its messages; the first step that has
not been made is the answer. Where one way of writing was refused, the next is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cab_check.demo.arguments import fill
from cab_check.demo.asking import calls_asked
from cab_check.demo.conversation import Answer, Asked, ChatRequest, Tool
from cab_check.demo.history import Step, file_text, steps_of
from cab_check.demo.jobs import Edit, Job, find_job
from cab_check.demo.textwork import by_text, fence_of, in_fence, steps_in_text
from cab_check.demo.toolbox import Kind, call, kinds, wants_absolute

FINAL_COMMAND = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""The word that mini-swe-agent's prompt tells a model to print when it is done."""

HOMES = 3
"""So many of the directories that the messages name are tried as the place of the work."""

PLAIN = re.compile(r"[\w ,:;=-]+")
"""Text that means itself in a pattern of sed."""

_HOME = re.compile(
    r"(?:working[ _-]?dir(?:ectory)?|(?:working|operating) in(?: the)?(?: dir(?:ectory)?)?\b|\bcwd|\bworkspace|"
    r"project root|current dir(?:ectory)?|repository|root directory)"
    r"[^\n/]{0,60}?(?P<path>/[^\s`'\"<>,;)]+)",
    re.IGNORECASE,
)
_FENCED_SHELL = Tool(
    "shell", "", {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
)


def solve(request: ChatRequest, tools: Sequence[Tool]) -> Answer | None:
    """The next move of the job that the conversation asks for; None if it asks for none."""
    job = find_job(request)
    if job is None or (job.words and calls_asked(job.words, tools)):
        return None
    later = request.messages[job.at + 1 :]
    if tools:
        return _Worker(request, job, tools, steps_of(later)).next_move()
    fence = fence_of(request)
    if fence is None:
        return by_text(request, job)
    move = _Worker(request, job, [_FENCED_SHELL], steps_in_text(later, fence)).next_move()
    return in_fence(move, fence, request) if move else move


@dataclass(frozen=True, slots=True)
class _Worker:
    request: ChatRequest
    job: Job
    tools: Sequence[Tool]
    done: list[Step]

    def next_move(self) -> Answer | None:
        """The first step that has not been made, or the closing words; None if no offered tool can write a file."""
        if not any(self._tools(kind) for kind in (Kind.WRITE, Kind.EDIT, Kind.EDITOR, Kind.SHELL)):
            return None
        for edit in self.job.edits:
            looks = list(self._looks(edit))
            seen = [step for look in looks if (step := self._step(look))]
            unseen = [look for look in looks if not self._step(look)]
            lacking = edit.whole is None and not any(step.worked for step in seen)
            if unseen and (lacking or not seen):
                return Answer(calls=(unseen[0],))
            written = self._write(edit, seen)
            if written is not None:
                return written
        return self._close()

    def _write(self, edit: Edit, seen: list[Step]) -> Answer | None:
        """The next way to write `edit`; None once one has worked."""
        read = [step for step in seen if step.worked]
        content = file_text(read[0].result or "") if read else None
        for way in self._ways(edit, content):
            step = self._step(way)
            if step is None:
                return Answer(calls=(way,))
            if not step.failed:
                return None
        return Answer(f"I could not change {edit.path}: every way that the tools offer was refused.")

    def _looks(self, edit: Edit) -> Iterator[Asked]:
        for tool in self._tools(Kind.READ):
            yield from (call(tool, path=path) for path in self._paths(tool, edit.path))
        for tool in self._tools(Kind.EDITOR):
            yield from (call(tool, command="view", path=path) for path in self._paths(tool, edit.path))
        for tool in self._tools(Kind.SHELL):
            yield call(tool, command=f"cat {quoted(edit.path)}")

    def _ways(self, edit: Edit, content: str | None) -> Iterator[Asked]:
        """Calls that make the edit, best first; `content` is None if the file could not be read."""
        new = edit.applied(content)
        swaps = list(self._swaps(edit, content, new))
        writes: list[Asked] = []
        if new is not None:
            for tool in self._tools(Kind.WRITE):
                writes += [call(tool, path=path, content=new) for path in self._paths(tool, edit.path)]
            for tool in self._tools(Kind.EDITOR) if content is None else ():
                paths = self._paths(tool, edit.path)
                writes += [call(tool, command="create", path=path, content=new) for path in paths]
        yield from swaps + writes if edit.old else writes + swaps
        if new is not None:
            for tool in self._tools(Kind.SHELL):
                if PLAIN.fullmatch(edit.old) and PLAIN.fullmatch(edit.new):
                    yield call(tool, command=f"sed -i 's/{edit.old}/{edit.new}/g' {quoted(edit.path)}")
                yield call(tool, command=heredoc(edit.path, new))

    def _swaps(self, edit: Edit, content: str | None, new: str | None) -> Iterator[Asked]:
        old, replacement = edit.old, edit.new
        if not old or (content is not None and content.count(old) > 1):
            if not content or new is None:
                return
            old, replacement = content.strip("\n"), new.strip("\n")
        for tool in (*self._tools(Kind.EDIT), *self._tools(Kind.EDITOR)):
            for path in self._paths(tool, edit.path):
                yield call(tool, command="str_replace", path=path, old=old, new=replacement)

    def _close(self) -> Answer:
        text = self.job.closing
        for tool in self._tools(Kind.FINISH):
            finish = Asked(tool.name, fill(tool.parameters, "", fallback=text))
            return Answer(text) if self._step(finish) else Answer(calls=(finish,))
        shells = self._tools(Kind.SHELL)
        asked = any(FINAL_COMMAND in message.text for message in self.request.messages[: self.job.at + 1])
        return Answer(calls=(call(shells[0], command=f"echo {FINAL_COMMAND}"),)) if asked and shells else Answer(text)

    def _tools(self, kind: Kind) -> list[Tool]:
        known = kinds(self.tools)
        return [tool for tool in self.tools if known[tool.name] is kind]

    def _step(self, wanted: Asked) -> Step | None:
        """The step that was this call. A client may have written defaults of its own into the arguments."""
        return next((step for step in self.done if holds(step.call, wanted)), None)

    def _paths(self, tool: Tool, path: str) -> list[str]:
        """`path` as the tool wants it first: absolute if it says so, and if the messages tell where the work is."""
        if path.startswith("/"):
            return [path]
        told = (item.text for item in self.request.messages if item.role != "tool")
        homes = dict.fromkeys(found["path"] for text in told for found in _HOME.finditer(text))
        absolute = [f"{home.rstrip('/.')}/{path}" for home in [*homes][:HOMES]]
        return [*absolute, path] if wants_absolute(tool) else [path, *absolute]


def holds(made: Asked, wanted: Asked) -> bool:
    """Whether the call that was made is the one that is wanted, whatever else stands in its arguments."""
    same = (made.arguments.get(name) == value for name, value in wanted.arguments.items())
    return made.name == wanted.name and all(same)


def quoted(path: str) -> str:
    """`path` as one word of a shell command."""
    return path if re.fullmatch(r"[\w./-]+", path) else "'" + path.replace("'", "'\\''") + "'"


def heredoc(path: str, content: str) -> str:
    """A shell command that writes `content` to `path` to the letter, but for a final newline that is always there."""
    word, number = "EOF", 0
    while word in content.split("\n"):
        number += 1
        word = f"EOF{number}"
    folder = path.rpartition("/")[0]
    make = f"mkdir -p {quoted(folder)} && " if folder else ""
    return f"{make}cat > {quoted(path)} <<'{word}'\n{content.removesuffix(chr(10))}\n{word}"
