"""Settings files as text: written so that what is read back is what was meant, and read as their programs read them.

JSON may hold comments and trailing commas when it is read, as several CLIs allow it. YAML is written with every string
in double quotes, which is JSON's form of a string and YAML's too.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Literal

Format = Literal["json", "toml", "yaml", "env"]
Tree = Mapping[str, Any]

TOP = ""
"""The one key of a tree that stands for a YAML file whose top is a list."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_ENV_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class Unreadable(ValueError):
    """A settings file that does not parse. The message names the line, never what stands on it."""


def write(tree: Tree, form: Format) -> str:
    """The file's text, ending in a line end. Raises ValueError for `env`, which is only read."""
    writers: Mapping[str, Callable[[Tree], str]] = {"json": _json, "toml": _toml, "yaml": _yaml}
    if form not in writers:
        raise ValueError(f"{form} is not written")
    return writers[form](tree)


def read(text: str, form: Format) -> dict[str, Any]:
    """The tree that `text` holds. Raises Unreadable."""
    readers: Mapping[str, Callable[[str], Any]] = {
        "json": _read_json,
        "toml": tomllib.loads,
        "yaml": _read_yaml,
        "env": _read_env,
    }
    try:
        tree = readers[form](text.removeprefix("\ufeff"))
    except json.JSONDecodeError as wrong:
        raise Unreadable(f"not JSON: {wrong.msg} in line {wrong.lineno}") from None
    except tomllib.TOMLDecodeError as wrong:
        raise Unreadable(f"not TOML: {_place(str(wrong))}") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise Unreadable("its top is no table")
    return tree


def _place(message: str) -> str:
    """The line of a TOML error; its words may quote the file."""
    found = re.search(r"line \d+", message)
    return found[0] if found else "it ends early"


def _read_yaml(text: str) -> Any:
    import yaml  # here, since no other command of the tool needs it at its start

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        raise Unreadable(f"not YAML{f': line {mark.line + 1}' if mark else ''}") from None


def _read_json(text: str) -> Any:
    """JSON, comments and a comma after the last entry let through; line numbers stay those of the file."""

    def blank(found: re.Match[str]) -> str:
        return found[1] or re.sub(r"[^\n]", " ", found[0])

    return json.loads(_LAST_COMMA.sub(blank, _COMMENT.sub(blank, text)))


def has_comments(text: str) -> bool:
    """Whether JSON text has comments or a trailing comma, which plain JSON forbids."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return True
    return False


def _read_env(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _ENV_LINE.fullmatch(line.strip())
        if match:
            try:
                words = shlex.split(match[2], comments=True)
            except ValueError:
                words = [match[2]]
            found[match[1]] = words[0] if words else ""
    return found


def _json(tree: Tree) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _toml(tree: Tree, at: tuple[str, ...] = ()) -> str:
    """Plain keys first, then tables, then arrays of tables, as the form demands."""
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in tree.items() if not _is_table(value)]
    parts = ["".join(f"{line}\n" for line in lines)]
    for key, value in tree.items():
        here = (*at, _toml_key(key))
        if isinstance(value, Mapping):
            inner = _toml(value, here)
            own = any(not _is_table(item) for item in value.values()) or not value
            parts.append(f"[{'.'.join(here)}]\n{inner}" if own else inner)
        elif _is_table(value):
            parts += [f"[[{'.'.join(here)}]]\n{_toml(item, here)}" for item in value]
    return "\n".join(part for part in parts if part)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _toml_key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _toml_value(value: Any) -> str:
    return (
        f"[{', '.join(map(_toml_value, value))}]" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
    )


def _yaml(tree: Tree) -> str:
    return "".join(f"{line}\n" for line in _yaml_lines(tree.get(TOP, tree)))


def _yaml_lines(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _yaml_entry(f"{_yaml_key(key)}:", item)]
    return [line for item in value for line in _yaml_item(item)]


def _yaml_entry(label: str, item: Any) -> list[str]:
    if isinstance(item, (Mapping, list)) and item:
        return [label, *(f"  {line}" for line in _yaml_lines(item))]
    return [f"{label} {json.dumps(item, ensure_ascii=False)}"]


def _yaml_item(item: Any) -> list[str]:
    if isinstance(item, (Mapping, list)) and item:
        first, *rest = _yaml_lines(item)
        return [f"- {first}", *(f"  {line}" for line in rest)]
    return [f"- {json.dumps(item, ensure_ascii=False)}"]


def _yaml_key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _YAML_WORDS else _string(key)
