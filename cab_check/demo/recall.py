"""Finding in the conversation what a question asks for: values that were stated somewhere before.

It reads "the NAME is VALUE", "NAME: VALUE" and "NAME = VALUE" in every message, tool result and tool description.
"""

from __future__ import annotations

import re

from cab_check.demo.conversation import ChatRequest

_STATED = re.compile(
    r"(?<![\w'’/-])(?P<name>[A-Za-z][\w'’/-]{0,40}(?:[ \t]{1,4}[\w'’/-]{1,40}){0,9}?)"
    r"[\"'`]?[ \t]{0,4}(?:\bis\b[ \t]{0,4}:?|\bwas\b|\breads\b|[:=])[ \t]{0,4}"
    r"(?P<value>\"[^\"\n]{1,200}\"|'[^'\n]{1,200}'|`[^`\n]{1,200}`|[^\s,;\"'`()<>{}]{1,200})"
)
_ASKS = re.compile(
    r"\b(?:what|which|tell|give|reply|answer|respond|repeat|recall|report|state|name|list|find|say|return|write|show)\b",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"\b(?:start|begin|starts|begins|starting|beginning)(?:ning)?\s+with\s+[\"'`]?(?P<prefix>[\w#@-]{2,40})[\"'`]?",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"(?:an?|the|this|that|these|those|its?|of|in|is|was|are|were|be|to|for|from|on|at|with|and|or|by|as|not|no|i|me|us|my|"
    r"you|your|we|our|there|here|all|each|every|any|one|first|last|what|which|who|how|tell|give|reply|answer|respond|"
    r"repeat|recall|report|state|name|list|find|say|said|return|write|show|please|only|exactly|just|nothing|else|word|"
    r"value|stated|mentioned|above|earlier|will)"
)


def recall(request: ChatRequest, ask: str) -> str | None:
    """The values that `ask` asks for, one per line in the order in which they were stated, or None."""
    if not _ASKS.search(ask):
        return None
    context = _context(request)
    if begins := _BEGINS.search(ask):
        tokens = re.findall(rf"(?<![\w-]){re.escape(begins['prefix'])}[\w-]*", context)
        values = [token for token in dict.fromkeys(tokens) if token.strip("-_") != begins["prefix"].strip("-_")]
        return "\n".join(values) or None
    wanted = _words(ask)
    scored = [(len(wanted & _words(found["name"])), _value(found["value"])) for found in _STATED.finditer(context)]
    best = max((score for score, value in scored if value), default=0)
    if best == 0:
        return None
    return "\n".join(dict.fromkeys(value for score, value in scored if score == best and value))


def _context(request: ChatRequest) -> str:
    texts = [message.text for message in request.messages]
    texts += [tool.description for tool in request.tools]
    return "\n".join(texts)


def _value(text: str) -> str:
    return text.strip("\"'`").rstrip(".!?:")


def _words(text: str) -> set[str]:
    words = (word.lower().removesuffix("'s").removesuffix("s") for word in re.findall(r"[A-Za-z][\w'’-]*", text))
    return {word for word in words if word and not _STOP.fullmatch(word)}
