"""Carries out actions, all of them inside the sandbox: no path that a model names is ever opened from outside.

The sandbox is sure to have a POSIX sh and coreutils, nothing else. So files go in and out as the standard input and
output of `cat`, which keeps every byte.
"""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cab_check.agent.dialect import Action
from cab_check.base.errors import CannotRun
from cab_check.base.text import clean_bytes, one_line
from cab_check.sandbox.box import Box, Done

OUTPUT_BYTES = 16 * 1024  # what a model gets to see of one file, or of one stream of a command
ARGUMENT_BYTES = 100_000  # Linux takes at most 128 KiB in one argument of a process (MAX_ARG_STRLEN)

# A POSIX shell ends where `exec` cannot redirect, with the system's words on stderr.
_OPEN = '[ ! -d "$1" ] || { echo "$1 is a directory" >&2; exit 1; }; exec < "$1"; '
_READ = _OPEN + "exec cat"
_READ_LINES = _OPEN + 'tail -n "+$2" | head -n "$3"'
_WRITE = 'mkdir -p -- "${1%/*}/" && cat > "$1"'
_NO_LINK = (
    'p=$1; while :; do [ ! -L "$p" ] || { echo "$p is a symbolic link" >&2; exit 1; }; '
    'case "$p" in ?*/*) p=${p%/*} ;; *) break ;; esac; done; '
)
_ALL_LINES = 10**9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model is told of an action, and what the trace keeps of it. `active_s`: how long commands ran."""

    text: str
    ok: bool
    active_s: float = 0.0
    exit_code: int | None = None
    limit: str | None = None


async def working_directory(box: Box, timeout_s: float) -> str:
    """Where the inside sees the work directory. Raises CannotRun if not even that can be had."""
    done = await _sh(box, "pwd", timeout_s=timeout_s)
    if _failed(done):
        raise CannotRun(f"The sandbox cannot run a command: {one_line(_told(done))}", "cab-check doctor")
    return done.stdout.decode("utf-8", "replace").removesuffix("\n")


async def perform(action: Action, box: Box, timeout_s: float) -> Outcome:
    """Carry out one action whose arguments have been checked; each command of it may take `timeout_s` seconds."""
    if unfit := _unfit(action.arguments):
        return Outcome(unfit, ok=False)
    return await _WAYS[action.name](action.arguments, box, timeout_s)


async def _shell(arguments: Mapping[str, Any], box: Box, timeout_s: float) -> Outcome:
    done = await _sh(box, arguments["command"], timeout_s=timeout_s)
    return _outcome(_told(done), done)


async def _read_file(arguments: Mapping[str, Any], box: Box, timeout_s: float) -> Outcome:
    start, limit = arguments.get("start", 1), arguments.get("limit", _ALL_LINES)
    if start < 1 or limit < 1:
        return Outcome("start and limit are counted from 1.", ok=False)
    script, lines = (_READ_LINES, (str(start), str(limit))) if {"start", "limit"} & set(arguments) else (_READ, ())
    done = await _sh(box, script, _path(arguments["path"]), *lines, timeout_s=timeout_s)
    return _outcome(_told(done) if _failed(done) else _shown(done, start), done)


async def _write_file(arguments: Mapping[str, Any], box: Box, timeout_s: float) -> Outcome:
    data = arguments["content"].encode()
    done = await _sh(box, _WRITE, _path(arguments["path"]), timeout_s=timeout_s, stdin=data)
    return _outcome(_told(done) if _failed(done) else f"{len(data)} bytes written to {arguments['path']}.", done)


async def _replace_file(arguments: Mapping[str, Any], box: Box, timeout_s: float) -> Outcome:
    """As write_file, but through no symbolic link: the name says which file is meant, and it is that one or none."""
    data = arguments["content"].encode()
    done = await _sh(box, _NO_LINK + _WRITE, _path(arguments["path"]), timeout_s=timeout_s, stdin=data)
    return _outcome(_told(done) if _failed(done) else f"{len(data)} bytes written to {arguments['path']}.", done)


async def _edit_file(arguments: Mapping[str, Any], box: Box, timeout_s: float) -> Outcome:
    path = _path(arguments["path"])
    read = await _sh(box, _READ, path, timeout_s=timeout_s)
    if _failed(read):
        return _outcome(_told(read), read)
    if read.output_cut:
        return Outcome("The file is too large for edit_file; change it with shell.", ok=False, active_s=read.wall_s)
    old, new = arguments["old"].encode(), arguments["new"].encode()
    if not_once := _not_once(read.stdout, old):
        return Outcome(not_once, ok=False, active_s=read.wall_s)
    done = await _sh(box, _WRITE, path, timeout_s=timeout_s, stdin=read.stdout.replace(old, new))
    text = _told(done) if _failed(done) else f"1 passage replaced in {arguments['path']}."
    return _outcome(text, done, also_s=read.wall_s)


_WAYS: Mapping[str, Callable[[Mapping[str, Any], Box, float], Awaitable[Outcome]]] = {
    "shell": _shell,
    "read_file": _read_file,
    "write_file": _write_file,
    "replace_file": _replace_file,
    "edit_file": _edit_file,
}


async def _sh(box: Box, script: str, *arguments: str, timeout_s: float, stdin: bytes = b"") -> Done:
    return await box.run(["/bin/sh", "-c", script, "sh", *arguments], timeout_s=timeout_s, stdin=stdin)


def _path(path: str) -> str:
    """A form that no command can take for an option, and that always has a directory part."""
    return path if path.startswith("/") else f"./{path}"


def _unfit(arguments: Mapping[str, Any]) -> str | None:
    """Why these arguments cannot reach a process as they are."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            continue
        if "\0" in value:
            return f"{name} holds a NUL character, which no path, command or text file can hold."
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            return f"{name} holds half of a surrogate pair, which is no character."
        if name in ("command", "path") and size > ARGUMENT_BYTES:
            return f"{name} is longer than {ARGUMENT_BYTES} bytes; write it to a file in parts and run that."
    return None


