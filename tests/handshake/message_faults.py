"""Servers that refuse or drop a parameter, a role, an order or a form of messages, and what must be found of each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from faulty_endpoint import KEY, Answer, Fault, asked, both, chunks, error, on_chat, plain, raw
from handshake_faults import said

from cab_check.demo.endpoint import Endpoint
from cab_check.demo.faults.table import FAULTS
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.handshake.wording import ASK_NAME, COUNT, COUNT_FAR, text_of

Body = Mapping[str, Any]
When = Callable[[Body], bool]


@dataclass(frozen=True)
class Case:
    """`keys` are the findings above info that follow from nothing; `notes` those that are only noted."""

    fault: Fault
    keys: tuple[str, ...] = ()
    exit_code: int = 0
    notes: tuple[str, ...] = ()


# --- what requests hold -----------------------------------------------------------------------------------------------


def carries(*names: str) -> When:
    return lambda body: all(name in body for name in names)


def ends(end: str) -> When:
    return lambda body: bool(body.get("messages")) and text_of(body["messages"][-1]).endswith(end)


def any_message(when: Callable[[Mapping[str, Any]], bool]) -> When:
    return lambda body: any(when(message) for message in body["messages"])


def calling(when: Callable[[Mapping[str, Any]], bool]) -> When:
    """Some message of the assistant that calls tools is so."""
    return any_message(lambda message: bool(message.get("tool_calls")) and when(message))


def role(name: str) -> When:
    return any_message(lambda message: message["role"] == name)


def is_damaged(message: Mapping[str, Any]) -> bool:
    for call in message.get("tool_calls") or ():
        try:
            json.loads(call["function"]["arguments"])
        except ValueError:
            return True
    return False


def breaks_alternation(body: Body) -> bool:
    """The rule of Mistral's templates: one system message at the head, then user and assistant in turn, calls aside."""
    roles = [message["role"] for message in body["messages"] if not message.get("tool_calls")]
    turns = [name for name in roles[roles[:1] == ["system"] :] if name != "tool"]
    return any(name != ("user", "assistant")[place % 2] for place, name in enumerate(turns))


def late_system(body: Body) -> bool:
    """The rule of newer Qwen templates: nothing but the first message may be the system's."""
    return any(message["role"] in ("system", "developer") for message in body["messages"][1:])


def odd_id(message: Mapping[str, Any]) -> bool:
    ids = [call["id"] for call in message.get("tool_calls") or ()]
    return any(not re.fullmatch(r"[A-Za-z0-9]{9}", one) for one in ids)


# --- what servers do --------------------------------------------------------------------------------------------------


def refuse(when: When, answer: Answer | str) -> Fault:
    return on_chat(error(400, answer) if isinstance(answer, str) else answer, when)


def asks_without(change: Callable[[dict[str, Any]], None], when: When) -> Fault:
    """The sound endpoint's answer to the request as the template leaves it."""

    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if not body or not when(body):
            return reply
        change(body)
        return Endpoint(key=KEY)(HttpRequest("POST", request.path, request.headers, json.dumps(body).encode()))

    return fault


def without_role(name: str) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        body["messages"] = [message for message in body["messages"] if message["role"] != name]

    return change


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        for name in names:
            body.pop(name, None)

    return change


def says(text: str, when: When) -> Fault:
    """The model says this, whatever it was asked; the counts stay those of the sound reply."""

    def in_plain(value: dict[str, Any]) -> None:
        value["choices"][0]["message"].update(content=text, tool_calls=None)

    return both(plain(in_plain, when), chunks(lambda events: said(events, text), when))


def uncounted(fault: Fault) -> Fault:
    """The same without counts of tokens in answers about a name."""
    return both(fault, plain(lambda value: value.pop("usage", None), ends(ASK_NAME)))


def once(fault: Fault) -> Fault:
    """Only for the first request that it would change."""
    left = [1]

    def some(request: HttpRequest, reply: HttpReply) -> Answer:
        changed = fault(request, reply)
        if changed is reply or not left[0]:
            return reply
        left[0] = 0
        return changed

    return some


