"""The tools of the tool-calling dialect: one table gives their JSON form and the check of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cab_check.base.text import one_line
from cab_check.chat.build import function_tool

_PYTHON_TYPE: Mapping[str, type] = {"string": str, "integer": int}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool, in the words that the model reads."""

    name: str
    type: Literal["string", "integer"]
    description: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, in the words that the model reads."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]

    def as_json(self) -> dict[str, Any]:
        """The tool as a `tools` entry of a chat completions request."""
        properties = {item.name: {"type": item.type, "description": item.description} for item in self.parameters}
        required = [item.name for item in self.parameters if item.required]
        return function_tool(self.name, self.description, properties, required)

    def complaint(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with `arguments`, in a sentence for the model; None if nothing is."""
        known = {item.name: item for item in self.parameters}
        missing = [item.name for item in self.parameters if item.required and item.name not in arguments]
        extra = [name for name in arguments if name not in known]
        wrong = [
            f"{name} must be of type {item.type}"
            for name, item in known.items()
            if name in arguments and not _is(arguments[name], item.type)
        ]
        faults = [f"{name} is missing" for name in missing]
        faults += [f"there is no parameter {one_line(name, 80)}" for name in extra]
        faults += wrong
        return f"{self.name} takes {', '.join(known)}: {'; '.join(faults)}." if faults else None


def _is(value: Any, json_type: str) -> bool:
    return isinstance(value, _PYTHON_TYPE[json_type]) and not isinstance(value, bool)


_PATH = Parameter("path", "string", "The file's path, relative to the work directory or absolute.")

SHELL = Tool(
    "shell",
    "Run a command with POSIX sh in the work directory. Each call is a new shell. Returns exit code and output.",
    (Parameter("command", "string", "The command line."),),
)
READ_FILE = Tool(
    "read_file",
    "Read a text file, whole or from line `start` on.",
    (
        _PATH,
        Parameter("start", "integer", "The first line to read, counted from 1.", required=False),
        Parameter("limit", "integer", "How many lines to read at most.", required=False),
    ),
)
WRITE_FILE = Tool(
    "write_file",
    "Write a text file, replacing it if it exists. Missing directories are made.",
    (_PATH, Parameter("content", "string", "The whole content of the file.")),
)
EDIT_FILE = Tool(
    "edit_file",
    "Replace one passage of a text file. The old text must stand in the file exactly once.",
    (
        _PATH,
        Parameter("old", "string", "The text to replace, exactly as it stands in the file."),
        Parameter("new", "string", "The text to put in its place."),
    ),
)

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (SHELL, READ_FILE, WRITE_FILE, EDIT_FILE)}
