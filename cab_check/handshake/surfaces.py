"""The two other APIs as data: what their clients send, how to leave a part of it out, how to read what comes.

Codex speaks /responses only: streamed, `store: false`, developer items, and tools of other types than `function` among
the others. Claude Code speaks /messages only: streamed, the system text as blocks and again as a message of that role,
tools, thinking. Each request has all of that at once; a part is left out only after a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cab_check.chat import messages, responses
from cab_check.chat.errors import is_html, read_error
from cab_check.chat.typed import TypedReply
from cab_check.handshake import wording
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import LIST_FILES, READ_FILE
from cab_check.handshake.seen import COMPLETIONS, Seen, Turn, path_of
from cab_check.handshake.typed_turn import as_chat_turn
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Api, Finding
from cab_check.knowledge.vocabulary import code
from cab_check.wire.exchange import Ask, Exchange, Headers

Body = Mapping[str, Any]
Dropped = frozenset[str]

_GATES = frozenset({"network", "auth", "model", "context"})
_OTHER_CAUSE = frozenset(
    {"tool-parser-disabled", "model-lacks-tools", "no-route-supports-tools", "tool-call-parse-failure"}
)
_REFUSALS = frozenset({400, 422, 500})
_NO_ROUTE = re.compile(
    r"^\W*(?:messages|responses)(?: api)? is not supported|not implemented|invalid url|"
    r"(?:unknown|no such|unsupported) (?:url|endpoint|route|path)",
    re.IGNORECASE,
)
_SYSTEM = "You work with files."
_RESPONSES_SENT: Body = {
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "prompt_cache_key": "cab-check",
    "client_metadata": {"session_id": "cab-check"},
}
_MESSAGES_SENT: Body = {
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "low"},
    "metadata": {"user_id": "cab-check"},
}
"""Further parameters that the measured CLIs send with every request; Claude Code asks for the effort `high`."""
_BETAS = ("anthropic-beta", "context-management-2025-06-27,effort-2025-11-24")
"""What Anthropic's own service wants to see beside two of them; it is among the seven that Claude Code names."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a request may hold and a server may refuse. `words` name it in a refusal. `is_param`: a parameter
    like any other, whose refusal is no matter of the API itself.
    """

    subject: str
    words: re.Pattern[str]
    is_in: Callable[[Body], bool]
    is_param: bool = False


def param_part(name: str) -> Part:
    """The parameter of that name."""
    return Part(name, re.compile(rf"(?<!\w){re.escape(name)}(?!\w)"), lambda body: name in body, is_param=True)


@dataclass(frozen=True)
class ApiTurn:
    """One request to another API, and its reply."""

    exchange: Exchange
    body: Body
    reply: TypedReply
    parts: tuple[Part, ...]  # those that the request holds
    results: tuple[str, ...]  # what the tools returned

    @property
    def has_result(self) -> bool:
        """Whether it is a second turn."""
        return bool(self.results)

    @property
    def tells_of_mistake(self) -> bool:
        """Whether it gives a call back as broken: only what tells the model of it looks at such a turn."""
        return any(text.endswith(wording.AGAIN) for text in self.results)

    @property
    def number(self) -> int:
        """The exchange's number."""
        return self.exchange.number

    @cached_property
    def as_chat(self) -> Turn:
        """The chat completion that says the same."""
        return as_chat_turn(self.exchange, self.body, self.reply, self.results)

    @property
    def answered(self) -> bool:
        """Whether there is a reply to judge: something came with a 2xx status, and no web page."""
        return not self.missing and self.exchange.got is not None and 200 <= self.exchange.got.status < 300

    @property
    def accepted(self) -> bool:
        """Whether a reply came whole, with a 2xx status and no error in it."""
        return self.exchange.ok and self.reply.error is None

    @property
    def missing(self) -> bool:
        """Whether there is no such route: by status, by words, or because a web page answers on every path."""
        status, words = self.exchange.status, self.words
        page = self._known == "web-page-instead-of-api"
        if self._known is not None and code(self._known).layer in _GATES and not page:
            return False
        return (
            status in (404, 405, 501)
            or (status in _REFUSALS and _NO_ROUTE.search(words) is not None)
            or (self.exchange.ok and is_html(self.exchange.body))
        )

    @property
    def refused(self) -> bool:
        """Whether it was refused for something in the request, and not for key, model, load or the like."""
        known = self._known
        if self.missing or self.exchange.status not in _REFUSALS:
            return False
        return known is None or not (known in _OTHER_CAUSE or code(known).layer in _GATES)

    @property
    def blamed(self) -> tuple[str, ...]:
        """Subjects of the parts that the refusal names."""
        return tuple(part.subject for part in self.parts if part.words.search(self.words))

    @property
    def suspect(self) -> str | None:
        """The part to leave out next: one that the refusal names, else the first there is."""
        return next(iter((*self.blamed, *(part.subject for part in self.parts))), None) if self.refused else None

    @property
    def words(self) -> str:
        """What the refusal says, gateway and server alike; empty if it is none."""
        error = self.reply.error
        return " ".join(f"{link.message} {link.param or ''}" for link in error.chain) if error else ""

    @property
    def _known(self) -> str | None:
        error = read_error(self.exchange.status, self.exchange.body)
        headers = self.exchange.got.headers if self.exchange.got else ()
        found = classify_error(error, self.exchange.status, headers) if error else None
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Form:
    """The form in which a turn goes out: without some parts, with so many times the usual output limit, as the try of
    that number: each has words of its own.
    """

    dropped: Dropped = frozenset()
    room: int = 1
    number: int = 0

    def limit(self, plan: Plan) -> int:
        """The output limit in tokens."""
        return plan.max_tokens * self.room


