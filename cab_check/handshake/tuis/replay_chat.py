"""The first two turns of an agent CLI over chat completions, any part of them left out.

Everything that was measured goes out at once: parameters, output limit, roles, forms of content, tools with their
keywords and size. A part is a name such as `param:store`; without parts the question is as plain as can be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cab_check.chat import build
from cab_check.chat.reply import ToolCall
from cab_check.handshake import wording
from cab_check.handshake.narrow import Parts
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import COMPLETIONS, Turn
from cab_check.handshake.tuis import standin
from cab_check.tuis.profile import Echo, Message, Profile, Request
from cab_check.wire.exchange import Ask

_BRIEF = 60
"""Characters of each message where the size is left out."""
LIMIT, SIZE, STRICT, PARTS, TOOLS = "output-limit", "size", "strict", "parts", "tools"
KEYWORD = "keyword:"
_OF_TOOLS = (STRICT, "param:tool_choice", "param:parallel_tool_calls")
SMALL_LIMIT = 1024
"""An output limit, in tokens, that every model allows."""
CONTENT, TOOL_PARTS = "echo:content", "echo:tool-parts"


def first_parts(profile: Profile) -> tuple[str, ...]:
    """The parts of the first turn, in the order in which they are suspected."""
    request, tools = profile.request, profile.request.tools
    roles = [message.role for message in request.head]
    found = [f"param:{name}" for name in request.params]
    found += [LIMIT] if request.output_limit else []
    found += ["role:developer"] if "developer" in roles else []
    found += ["role:many-systems"] if roles.count("system") > 1 else []
    found += [PARTS] if any(message.parts for message in request.head) else []
    if tools is not None:
        found += [f"{KEYWORD}{name}" for name in standin.shown_keywords(tools)]
        found += [STRICT] if tools.strict is not None else []
        found.append(TOOLS)
    return (*found, SIZE)


def inner_parts(profile: Profile) -> tuple[str, ...]:
    """Those of the first turn's parts that make sense only beside tools."""
    return tuple(part for part in first_parts(profile) if part in _OF_TOOLS or part.startswith(KEYWORD))


def with_small_limit(plan: Plan, profile: Profile) -> Ask:
    """The first turn with an output limit that is no question."""
    ask, limit = first(plan, profile, frozenset(first_parts(profile))), profile.request.output_limit
    return Ask(ask.method, ask.route, {**(ask.body or {}), **({limit.field: SMALL_LIMIT} if limit else {})})


def second_parts(profile: Profile) -> tuple[str, ...]:
    """The parts of the turn after a tool's result that the first turn does not have."""
    echo = profile.request.echo
    if echo is None or not profile.uses_tools:
        return ()
    found = [CONTENT] if echo.assistant != "text" else []
    found += [TOOL_PARTS] if echo.tool == "parts" else []
    return (*found, *(f"echo:{name}" for name in (*echo.assistant_extra, *echo.tool_extra, *echo.call_extra)))


def first(plan: Plan, profile: Profile, parts: Parts, number: int = 0) -> Ask:
    """The first request of the conversation."""
    return _request(plan, profile, parts, list(_head(plan, profile, parts, number)), number)


def second(plan: Plan, profile: Profile, opened: Turn, parts: Parts, number: int = 0) -> Ask:
    """The turn after `opened`: its call given back with a result, or another question where no tools are used."""
    head = [dict(message) for message in opened.messages]
    calls = opened.reply.tool_calls
    if profile.uses_tools and calls:
        more = _results(profile, calls, plan.word(f"{profile.name}-result", number), parts)
    else:
        more = [build.assistant(opened.reply.content or "Done."), build.user(_say(plan, profile, "again", number))]
    return _request(plan, profile, frozenset(first_parts(profile)), [*head, *more], number)


def asides(plan: Plan, profile: Profile) -> list[Ask]:
    """The requests besides the conversation that are chat completions themselves: a title, say."""
    shapes = [aside.request for aside in profile.asides if aside.request is not None]
    return [
        Ask("POST", COMPLETIONS, _fields(plan, profile, shape) | {"messages": _aside(plan, profile, shape)})
        for shape in shapes
    ]


def value_of(plan: Plan, value: Any) -> Any:
    """A parameter's value as it goes out: ids are made up, `<null>` is null."""
    if value == "<null>":
        return None
    if value == "<id>":
        return hashlib.sha256(f"{plan.nonce_seed}/id".encode()).hexdigest()[:36]
    if isinstance(value, Mapping):
        return {key: value_of(plan, item) for key, item in value.items()}
    return list(value) if isinstance(value, list | tuple) else value


def _request(plan: Plan, profile: Profile, parts: Parts, messages: Sequence[Any], number: int) -> Ask:
    request = profile.request
    body = _fields(plan, profile, request, parts) | {"messages": list(messages)}
    if request.tools is not None and TOOLS in parts:
        keywords = {part.removeprefix(KEYWORD) for part in parts if part.startswith(KEYWORD)}
        seed = plan.word(f"{profile.name}-tools", number)
        tools = standin.functions(profile, request.tools, seed, keywords=keywords, bulk=SIZE in parts)
        if STRICT not in parts:
            for tool in tools:
                tool["function"].pop("strict", None)
        body["tools"] = tools
    return Ask("POST", COMPLETIONS, body)


