"""How servers look on the wire, how models write calls, and conditions on requests: what documented failures are made
of beside the named faults of the demo endpoint.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from cab_check.demo.encode import MODEL
from cab_check.demo.faults.calls import as_text, each_call, stream_as_text
from cab_check.demo.faults.chat import around
from cab_check.demo.faults.context import tokens_of
from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.params import limit_of
from cab_check.demo.faults.parts import edit, has_tools, messages, past_calls, tools
from cab_check.demo.http import DONE, HttpReply, HttpRequest

Body = dict[str, Any]

_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_LONG = 4_096


@cache
def _tables() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "documented_failures.toml").read_text("utf-8"))


# --- conditions ------------------------------------------------------------------------------------------------------

_CONDITIONS: dict[str, Callable[[Body], bool]] = {
    "chat": bool,
    "streams": lambda body: body.get("stream") is True,
    "plain": lambda body: body.get("stream") is not True,
    "tools": has_tools,
    "forced": lambda body: body.get("tool_choice") not in (None, "auto", "none"),
    "long": lambda body: tokens_of(body) > _LONG,
    "long-ids": lambda body: any(not _NINE.fullmatch(str(call.get("id"))) for call in past_calls(body)),
    "two-past-calls": lambda body: any(len(item.get("tool_calls") or ()) > 1 for item in messages(body)),
    "image": lambda body: "image_url" in json.dumps(body.get("messages")),
}


def holds(conditions: Sequence[str], body: Body) -> bool:
    """Whether a chat completion meets all of them; no other request does."""
    return bool(body) and all(_holds(condition, body) for condition in conditions)


def _holds(condition: str, body: Body) -> bool:
    if condition in _CONDITIONS:
        return _CONDITIONS[condition](body)
    name, mark, value = re.split(r"([:>])", condition, maxsplit=1)
    if (name, mark) == ("param", ":"):
        return body.get(value) is not None
    if (name, mark) == ("keyword", ":"):
        return any(f'"{value}":' in json.dumps(tool.get("parameters")) for tool in tools(body))
    if (name, mark) == ("name", ">"):
        return any(len(str(tool.get("name"))) > int(value) for tool in tools(body))
    if (name, mark) == ("output", ">"):  # none at all is the most that there is
        return (limit_of(body) or 10**9) > int(value)
    raise ValueError(condition)


# --- how calls are written -------------------------------------------------------------------------------------------


def call_forms(row: Mapping[str, Any]) -> list[Fault]:
    """The changes of texts and calls that a row asks for."""
    reason = row.get("finish", "stop")
    changes = []
    if "call_as" in row:
        changes.append(as_text(_written(row["call_as"]), finish_reason=reason))
    if "stream_call_as" in row:
        changes.append(stream_as_text(_written(row["stream_call_as"]), reason))
    if "around" in row:
        changes.append(around(*row["around"]))
    if "name_as" in row:
        changes.append(
            each_call(lambda call: call["function"].update(name=row["name_as"].format(name=call["function"]["name"])))
        )
    return [Fault("form", row["code"], "", after=change) for change in changes]


def _written(form: str) -> Callable[[str, str], str]:
    table = _tables()["forms"][form]

    def write(name: str, arguments: str) -> str:
        try:
            values = json.loads(arguments)
        except ValueError:
            values = {}
        each = "".join(table.get("each", "").format(key=key, value=value) for key, value in values.items())
        return str(table["all"].format(name=name, arguments=arguments, each=each))

    return write


# --- who answers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What tells a server: headers, its entry in the model list, fingerprint and id of its replies, its host name."""

    headers: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    id: str | None = None
    host: str | None = None

    def fault(self, model: str | None) -> Fault:
        """The look over the demo endpoint's own, whose model is then called `model`."""
        served = model or MODEL
        headers = {"Server": "", **self.headers}

        def in_document(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            if value.get("object") == "list" and value.get("data"):
                entry = {"id": served, "object": "model", "created": 1_764_000_000}
                return {"object": "list", "data": [{**entry, **self.entry}]}
            if "choices" not in value:
                return value
            changed = {**value, "model": served, "system_fingerprint": self.fingerprint}
            return {**changed, "id": self.id or value.get("id")}

        def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
            own = {name.lower() for name, _ in reply.headers}
            more = tuple((name, value) for name, value in headers.items() if name.lower() not in own)
            value = in_document(reply.value)
            events = reply.events and tuple(e if e == DONE else in_document(e) for e in reply.events)
            return replace(reply, value=value, events=events, headers=(*reply.headers, *more))

        renamed = edit(lambda body: body.update(model=MODEL), lambda body: body.get("model") == served)
        return Fault("look", "unrecognised", "", before=renamed, after=after)


def looking_like(hop: str | None) -> Look:
    """The look of a hop; one that nobody recognises without."""
    return Look(**_tables()["looks"][hop]) if hop else Look()