def finish(reason: str) -> Callable[[dict[str, Any]], None]:
    return lambda value: value["choices"][0].update(finish_reason=reason)


ARGUMENTS_CUT = FAULTS["tool-arguments-invalid-json"].after
EXTRA = "[{{'type': 'extra_forbidden', 'loc': {}, 'msg': 'Extra inputs are not permitted'}}]"
PYDANTIC = EXTRA.format("('body', 'store')")
ALTERNATE = "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
NINE = "Tool call id was call_0123456789abcdef but must be a-z, A-Z, 0-9, with a length of 9."
LM_STUDIO = (
    "'messages' array must only contain objects with a 'role' field that is in [user, assistant]. Got 'developer'"
)
CUT = "Could not finish the message because max_tokens or model output limit was reached."
CRASH = raw(500, b"Internal Server Error", "text/plain")
ONLY_DEFAULT = (
    "Unsupported value: 'top_p' does not support 0.95 with this model. Only the default (1) value is supported."
)
FIELD = EXTRA.format("('body', 'messages', 3, 'tool', 'name')")
CASES: dict[str, Case] = {
    # parameters
    "store refused": Case(
        refuse(carries("store"), "Unrecognized request argument supplied: store"), ("param-rejected:store",)
    ),
    "store refused by pydantic": Case(refuse(carries("store"), PYDANTIC), ("param-rejected:store",)),
    "a parameter refused without words": Case(
        refuse(carries("prompt_cache_key"), "Bad Request"), ("param-rejected:prompt_cache_key",)
    ),
    "two parameters refused without words": Case(
        refuse(lambda body: "stop" in body or "presence_penalty" in body, "Bad Request"),
        ("param-rejected:presence_penalty", "param-rejected:stop"),
    ),
    "two parameters refused, one after the other": Case(
        both(
            refuse(carries("store"), "Unknown parameter: 'store'."),
            refuse(carries("parallel_tool_calls"), "Unknown parameter: 'parallel_tool_calls'."),
        ),
        ("param-rejected:parallel_tool_calls", "param-rejected:store"),
    ),
    "the new limit refused": Case(
        refuse(carries("max_completion_tokens"), "Unknown parameter: 'max_completion_tokens'."),
        ("param-rejected:max_completion_tokens",),
    ),
    "a value refused": Case(refuse(carries("top_p"), ONLY_DEFAULT), ("param-rejected:top_p=0.95",)),
    "two that do not go together": Case(
        refuse(carries("temperature", "top_p"), "`temperature` and `top_p` cannot both be specified for this model."),
        ("param-rejected:top_p",),
    ),
    "words about another parameter": Case(
        refuse(carries("store"), "stop was not what was expected"), ("param-rejected:store",)
    ),
    "thinking not supported": Case(
        refuse(carries("reasoning_effort"), '"demo" does not support thinking'),
        notes=("param-rejected:reasoning_effort",),
    ),
    "stop ignored": Case(asks_without(without("stop"), carries("stop")), ("param-ignored:stop",)),
    "stop left in the text": Case(says("1 2 3 4 5 6 7 8 9 10 11 12", ends(COUNT))),
    "limit ignored": Case(asks_without(without("max_tokens"), ends(COUNT_FAR)), ("param-ignored:max_tokens",)),
    "a short answer in other words": Case(says("I would rather not.", ends(COUNT_FAR))),
    "a cut that is hidden": Case(plain(finish("stop"), ends(COUNT_FAR)), ("truncation-hidden:stop",), 3),
    "a limit too small to think": Case(refuse(ends(COUNT_FAR), CUT)),
    "busy for once": Case(once(refuse(carries("store"), error(429, "Rate limit reached for requests")))),
    # roles
    "developer refused": Case(refuse(role("developer"), LM_STUDIO), ("role-rejected:developer",)),
    "developer crashes": Case(refuse(role("developer"), CRASH), ("role-rejected:developer",)),
    "developer dropped": Case(asks_without(without_role("developer"), role("developer")), ("role-ignored:developer",)),
    "developer dropped, not counted": Case(
        uncounted(asks_without(without_role("developer"), role("developer"))), ("role-ignored:developer",)
    ),
    "developer counted and not heeded": Case(says("OK.", role("developer"))),
    "system dropped": Case(asks_without(without_role("system"), role("system")), ("role-ignored:system",)),
    "a model that names nothing": Case(uncounted(says("OK.", ends(ASK_NAME)))),
    "system refused": Case(
        refuse(role("system"), "System role not supported"),
        ("role-rejected:system",),
        3,
    ),
    "roles must alternate": Case(
        refuse(breaks_alternation, ALTERNATE),
        ("role-order-rejected:late-system", "role-order-rejected:user-user", "role-rejected:developer"),
        0,
        ("role-order-rejected:user-after-tool",),
    ),
    "system only first": Case(
        refuse(late_system, "Jinja Exception: System message must be at the beginning."),
        ("role-order-rejected:late-system",),
        0,
    ),
    # forms
    "null refused": Case(
        refuse(calling(lambda message: message.get("content", "") is None), "invalid message content type: <nil>"),
        ("content-form-rejected:null",),
        3,
    ),
    "null refused without words": Case(
        refuse(calling(lambda message: message.get("content", "") is None), "flux"), ("content-form-rejected:null",), 3
    ),
    "missing content refused": Case(
        refuse(calling(lambda message: "content" not in message), CRASH), ("content-form-rejected:missing",), 3
    ),
    "empty content refused": Case(
        refuse(calling(lambda message: message.get("content") == ""), "content must be non-empty"),
        ("content-form-rejected:empty",),
        3,
    ),
    "empty list refused": Case(
        refuse(calling(lambda message: message.get("content") == []), "flux"), ("content-form-rejected:empty-list",)
    ),
    "parts refused": Case(
        refuse(
            any_message(lambda message: message["role"] == "user" and isinstance(message["content"], list)),
            'can only concatenate str (not "list") to str',
        ),
        ("content-form-rejected:parts",),
        3,
    ),
    "tool parts refused": Case(
        refuse(any_message(lambda message: message["role"] == "tool" and isinstance(message["content"], list)), "flux"),
        ("content-form-rejected:tool-parts",),
        3,
    ),
    "name refused": Case(refuse(any_message(lambda one: "name" in one), FIELD), ("message-field-rejected:name",), 3),
    "refusal refused": Case(
        refuse(any_message(lambda one: "refusal" in one), "flux"), ("message-field-rejected:refusal",)
    ),
    "past reasoning refused": Case(
        refuse(any_message(lambda one: "reasoning_content" in one), "property 'reasoning_content' is unsupported"),
        notes=("reasoning-echo-refused:reasoning_content",),
    ),
    "past reasoning refused without words": Case(
        refuse(any_message(lambda one: "reasoning_content" in one), "flux"),
        notes=("reasoning-echo-refused:reasoning_content",),
    ),
    "damaged call refused": Case(
        refuse(any_message(is_damaged), "Unterminated string starting at: line 1 column 10 (char 9)"),
        notes=("history-arguments-rejected",),
    ),
    "damaged call refused, of a model that writes them": Case(
        both(
            refuse(any_message(is_damaged), "Unterminated string starting at: line 1 column 10 (char 9)"),
            ARGUMENTS_CUT,
        ),
        ("history-arguments-rejected", "tool-arguments-invalid-json"),
        3,
    ),
    "the engine dies of it": Case(
        refuse(any_message(is_damaged), error(500, "EngineCore encountered an issue.")), ("server-crashed",), 3
    ),
    "ids of nine": Case(
        refuse(lambda body: any(map(odd_id, body["messages"])) and ends(ASK_NAME)(body), NINE),
        ("tool-call-id-rejected:9 letters or digits",),
        3,
    ),
    "ids refused without words": Case(
        refuse(lambda body: any(map(odd_id, body["messages"])) and ends(ASK_NAME)(body), "flux"),
        ("tool-call-id-rejected",),
        3,
    ),
}
