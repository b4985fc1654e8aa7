"""Which tools a user asks for, in order, each with its arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cab_check.demo.arguments import Found, stated
from cab_check.demo.conversation import Asked, Tool
from cab_check.demo.fit import fits
from cab_check.demo.literals import literals, mask
from cab_check.demo.longtext import long_text
from cab_check.demo.schema import resolve, sample

MOST_CALLS = 64
CLAUSE = 300
"""Characters before a tool's name in which the verb is sought that asks for it."""
_BOUNDARY = re.compile(r"[.!?](?=\s)|\n\s*\n")
_VERB = re.compile(r"\b(?:call|calls|calling|use|uses|using|invoke|invoking|run|execute|try|with|via)\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|never|without|don't|n't|avoid|instead of|rather than)\b", re.IGNORECASE)
_MANY = re.compile(
    r"\b(?:twice|both|each|every|two|three|four|five|parallel|at once|at the same time|respectively|once (?:for|with)|"
    r"\d+ (?:times|calls|tool calls))\b",
    re.IGNORECASE,
)
_NO_TOOLS = re.compile(
    r"\b(?:do not|don't|never|without)\s+(?:call|use|us|using|calling|invok)\w*\s+(?:any|a|the)?\s*tools?\b",
    re.IGNORECASE,
)
_ANY_TOOL = re.compile(
    r"\b(?:use|call|using|calling|with|via)\s+(?:the|a|your|this|that)\s+(?:provided\s+|given\s+)?(?:tool|function)\b",
    re.IGNORECASE,
)
_PLAIN_WORDS = frozenset(["get", "do", "fetch", "current", "my", "the", "a", "an", "run", "make", "tool"])


@dataclass(frozen=True, slots=True)
class _Mention:
    tool: Tool
    start: int
    end: int


def calls_asked(ask: str, tools: Sequence[Tool]) -> tuple[Asked, ...]:
    """The calls that `ask` wants, in its order; empty if it wants none of `tools`."""
    if _NO_TOOLS.search(ask):
        return ()
    names = frozenset(tool.name for tool in tools)
    mentions = _mentions(ask, tools, names)
    if not mentions:
        return _implied(ask, tools, names)
    calls: list[Asked] = []
    for index, mention in enumerate(mentions):
        start = 0 if index == 0 else mention.start
        end = mentions[index + 1].start if index + 1 < len(mentions) else len(ask)
        calls += _calls(mention.tool, ask[start:end], names, many=len(mentions) == 1)
    return tuple(calls)


def _mentions(ask: str, tools: Sequence[Tool], names: frozenset[str]) -> list[_Mention]:
    """Where a tool's name stands in a clause with a verb of using, and without a "not"."""
    masked = mask(ask, [item for item in literals(ask) if item.value not in names])
    found: list[_Mention] = []
    for tool in tools:
        for where in re.finditer(rf"(?<![\w.-]){re.escape(tool.name)}(?![\w-])", masked):
            clause = _BOUNDARY.split(masked[max(0, where.start() - CLAUSE) : where.start()])[-1]
            called = masked[where.end() : where.end() + 1] == "("
            if (_VERB.search(clause) or called) and not _NOT.search(clause[-60:]):
                found.append(_Mention(tool, where.start(), where.end()))
    return sorted(found, key=lambda mention: mention.start)[:MOST_CALLS]


def _calls(tool: Tool, segment: str, names: frozenset[str], *, many: bool) -> list[Asked]:
    """One call of `tool`, or several where the segment speaks of several and holds values for them."""
    schema = tool.parameters
    found = Found(segment, ignore=names)
    objects = found.objects(resolve(schema, schema))
    if len(objects) > 1:
        return [Asked(tool.name, value) for value in objects]
    calls = [_complete(tool, stated(schema, found), segment)]
    required = resolve(schema, schema).get("required", [])
    while many and required and _MANY.search(found.masked) and len(calls) < MOST_CALLS:
        more = stated(schema, found)
        fresh = {name for name in more if more[name] not in [call.arguments.get(name) for call in calls]}
        if not fresh or not set(required) <= set(more):
            break
        calls.append(Asked(tool.name, more))
    return calls


def _complete(tool: Tool, arguments: dict[str, object], segment: str) -> Asked:
    """The call with what nobody stated: text that the segment orders by its size, else whatever the schema allows."""
    plain = resolve(tool.parameters, tool.parameters)
    missing = [name for name in plain.get("required", []) if name not in arguments]
    schemas = {name: resolve(plain.get("properties", {}).get(name, {}), tool.parameters) for name in missing}
    ordered = long_text(segment) if missing else None
    filled: dict[str, object] = {
        name: ordered if ordered is not None and fits(ordered, item) else sample(item, tool.parameters)
        for name, item in schemas.items()
    }
    return Asked(tool.name, {**arguments, **filled})


def _implied(ask: str, tools: Sequence[Tool], names: frozenset[str]) -> tuple[Asked, ...]:
    """A call that nobody named, but that a tool's own words suggest, if the text holds all it needs."""
    if len(tools) == 1 and _ANY_TOOL.search(ask):
        return tuple(_calls(tools[0], ask, names, many=True))
    said = set(re.findall(r"[a-z]+", ask.lower()))
    for tool in tools:
        words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tool.name).lower())
        telling = [word for word in words if word not in _PLAIN_WORDS]
        if len(words) < 2 or not telling or not set(telling) <= said:
            continue
        required = set(resolve(tool.parameters, tool.parameters).get("required", []))
        if required <= set(stated(tool.parameters, Found(ask, ignore=names))):
            return tuple(_calls(tool, ask, names, many=True))
    return ()