FULL = Form()


@dataclass(frozen=True)
class Surface:
    """One of the two APIs. `refuses_result` is the subject for a second turn that is refused; `holds` the field of a
    reply that holds the output; `stands_in_for` the agent CLI whose own conversation it is, None for the general
    questions.
    """

    route: str
    missing: str
    broken: str
    refuses_result: str
    parts: tuple[Part, ...]
    headers: Headers
    read: Callable[[Exchange], TypedReply]
    results: Callable[[Body], Iterator[Any]]
    body: Callable[[Plan, Form, TypedReply | None], dict[str, Any]]
    holds: str
    stands_in_for: str | None = None

    def ask(self, plan: Plan, form: Form = FULL, first: TypedReply | None = None) -> Ask:
        """The first turn, or with `first` the turn after it."""
        return Ask("POST", self.route, self.body(plan, form, first), headers=self.headers)

    def turn(self, exchange: Exchange) -> ApiTurn | None:
        """`exchange` as a turn of this API; None if it is none."""
        body = exchange.sent.json
        if exchange.sent.method != "POST" or not path_of(exchange).endswith(self.route) or not isinstance(body, dict):
            return None
        if wording.stands_in_for_bytes(exchange.sent.body) != self.stands_in_for:
            return None
        held = tuple(part for part in self.parts if part.is_in(body))
        results = tuple(text for text in self.results(body) if isinstance(text, str))
        return ApiTurn(exchange, body, self.read(exchange), held, results)

    def turns(self, seen: Seen) -> list[ApiTurn]:
        """Every turn in the recording, but redirects that were followed, and calls given back as broken."""
        followed = {exchange.follows_redirect for exchange in seen.exchanges}
        kept = (e for e in seen.exchanges if e.number not in followed and e.end != "unrecorded")
        found = map(self.turn, kept)
        return [turn for turn in found if turn is not None and not turn.tells_of_mistake]


def _rows(body: Body, name: str) -> list[Mapping[str, Any]]:
    value = body.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _kept(params: Body, dropped: Dropped) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in dropped}


def _request(plan: Plan, api: str, form: Form) -> str:
    return wording.call("read_file", path=f"{plan.word(api, form.number)}.md")


# --- /responses ------------------------------------------------------------------------------------------------------


def _responses_body(plan: Plan, form: Form, first: TypedReply | None) -> dict[str, Any]:
    dropped = form.dropped
    more: dict[str, Any] = {"tool_choice": "auto"}
    history = [responses.message("user", _request(plan, "responses", form))]
    if "input-items" in dropped:
        more["instructions"] = _SYSTEM
    else:
        history.insert(0, responses.message("developer", _SYSTEM))
    if "store" not in dropped:
        more |= {"store": False, "include": ["reasoning.encrypted_content"]}
    more |= _kept(_RESPONSES_SENT, dropped)
    if first is not None:
        history += [dict(item) for item in first.items]
        history += [responses.call_output(call, plan.word("responses-result", form.number)) for call in first.calls]
    tools = [responses.function_tool(READ_FILE), responses.function_tool(LIST_FILES)]
    if "tool-types" not in dropped:
        tools.append({"type": "web_search", "external_web_access": False})
    return responses.create(plan.model, history, tools=tools, stream=True, max_output_tokens=form.limit(plan), **more)


