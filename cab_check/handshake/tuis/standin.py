"""What stands in for the prompts and tools of an agent CLI: text of the same length, tools of the same number, size and
keywords, none of it the CLI's own words. Deterministic, so that the same plan makes the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from cab_check.chat.build import function_tool
from cab_check.handshake.agent_questions import filling
from cab_check.handshake.schema_keywords import KEYWORDS
from cab_check.tuis.profile import Profile, Tools

_READS = re.compile(r"(?i)^(?:read|view|read_?files?)$")
_RUNS = re.compile(r"(?i)^(?:bash|shell|terminal|exec_command|run_shell_command|execute_bash)$")
_PATH, _COMMAND = ("path", "Path of the file"), ("command", "The command to run")
_OF_A_KEYWORD = {"items": "minItems"}
"""Keywords that the table of keywords shows under another one."""


def text(seed: str, chars: int, opening: str = "") -> str:
    """`chars` characters of harmless sentences behind `opening`, which is never cut."""
    return opening + filling(seed, max(0, chars - len(opening)))[: max(0, chars - len(opening))]


def hand(tools: Tools) -> tuple[str, str]:
    """The tool that the question asks to be called, and its one argument: the one that reads a file, or runs."""
    names = [name for name in tools.names if re.fullmatch(r"\w+", name)]
    reads = next((name for name in names if _READS.match(name)), None)
    if reads is not None:
        return reads, _PATH[0]
    runs = next((name for name in names if _RUNS.match(name)), None)
    return (runs, _COMMAND[0]) if runs is not None else (names[0] if names else "read_file", _PATH[0])


def functions(
    profile: Profile, tools: Tools, seed: str, *, keywords: Collection[str] | None = None, bulk: bool = True
) -> list[Any]:
    """The tools in the form of chat completions: the hand first, the keywords spread over the others.

    `keywords`: those to use, all of the CLI's if None. Without `bulk` the tools are described in a few words.
    """
    name, argument = hand(tools)
    names = [name, *(other for other in _plain_names(tools) if other != name)][: tools.count]
    means = dict((_PATH, _COMMAND))[argument]
    made = [function_tool(name, "Use it.", {argument: {"type": "string", "description": means}}, [argument])]
    made += [_other(other) for other in names[1:]]
    used = shown_keywords(tools)
    _spread([keyword for keyword in used if keywords is None or keyword in keywords], made)
    if bulk:
        _fill(made, tools.bytes, seed)
    for tool in made:
        if tools.strict is not None and profile.wire == "chat":
            tool["function"]["strict"] = tools.strict
    return made


def shown_keywords(tools: Tools) -> tuple[str, ...]:
    """The CLI's keywords that the stand-in tools can show, by the table's names."""
    return tuple(dict.fromkeys(keyword_of(name) for name in tools.keywords if keyword_of(name) in KEYWORDS))


def keyword_of(name: str) -> str:
    """The keyword as the table of keywords has it: `additionalProperties:false` is `additionalProperties`."""
    plain = name.partition(":")[0]
    return _OF_A_KEYWORD.get(plain, "type-list" if plain == "type" else plain)


def _plain_names(tools: Tools) -> list[str]:
    """Names for every tool: those that were seen, numbered ones where more were counted than named."""
    named = [name for name in tools.names if "/" not in name]
    return named + [f"tool_{number}" for number in range(len(named), tools.count)]


def _other(name: str) -> dict[str, Any]:
    return function_tool(name, "Use it.", {"query": {"type": "string", "description": "What to look for"}}, ["query"])


def _spread(keywords: Sequence[str], made: list[dict[str, Any]]) -> None:
    """Each keyword on one of the tools behind the hand; on the hand itself where there is no other."""
    homes = made[1:] or made
    for number, name in enumerate(keywords):
        use, parameters = KEYWORDS[name], homes[number % len(homes)]["function"]["parameters"]
        parameters["properties"] |= use.properties
        parameters |= use.root


def _fill(made: list[dict[str, Any]], size: int, seed: str) -> None:
    """Descriptions long enough that the tools come to `size` bytes together."""
    lacking = size - sum(len(json.dumps(tool)) for tool in made)
    share = max(0, lacking) // len(made)
    for number, tool in enumerate(made):
        tool["function"]["description"] += filling(f"{seed}/{number}", share)[:share]