def _not_once(data: bytes, old: bytes) -> str | None:
    """Why `old` cannot be replaced in `data`, which needs it to stand there exactly once."""
    count = data.count(old) if old else 0
    if count == 1 and data.find(old, data.find(old) + 1) == -1:
        return None
    if not old:
        return "The old text is empty; use write_file to make a file."
    if count:
        return f"The old text stands in the file {max(count, 2)} times; give more of what is around it."
    if b"\r\n" in data and data.count(old.replace(b"\n", b"\r\n")):
        return "The old text was not found: lines of this file end in \\r\\n."
    return "The old text was not found in the file; read the file again and copy the passage exactly."


def _failed(done: Done) -> bool:
    return done.exit_code != 0 or done.limit is not None


def _outcome(text: str, done: Done, also_s: float = 0.0) -> Outcome:
    return Outcome(text, not _failed(done), done.wall_s + also_s, done.exit_code, done.limit)


def _told(done: Done) -> str:
    """How a command ended and what it printed."""
    if done.limit is not None:
        how = f"stopped after {done.wall_s:.1f} s by a limit: {done.limit}"
    elif done.signal is not None:
        how = f"ended by signal {done.signal}"
    else:
        how = f"exit code {done.exit_code}"
    parts = [how]
    parts += [clean_bytes(done.stdout, OUTPUT_BYTES)] if done.stdout else []
    parts += ["stderr:", clean_bytes(done.stderr, OUTPUT_BYTES)] if done.stderr else []
    parts += ["[there was more output than is kept]"] if done.output_cut else []
    return "\n".join(parts)


def _shown(done: Done, start: int) -> str:
    """The content of a file, character for character, and after it in brackets what a reader has to know."""
    data = done.stdout
    if b"\0" in data:
        return f"[a binary file: it holds NUL bytes; {len(data)} bytes, not shown]"
    if not data:
        return "[no lines there]" if start > 1 else "[the file is empty]"
    head = data[:OUTPUT_BYTES]
    if len(data) > len(head):
        head = head[: head.rfind(b"\n") + 1] or head
    # An incremental decoder holds back a character that the cut went through.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=len(head) == len(data))
    not_utf8 = "\ufffd" in text and "\ufffd".encode() not in head
    notes = ["[not UTF-8: bytes that are no characters are shown as \ufffd]"] if not_utf8 else []
    if len(data) > len(head):
        notes.append(_left_out(len(data) - len(head), head.count(b"\n"), start, done.output_cut))
    return "\n".join([text, *notes])


def _left_out(size: int, lines: int, start: int, more: bool) -> str:
    """How much of a file is not shown, and how to get at it."""
    left = f"{size} bytes or more" if more else f"{size} bytes"
    if lines:
        return f"[{left} left out; read on with start={start + lines}]"
    return f"[{left} left out: line {start} alone is longer than is shown; use shell to look at parts of it]"
