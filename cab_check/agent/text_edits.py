"""What the dialects of aider have in common: files are shown, edits come in the text, and what is wrong is told.

Modelled on aider 0.86.2 as it was measured: the files that the task is about are in the chat; a reply without an edit
ends the run, and so does one whose edits all fit; one with a fault is told what was wrong, at most three times; a
reply that mentions another file of the tree has that added and is asked for again. No command is run. Unlike aider,
no repository is kept, no map of it is sent, nothing is linted, and a path that leads out of the work directory is
refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, replace

from cab_check.agent.dialect import Action, Step, Work
from cab_check.agent.mentions import mentioned
from cab_check.chat.build import Message, assistant, user
from cab_check.chat.edits.formats import FORMATS, PROMPTS
from cab_check.chat.edits.prompt import FILES, NEW_PROJECT, READY, Prompt, opening, texts
from cab_check.chat.edits.shown import Edited, Shown, fence_for
from cab_check.chat.reply import Reply

ROUNDS = 3
"""How often a model is told to send a reply again."""
CHAT_CHARACTERS = 96_000
"""How much text is put into the chat where a task does not say which files it is about: some 24 000 tokens."""


ADDED = "You mention files that you had not seen. Here they are. Please answer once more, with all edits."
NOW = "After that these files read as follows."
CUT_OFF = "Your reply was cut off at the limit of its length, and nothing of it was taken. Write less in one reply."


class TextEdits:
    """A dialect of edits in the text: a format with its prompt."""

    malformed_in_a_row = ROUNDS + 1

    def __init__(self, name: str, format_: str) -> None:
        self.name = name
        self.format = format_

    @property
    def prompt(self) -> Prompt:
        """What is said to the model of the format."""
        return PROMPTS[self.format]

    @property
    def prompt_hash(self) -> str:
        """SHA-256 over all fixed texts, before the fence is filled in."""
        said = "\0".join((*astuple(self.prompt), NEW_PROJECT, FILES, ADDED, NOW, CUT_OFF, READY))
        return hashlib.sha256(said.encode()).hexdigest()

    def begin(self, work: Work) -> TextTalk:
        """The talk of one run, with the task's files in the chat."""
        return TextTalk(work, self.format, self.prompt)


class TextTalk:
    """One run. `_shown` is the tree as it is by now, and which of its files the model has seen."""

    def __init__(self, work: Work, format_: str, prompt: Prompt) -> None:
        self._work, self._format, self._prompt = work, format_, prompt
        self._shown = _start(work)
        self._rounds = 0

    def opening(self) -> list[Message]:
        """Rules, an example as a conversation, the files, and then the task with a word on the form of the answer."""
        return opening(self._prompt, self._shown, self._work.instruction)

    def tools(self) -> None:
        """None are offered."""

    def echo(self, reply: Reply) -> Message:
        """The text alone."""
        return assistant(reply.content or "")

    def read(self, reply: Reply) -> Step:
        """The edits as files to write."""
        text = (reply.content or "").strip()
        if reply.finish_reason == "length":
            return self._again("the reply was cut off at the limit of its length", CUT_OFF)
        if not text:
            return Step(malformed="the reply held no text")
        if added := mentioned(text, self._shown.files, self._shown.chat):
            return self._with_files(added)
        edited = FORMATS[self._format](text, self._shown)
        writes = tuple(_write(path, content) for path, content in edited.files.items())
        if edited.complaint is None:
            how = "the model's edits were applied" if writes else "the model's edits change nothing"
            return Step(writes, last=True, detail=how if edited.edits else "the model answered without an edit")
        return self._complaint(edited, writes)

    def observe(self, action: Action, outcome: str, ok: bool) -> Message | None:
        """A file that was written is as the model has it; of one that could not be, it is told."""
        path, content = action.arguments["path"], action.arguments["content"]
        if not ok:
            return user(f"{path} could not be written: {outcome}")
        self._shown = replace(
            self._shown,
            files={**self._shown.files, path: content},
            chat=tuple(sorted({*self._shown.chat, path})),
        )
        return None

    def _complaint(self, edited: Edited, writes: Sequence[Action]) -> Step:
        why = f"{edited.failed} of {edited.edits} edits could not be taken"
        if not edited.told:
            # aider trips over such a reply and ends.
            return Step(
                tuple(writes), malformed=f"{why}, in a way that aider does not tell the model: {edited.complaint}"
            )
        after = replace(self._shown, files={**self._shown.files, **edited.files})
        now = f"\n\n{NOW}\n\n{texts(after, sorted(edited.files))}" if edited.files else ""
        return replace(self._again(why, f"{edited.complaint}{now}"), actions=tuple(writes))

    def _with_files(self, added: Sequence[str]) -> Step:
        if self._rounds >= ROUNDS:
            return Step(last=True, detail=f"the model went on to mention other files: {', '.join(added)[:200]}")
        self._rounds += 1
        self._shown = replace(self._shown, chat=tuple(sorted({*self._shown.chat, *added})))
        return Step(messages=(user(f"{ADDED}\n\n{texts(self._shown, added)}"),))

    def _again(self, why: str, words: str) -> Step:
        """Ask for the reply once more, as long as there are rounds left."""
        self._rounds += 1
        return Step(malformed=why, messages=(user(words),) if self._rounds <= ROUNDS else ())


def _write(path: str, content: str) -> Action:
    return Action("replace_file", {"path": path, "content": content})


def _start(work: Work) -> Shown:
    """The tree as text, with newlines as aider reads and writes them, and the files that go into the chat."""
    files: dict[str, str] = {}
    for path, data in work.files.items():
        try:
            files[path] = data.decode().replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    chat: list[str] = []
    room = CHAT_CHARACTERS
    named = mentioned(work.instruction, files, ())
    for path in (*named, *(path for path in work.editable if path not in named)):
        if path in files and (len(files[path]) <= room or not chat):
            chat.append(path)
            room -= len(files[path])
    return Shown(
        files,
        tuple(sorted(chat)),
        fence_for(files[path] for path in chat),
        root=work.workdir,
        unreadable=frozenset(work.files) - frozenset(files),
    )
