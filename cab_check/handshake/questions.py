"""The questions, as requests ready to go out. Their bytes depend on the plan and on what was refused before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cab_check.chat import build
from cab_check.handshake import wording
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import COMPLETIONS, MODELS, Seen, Turn
from cab_check.wire.exchange import Ask

Message = Mapping[str, Any]

MORE_ROOM = 4
"""A reply that ended at our own output limit is asked for once more with this many times as much."""

SURVIVES = (
    'if name == "O\'Neil":\n\tprint(f"<div class=\'a\'>{name}</div>")  # 50 % & more\n'
    'path = "C:\\\\new\\\\table"\nmark = "\\u00e9 is é, → ✓ 日本語 😀"'
)
"""Text that must arrive as it is: quotes of both kinds, tab, newlines, backslashes before n and t, tags, Unicode."""


def _tool(name: str, description: str, **parameters: str) -> dict[str, Any]:
    """A tool with text parameters, all of them required; name -> description."""
    properties = {key: {"type": "string", "description": means} for key, means in parameters.items()}
    return build.function_tool(name, description, properties, required=list(parameters))


READ_FILE = _tool("read_file", "Read a text file.", path="Path of the file")
WRITE_FILE = _tool("write_file", "Write a text file.", path="Path of the file", content="The whole text of the file")
READ_LINES = build.function_tool(
    "read_lines",
    "Read the first lines of a text file.",
    {
        "path": {"type": "string", "description": "Path of the file"},
        "limit": {"type": "integer", "description": "How many lines"},
    },
    required=("path", "limit"),
)
"""A tool that takes a number too, as the reading tools of most agents do."""
LINES = 40
LISTS = tuple(_tool(f"list_{things}", f"List the {things} here.") for things in ("files", "tests", "branches"))
"""Tools that take nothing; another one on each try."""
LIST_FILES = LISTS[0]


def models(base_path: str | None = None) -> Ask:
    """The list of models; under a guessed base path without the key."""
    return Ask("GET", MODELS, base_path=base_path, with_key=base_path is None)


def completion(
    plan: Plan,
    seen: Seen,
    messages: Sequence[Message],
    *,
    number: int = 0,
    stream: bool = False,
    tools: Sequence[Mapping[str, Any]] = (),
    choice: str | Mapping[str, Any] | None = None,
    room: int = 1,
) -> Ask:
    """One chat completion. Parameters that this endpoint refused before are left out.

    The first try is at temperature 0, for the same answer every time; later tries leave it to the server, since some
    reasoning models loop at 0.
    """
    body: dict[str, Any] = {"model": plan.model, "messages": list(messages)}
    limit = next((name for name in ("max_tokens", "max_completion_tokens") if name not in seen.refused_params), None)
    if limit is not None:
        body[limit] = plan.max_tokens * room
    if number == 0 and "temperature" not in seen.refused_params:
        body["temperature"] = 0
    if tools:
        body["tools"] = list(tools)
    if choice is not None:
        body["tool_choice"] = choice
    if stream:
        body["stream"] = True
        if "stream_options" not in seen.refused_params:
            body["stream_options"] = {"include_usage": True}
    return Ask("POST", COMPLETIONS, body)


def with_room(ask: Ask) -> Ask:
    """The same question with more room for the answer."""
    body = dict(ask.body or {})
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body:
            body[name] = body[name] * MORE_ROOM
    return Ask(ask.method, ask.route, body, base_path=ask.base_path, with_key=ask.with_key)


def has_limit(ask: Ask) -> bool:
    """Whether the question carries an output limit: an endpoint may have refused both names of it."""
    return bool({"max_tokens", "max_completion_tokens"}.intersection(ask.body or {}))


def say(plan: Plan, seen: Seen, number: int = 0, *, stream: bool = False) -> Ask:
    """Plain chat: one word back. The stream is the twin of the plain request."""
    return completion(plan, seen, [build.user(wording.say(plan.word("say", number)))], number=number, stream=stream)


def read_message(plan: Plan, number: int = 0) -> Message:
    """The message that asks for one call with one argument."""
    return build.user(wording.call("read_file", path=f"{plan.word('path', number)}.md"))


def read(plan: Plan, seen: Seen, number: int = 0, *, stream: bool = False) -> Ask:
    """One call with one argument."""
    return completion(
        plan, seen, [read_message(plan, number)], number=number, stream=stream, tools=(READ_FILE, LIST_FILES)
    )


def read_untold(plan: Plan, seen: Seen, number: int = 0) -> Ask:
    """The same message with no tools: the prompt's token count without them."""
    return completion(plan, seen, [read_message(plan, number)], number=number)


def required(plan: Plan, seen: Seen) -> Ask:
    """A greeting under `tool_choice: required`: only a server that obeys it answers with a call."""
    return completion(plan, seen, [build.user("Hello.")], tools=(READ_FILE, LIST_FILES), choice="required")


def named(plan: Plan, seen: Seen) -> Ask:
    """A greeting under a `tool_choice` that names the tool without parameters."""
    choice = {"type": "function", "function": {"name": LIST_FILES["function"]["name"]}}
    return completion(plan, seen, [build.user("Hello.")], tools=(READ_FILE, LIST_FILES), choice=choice)


def no_arguments(plan: Plan, seen: Seen, number: int = 0) -> Ask:
    """One call of a tool that takes nothing."""
    lister = LISTS[number % len(LISTS)]
    message = build.user(wording.call(lister["function"]["name"]))
    return completion(plan, seen, [message], number=number, tools=(READ_FILE, lister))


def both(plan: Plan, seen: Seen, number: int = 0, *, stream: bool = False) -> Ask:
    """Two independent calls in one reply, each with a text and a number."""
    paths = [f"{plan.word(side, number)}.md" for side in ("left", "right")]
    calls = " ".join(wording.call("read_lines", path=path, limit=LINES) for path in paths)
    text = f"{calls} {wording.BOTH_AT_ONCE}"
    return completion(plan, seen, [build.user(text)], number=number, stream=stream, tools=(READ_LINES, LIST_FILES))


def write(plan: Plan, seen: Seen, number: int = 0) -> Ask:
    """A call that carries a text with everything in it that gets damaged on the way; streamed, as agents do it."""
    word = plan.word("write", number)
    text = f"# {word}\n{SURVIVES}"
    message = build.user(wording.write("write_file", f"{word}.txt", text))
    return completion(plan, seen, [message], number=number, stream=True, tools=(READ_FILE, WRITE_FILE))


def second(
    plan: Plan, seen: Seen, first: Turn, number: int = 0, *, stream: bool = False, echoed: Message | None = None
) -> Ask:
    """The turn after `first`: its own call given back, with a result that holds a word nobody can guess.

    From the second try on the user's message asks for the word in so many words. `echoed` is the assistant's message,
    where it is to be another one than most clients send.
    """
    call = first.reply.tool_calls[0]
    asked = dict(first.messages[-1])
    if number:
        asked["content"] = f"{wording.text_of(asked)} {wording.THEN_SAY}"
    echoed = echoed or build.assistant_calls([call], first.reply.content)
    result = build.tool_result(call, plan.word("result", number))
    return completion(plan, seen, [asked, echoed, result], number=number, stream=stream, tools=(READ_FILE, LIST_FILES))
