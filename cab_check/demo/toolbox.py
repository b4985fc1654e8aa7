"""What the offered tools are good for, told from their names and parameters, and how to call them for that.

The names are those that agent CLIs in use offer: a path is `path`, `file_path`, `filePath`, `filename` ...;
a command is a string, a list of command lines, or an argument vector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from cab_check.demo.conversation import Asked, Tool
from cab_check.demo.schema import kind_of, resolve, sample


class Kind(Enum):
    """One use of a tool."""

    READ = "read a file"
    WRITE = "write a whole file"
    EDIT = "replace text in a file"
    EDITOR = "one tool with commands to view, create and replace"
    SHELL = "run a command"
    FINISH = "end the work"
    OTHER = "something else"


ROLES = {
    "path": "path file_path filepath file filename file_name target_file absolute_path relative_path paths files",
    "content": "content contents file_text text new_content file_content body data code",
    "old": "old_string old_str old_text old search find original old_content search_string",
    "new": "new_string new_str new_text new replace replacement new_content replace_string",
    "command": "command cmd commands script shell_command bash_command",
    "edits": "edits edit changes replacements",
}
_BY_NAME = {role: frozenset(names.split()) for role, names in ROLES.items()}
_FINISH = re.compile(
    r"(?:finish|task_complete|complete|attempt_completion|submit|done|final_answer|finish_task|end)", re.I
)
_READ = re.compile(r"read|view|open|cat|show", re.I)
_NOT_TEXT = re.compile(r"image|picture|photo|screenshot|video|audio|vision", re.I)
_WRITE = re.compile(r"write|create|save|put|new|overwrite", re.I)
_SHELL = re.compile(r"bash|shell|terminal|exec|run|command|cmd", re.I)
_NOT_SHELL = re.compile(r"background|task|agent|read_|list_|stop_|write_|kill|process", re.I)
_ABSOLUTE = re.compile(r"\babsolute\b", re.I)


def kinds(tools: Iterable[Tool]) -> dict[str, Kind]:
    """Each tool's use, by its name."""
    return {tool.name: _kind(tool) for tool in tools}


def _kind(tool: Tool) -> Kind:
    roles = set(_roles(tool).values())
    if "command" in roles and "path" in roles and "create" in _commands(tool):
        return Kind.EDITOR
    if _FINISH.fullmatch(tool.name) and not roles & {"path", "command"}:
        return Kind.FINISH
    if "path" in roles and ({"old", "new"} <= roles or "edits" in roles):
        return Kind.EDIT
    if {"path", "content"} <= roles and _WRITE.search(tool.name):
        return Kind.WRITE
    if "command" in roles and _SHELL.search(tool.name) and not _NOT_SHELL.search(tool.name):
        return Kind.SHELL
    reads = "path" in roles and _READ.search(tool.name) and not _NOT_TEXT.search(tool.name)
    return Kind.READ if reads else Kind.OTHER


def _roles(tool: Tool) -> dict[str, str]:
    """Property -> role; the first property of a role keeps it, and one that is required goes before the others."""
    plain = resolve(tool.parameters, tool.parameters)
    required = plain.get("required", [])
    names = sorted(plain.get("properties", {}), key=lambda name: name not in required)
    roles: dict[str, str] = {}
    for name in names:
        spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        role = next((role for role, known in _BY_NAME.items() if spelled in known and role not in roles.values()), None)
        if role is not None:
            roles[name] = role
    return roles


def _commands(tool: Tool) -> list[Any]:
    plain = resolve(tool.parameters, tool.parameters)
    name = next((name for name, role in _roles(tool).items() if role == "command"), "")
    commands = resolve(plain.get("properties", {}).get(name, {}), tool.parameters).get("enum", [])
    return list(commands)


def wants_absolute(tool: Tool) -> bool:
    """Whether the tool's path must be absolute, by its own words."""
    plain = resolve(tool.parameters, tool.parameters)
    paths = [name for name, role in _roles(tool).items() if role == "path"]
    return any(_ABSOLUTE.search(str(plain["properties"][name].get("description", ""))) for name in paths)


def call(tool: Tool, **values: str) -> Asked:
    """A call of `tool` with `values` by role (path, content, old, new, command); the rest is what the schema allows."""
    plain = resolve(tool.parameters, tool.parameters)
    properties = plain.get("properties", {})
    arguments: dict[str, Any] = {}
    for name, role in _roles(tool).items():
        schema = resolve(properties[name], tool.parameters)
        if role in values:
            arguments[name] = _shaped(name, role, values[role], schema, tool.parameters)
        elif role == "edits" and "old" in values:
            arguments[name] = _edits(schema, tool.parameters, values)
    for name in plain.get("required", []):
        if name not in arguments:
            arguments[name] = sample(properties.get(name, {}), tool.parameters)
    return Asked(tool.name, arguments)


def _shaped(name: str, role: str, value: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if kind_of(schema) != "array":
        return value
    items = resolve(schema.get("items", {}), root)
    if kind_of(items) == "object":
        inner = Tool("", "", items)
        return [dict(call(inner, **{role: value}).arguments)]
    return ["bash", "-lc", value] if role == "command" and not name.endswith("s") else [value]


def _edits(schema: Mapping[str, Any], root: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    """One edit as the schema has it: an object, or a list with that object in it."""
    listed = kind_of(schema) == "array"
    one = resolve(schema.get("items", {}), root) if listed else schema
    edit = dict(call(Tool("", "", {**one, "$defs": root.get("$defs", {})}), **values).arguments)
    return [edit] if listed else edit