RESPONSES = Surface(
    route="/responses",
    missing="responses-api-missing",
    broken=responses.BROKEN,
    refuses_result="input-items",
    parts=(
        Part(
            "tool-types",
            re.compile(r"tool\W.{0,40}\btype\b|\btype\W.{0,40}\btool\b|tools\[\d+\]\.type|web_search", re.IGNORECASE),
            lambda body: any(tool.get("type") != "function" for tool in _rows(body, "tools")),
        ),
        Part(
            "store",
            re.compile(r"\bstore\b|\binclude\b|encrypted_content", re.IGNORECASE),
            lambda body: "store" in body or "include" in body,
        ),
        Part(
            "input-items",
            re.compile(r"\bdeveloper\b|\brole\b|\binput\[\d+\]", re.IGNORECASE),
            lambda body: any(item.get("role") == "developer" for item in _rows(body, "input")),
        ),
        *map(param_part, _RESPONSES_SENT),
    ),
    headers=(("Accept", "text/event-stream"),),
    read=responses.read_response,
    results=lambda body: (i.get("output") for i in _rows(body, "input") if i.get("type") == "function_call_output"),
    body=_responses_body,
    holds="output",
)


# --- /messages -------------------------------------------------------------------------------------------------------


def _messages_body(plan: Plan, form: Form, first: TypedReply | None) -> dict[str, Any]:
    dropped = form.dropped
    more = _kept({"thinking": {"type": "adaptive"}, **_MESSAGES_SENT}, dropped)
    history = [messages.message("user", messages.text(_request(plan, "messages", form)))]
    if "system-role" in dropped:
        more["system"] = _SYSTEM
    else:
        more["system"] = [messages.text(_SYSTEM)]
        history.append(messages.message("system", messages.text("Use the tools.")))
    if first is not None:
        results = [messages.tool_result(call, plan.word("messages-result", form.number)) for call in first.calls]
        history += [messages.message("assistant", *first.items), messages.message("user", *results)]
    tools = [] if "tools" in dropped else [messages.tool(READ_FILE), messages.tool(LIST_FILES)]
    return messages.create(plan.model, history, max_tokens=form.limit(plan), tools=tools, stream=True, **more)


def _tool_results(body: Body) -> Iterator[Any]:
    blocks = (block for message in _rows(body, "messages") for block in _rows(message, "content"))
    return (block.get("content") for block in blocks if block.get("type") == "tool_result")


MESSAGES = Surface(
    route="/messages",
    missing="messages-api-missing",
    broken=messages.BROKEN,
    refuses_result="tools",
    parts=(
        Part("thinking", re.compile(r"\bthinking\b|\badaptive\b", re.IGNORECASE), lambda body: "thinking" in body),
        Part(
            "system-role",
            re.compile(r"\brole\b|\bsystem\b", re.IGNORECASE),
            lambda body: any(message.get("role") == "system" for message in _rows(body, "messages")),
        ),
        Part("tools", re.compile(r"\btools?\b|input_schema", re.IGNORECASE), lambda body: bool(body.get("tools"))),
        *map(param_part, _MESSAGES_SENT),
    ),
    headers=(("Accept", "text/event-stream"), messages.VERSION, _BETAS, ("x-api-key", "{key}")),
    read=messages.read_message,
    results=_tool_results,
    body=_messages_body,
    holds="content",
)

SURFACES = (RESPONSES, MESSAGES)
_APIS: tuple[tuple[str, Api], ...] = (
    (COMPLETIONS, "chat"),
    (RESPONSES.route, "responses"),
    (MESSAGES.route, "messages"),
)


def apis_of(finding: Finding, seen: Seen) -> tuple[Api, ...]:
    """Over which APIs a finding was seen, by the routes of the exchanges that show it."""
    numbers = {item.exchange for item in finding.evidence}
    paths = [path_of(exchange) for exchange in seen.exchanges if exchange.number in numbers]
    return tuple(api for route, api in _APIS if any(path.endswith(route) for path in paths))


def api_of(exchange: Exchange) -> Api | None:
    """Over which API a request went."""
    return next((api for route, api in _APIS if path_of(exchange).endswith(route)), None)


def fields_taken(seen: Seen) -> dict[str, frozenset[str]]:
    """For each of these APIs that was asked at all, the fields of the requests that were accepted."""
    found: dict[str, frozenset[str]] = {}
    for turn in every_api_turn(seen):
        api = str(api_of(turn.exchange))
        found[api] = found.get(api, frozenset()) | (frozenset(turn.body) if turn.accepted else frozenset())
    return found


def every_api_turn(seen: Seen) -> list[ApiTurn]:
    """All turns of these APIs, whoever's conversation they stand in for."""
    return [
        turn
        for exchange in seen.exchanges
        for surface in SURFACES
        if (turn := replace(surface, stands_in_for=wording.stands_in_for_bytes(exchange.sent.body)).turn(exchange))
    ]
