"""Questions of the size and the shape that coding agents send: a long first request, many tools, a long file, JSON."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from cab_check.chat import build
from cab_check.chat.reply import ToolCall
from cab_check.handshake import wording
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import LIST_FILES, READ_FILE, WRITE_FILE, Message, completion
from cab_check.handshake.schema_keywords import KEYWORDS
from cab_check.handshake.seen import Seen
from cab_check.wire.exchange import Ask

FULL, HALF, BARE = 32_000, 13_000, 0
"""Characters of filling text. Coding agents begin with 3 000 to 16 000 tokens; FULL comes to about 7 000."""
LARGE, SMALL = 24_000, 6_000
"""A conversation with so much text is a large one; one with less than SMALL has nothing but its marks."""
FEW_TOKENS, MOST_CHARS, NEAR_CAP = 6.5, 12.0, 8
"""Characters per token above which a count looks too small, above which it cannot be one; and how near to a multiple
of 1024 a count looks like a limit."""
LITTLE = 64
"""Output tokens where only the acceptance of a request is asked about."""
SHORT_ANSWER = 256
"""Output tokens for an answer in JSON: under a grammar, small models tend to fill it with blanks up to the limit."""
LARGE_LIMIT = 32_000
"""Output tokens, as OpenCode, Kilo and Qwen Code ask for them; pi asks for 16 384, Hermes Agent for 65 536."""
MANY = 40
"""Tools in one request: more than any measured agent brings itself, and few for one with MCP servers."""
LONG_NAME = "mcp__issue-tracker_server__search_issues_and_pull-requests_by_us"
"""64 characters, the most that OpenAI allows; MCP clients put server and tool into one name."""
LAST_NUMBER = 300
"""Some 600 to 1 100 tokens, by tokenizer: more than the output limits of 128, 256 and 512 that servers set unasked."""

_SHARES = (("system", 0.5), ("user", 0.15), ("result", 0.35))
_WHICH = (
    "amber", "broad", "calm", "damp", "early", "frosty", "gentle", "hollow",
    "inner", "jagged", "keen", "lively", "mossy", "narrow", "oblong", "plain",
)  # fmt: skip
_WHAT = (
    "barge", "candle", "ditch", "engine", "ferry", "garden", "harbour", "island",
    "kettle", "ladder", "meadow", "needle", "orchard", "pier", "quarry",
)  # fmt: skip
_DOES = (
    "borders", "carries", "drifts", "past", "echoes", "follows", "gathers",
    "holds", "joins", "keeps", "lights", "mends", "outlasts", "passes",
)  # fmt: skip
_WHERE = (
    "above", "along", "before", "below", "beside", "beyond",
    "near", "opposite", "outside", "toward", "under", "within",
)  # fmt: skip


def agent_sized(
    plan: Plan, seen: Seen, size: int, *, number: int = 0, limit: int | None = None, stream: bool = True
) -> Ask:
    """A conversation as an agent has it, with `size` characters of text, and a mark in each of four places in it.

    The marks stand at the very start of the system text, of the user's first message and of a tool's result, and in
    the last tool's description. A server that keeps the two ends of a prompt and drops its middle, or drops the oldest
    messages, loses some of them. `limit`: the output limit, if not the usual one.
    """
    words = {name: plan.word(f"{name}-mark-{size}", number) for name in ("system", "user", "tool", "result")}
    texts = {
        name: f"{wording.mark(name, words[name])}{filling(words[name], int(size * share))}" for name, share in _SHARES
    }
    call = ToolCall(f"{random.Random(words['system']).randrange(16**9):09x}", "read_file", '{"path":"notes.md"}')
    note = build.function_tool(
        "note",
        f"Keep a note. {wording.mark('tool', words['tool'])}",
        {"text": {"type": "string", "description": "What to keep"}},
        required=("text",),
    )
    messages = [
        build.system(texts["system"]),
        build.user(texts["user"]),
        build.assistant_calls([call]),
        build.tool_result(call, texts["result"]),
        build.assistant("I have read the file."),
        build.user(wording.RECALL),
    ]
    tools = (READ_FILE, WRITE_FILE, LIST_FILES, note)
    ask = completion(plan, seen, messages, number=number, stream=stream, tools=tools)
    return ask if limit is None else _limited(ask, limit)


def filling(seed: str, size: int) -> str:
    """About `size` characters of varied, harmless sentences; the same seed always gives the same text."""
    draw = random.Random(seed)
    pieces: list[str] = []
    length = 0
    while length < size:
        sentence = (
            f" The {draw.choice(_WHICH)} {draw.choice(_WHAT)} {draw.choice(_DOES)} the {draw.choice(_WHICH)} "
            f"{draw.choice(_WHAT)} {draw.choice(_WHERE)} post {draw.randrange(100, 1000)}."
        )
        pieces.append(sentence)
        length += len(sentence)
    return "".join(pieces)


def offering(
    plan: Plan,
    seen: Seen,
    *,
    keywords: Sequence[str] = (),
    plain: int = 0,
    long_name: bool = False,
    stream: bool = False,
) -> Ask:
    """Tools whose acceptance is the question: one with these schema keywords, `plain` ordinary ones, one long name."""
    tools = [_small_tool(f"look_up_{number}", plan.word("topic", number)) for number in range(1, plain + 1)]
    if keywords:
        tools.append(keyword_tool(keywords))
    if long_name:
        tools.append(_small_tool(LONG_NAME, "issues"))
    ask = completion(plan, seen, [build.user(wording.offer(plan.word("offer")))], tools=tools, stream=stream)
    return _limited(ask, LITTLE)


def everything_offered(plan: Plan, seen: Seen, *, stream: bool) -> Ask:
    """All of it in one request of `MANY` tools."""
    return offering(plan, seen, keywords=tuple(KEYWORDS), plain=MANY - 2, long_name=True, stream=stream)


def keyword_tool(keywords: Sequence[str]) -> dict[str, Any]:
    """A tool whose schema uses these keywords."""
    properties: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name in keywords:
        properties |= KEYWORDS[name].properties
        extra |= KEYWORDS[name].root
    tool = build.function_tool("edit_plan", "Change the plan.", properties)
    tool["function"]["parameters"] |= extra
    return tool


def long_file(plan: Plan, seen: Seen) -> Ask:
    """A file write of many lines, streamed, with no output limit in the request, as many agents send it."""
    message = build.user(wording.numbers_file("write_file", f"{plan.word('long')}.txt", LAST_NUMBER))
    return _limited(completion(plan, seen, [message], tools=(READ_FILE, WRITE_FILE), stream=True), None)


def long_text(plan: Plan, seen: Seen, number: int = 0) -> Ask:
    """The same as plain text, streamed: long enough to see whether it comes piece by piece."""
    message = build.user(wording.numbers_text(LAST_NUMBER - number))
    return completion(plan, seen, [message], number=number, stream=True)


def large_limit(plan: Plan, seen: Seen, *, stream: bool = False) -> Ask:
    """One word, under an output limit as agents ask for it."""
    ask = completion(plan, seen, [build.user(wording.word_only(plan.word("limit")))], stream=stream)
    return _limited(ask, LARGE_LIMIT)


def identity_stream(plan: Plan, seen: Seen) -> Ask:
    """A stream for which no compression is accepted; every other request accepts it."""
    message = build.user(wording.say(plan.word("identity")))
    ask = completion(plan, seen, [message], stream=True)
    return Ask(ask.method, ask.route, ask.body, headers=(("Accept-Encoding", "identity"),))


def json_answer(plan: Plan, seen: Seen, form: str) -> Ask:
    """An answer in JSON, under `json_object` or `json_schema`."""
    formats: Mapping[str, Mapping[str, Any]] = {
        "json_object": {"type": "json_object"},
        "json_schema": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"word": {"type": "string"}},
                    "required": ["word"],
                    "additionalProperties": False,
                },
            },
        },
    }
    message: Message = build.user(wording.json_object(plan.word(form)))
    ask = _limited(completion(plan, seen, [message]), SHORT_ANSWER)
    return Ask(ask.method, ask.route, {**(ask.body or {}), "response_format": formats[form]})


def _small_tool(name: str, about: str) -> dict[str, Any]:
    properties = {"query": {"type": "string", "description": "What to look for"}}
    return build.function_tool(name, f"Look something up about {about}.", properties, required=("query",))


def _limited(ask: Ask, limit: int | None) -> Ask:
    """The same question with another output limit, or with none."""
    names = ("max_tokens", "max_completion_tokens")
    body = {
        name: limit if name in names else value
        for name, value in (ask.body or {}).items()
        if limit is not None or name not in names
    }
    return Ask(ask.method, ask.route, body)