def _fields(plan: Plan, profile: Profile, request: Request, parts: Parts | None = None) -> dict[str, Any]:
    """Model, streaming, parameters and output limit; those of `parts`, or all."""
    names = [name for name in request.params if parts is None or f"param:{name}" in parts]
    if parts is not None and TOOLS not in parts:
        names = [name for name in names if f"param:{name}" not in _OF_TOOLS]
    body: dict[str, Any] = {"model": plan.model}
    if request.stream:
        body["stream"] = True
    body |= {name: value_of(plan, request.params[name]) for name in names}
    limit = request.output_limit
    if limit is not None and (parts is None or LIMIT in parts):
        body[limit.field] = limit.tokens
    return body


def _head(plan: Plan, profile: Profile, parts: Parts, number: int) -> Iterator[dict[str, Any]]:
    """The messages before the first answer. The mark stands in the first of them, the question ends the last."""
    shape = _shape(profile.request.head, parts)
    for place, message in enumerate(shape):
        seed = plan.word(f"{profile.name}-{place}", number)
        opening = wording.stand_in(profile.name) if place == 0 else ""
        ending = _question(plan, profile, number) if place == len(shape) - 1 else ""
        sizes = message.parts or (message.chars or 0,)
        if SIZE not in parts:
            sizes = tuple(min(size, _BRIEF) for size in sizes)
        role = "system" if message.role == "developer" and "role:developer" not in parts else message.role
        yield {"role": role, "content": _content(message, sizes, seed, opening, ending, parts)}


def _shape(head: Sequence[Message], parts: Parts) -> list[Message]:
    """The messages, without further ones of the role system where those are left out."""
    if "role:many-systems" in parts:
        return list(head)
    first_system = next((place for place, message in enumerate(head) if message.role == "system"), None)
    return [message for place, message in enumerate(head) if message.role != "system" or place == first_system]


def _content(
    message: Message, sizes: Sequence[int], seed: str, opening: str, ending: str, parts: Parts
) -> str | list[dict[str, str]]:
    texts = [standin.text(f"{seed}/{n}", size, opening if n == 0 else "") for n, size in enumerate(sizes)]
    if ending:
        texts[-1] = ending if len(texts[-1]) < 2 * len(ending) else f"{texts[-1][: -len(ending) - 1]}\n{ending}"
        if opening and not texts[0].startswith(opening):
            texts[0] = f"{opening} {texts[0]}"
    if message.parts and PARTS in parts:
        return [{"type": "text", "text": text} for text in texts]
    return "\n".join(texts)


def _question(plan: Plan, profile: Profile, number: int) -> str:
    tools = profile.request.tools
    if tools is None:
        return _say(plan, profile, "first", number)
    name, argument = standin.hand(tools)
    return wording.call(name, **{argument: f"{plan.word(f'{profile.name}-path', number)}.md"})


def _say(plan: Plan, profile: Profile, topic: str, number: int) -> str:
    return wording.say(plan.word(f"{profile.name}-{topic}", number))


def _results(profile: Profile, calls: Sequence[ToolCall], word: str, parts: Parts) -> list[dict[str, Any]]:
    """The calls as this CLI gives them back, and a result for each, the first of which holds the word."""
    echo = profile.request.echo or Echo("text", "text")
    said = build.assistant_calls(calls, "I read it.")
    if CONTENT in parts:
        said = _with_content(said, echo.assistant)
    extra = {name: _null(value) for name, value in echo.assistant_extra.items() if f"echo:{name}" in parts}
    for place, call in enumerate(said["tool_calls"]):
        call |= {name: place for name in echo.call_extra if f"echo:{name}" in parts}
    results = []
    for place, call in enumerate(calls):
        text = word if place == 0 else "Nothing."
        content = [{"type": "text", "text": text}] if echo.tool == "parts" and TOOL_PARTS in parts else text
        named = {"name": call.name} if "name" in echo.tool_extra and "echo:name" in parts else {}
        results.append({**build.tool_result(call, ""), "content": content, **named})
    return [said | extra, *results]


def _with_content(message: dict[str, Any], form: str) -> dict[str, Any]:
    if form == "missing":
        return {key: value for key, value in message.items() if key != "content"}
    contents = {"null": None, "empty": "", "empty-list": [], "parts": [{"type": "text", "text": "I read it."}]}
    return message | {"content": contents.get(form, message["content"])}


def _null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _null(item) for key, item in value.items()}
    return None if value == "<null>" else value


def _aside(plan: Plan, profile: Profile, shape: Request) -> list[dict[str, Any]]:
    """Its messages, the last of which asks for a title."""
    opening = wording.stand_in(profile.name)
    messages = []
    for place, message in enumerate(shape.head):
        seed = plan.word(f"{profile.name}-aside-{place}")
        messages.append(standin.text(seed, message.chars or 0, "" if place else opening))
    messages[-1] = "Give this session a title."
    return [{"role": message.role, "content": words} for message, words in zip(shape.head, messages, strict=True)]
