"""Requests that carry what agents send, any part of it left out: how they are made, and how they are read again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from cab_check.chat import build
from cab_check.handshake import wording
from cab_check.handshake.narrow import Parts
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import LIST_FILES, READ_FILE, Message, completion
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.sent import sent
from cab_check.wire.exchange import Ask

FAR = 16
"""The output limit whose effect is looked at, in tokens: some models' servers refuse a smaller one."""
ROLES = ("system", "developer")
CONTENTS: dict[str, dict[str, Any]] = {
    "null": {"content": None},
    "missing": {},
    "empty": {"content": ""},
    "empty-list": {"content": []},
    "blank-text-part": {"content": [{"type": "text", "text": ""}]},
}
"""The content of an assistant's message that calls a tool, as clients give it back."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9]{9}")
_NEW_LIMIT = "max_completion_tokens"
LIMITS = ("max_tokens", _NEW_LIMIT)
"""The two names of the output limit, the older one first."""


def every_param(seen: Seen) -> tuple[str, ...]:
    """The parameters to send, without those that were refused when plain questions carried them."""
    taken = [name for name in sent("params") if name not in seen.refused_params]
    return tuple(name for name in taken if name != _NEW_LIMIT or "max_tokens" not in seen.refused_params)


def with_params(plan: Plan, seen: Seen, names: Parts) -> Ask:
    """A stream with tools, and with these parameters beside what every question carries."""
    rows = sent("params")
    ask = completion(plan, seen, [build.user(wording.COUNT)], number=1, stream=True, tools=(READ_FILE, LIST_FILES))
    body = {key: value for key, value in (ask.body or {}).items() if key != "max_tokens" or _NEW_LIMIT not in names}
    return Ask(ask.method, ask.route, body | {name: rows[name].value for name in rows if name in names})


def params_of(turn: Turn) -> Parts:
    """The parameters of the table that a request carries."""
    own = turn.request.get(_NEW_LIMIT) == sent("params")[_NEW_LIMIT].value  # else it stands for max_tokens
    return frozenset(name for name in sent("params") if name in turn.request and (own or name != _NEW_LIMIT))


def every_form() -> tuple[str, ...]:
    """The forms of messages that go into one conversation. `developer` is asked apart: it stands for `system`."""
    return tuple(name for name in sent("messages") if name != "developer")


def with_forms(plan: Plan, seen: Seen, names: Parts) -> Ask:
    """A conversation in these forms; without any, one that the strictest template takes."""
    return completion(plan, seen, list(_conversation(plan, names)), tools=(READ_FILE, LIST_FILES))


def _conversation(plan: Plan, names: Parts) -> Iterator[Message]:
    if "system" in names:
        yield build.system(wording.state(plan.word("system")))
    if "many-systems" in names:
        yield from ([] if "system" in names else [build.system("Be brief.")])
        yield build.system("Be exact.")
    words = "Read a.md."
    yield {"role": "user", "content": [_text(words), _text("Then wait.")] if "parts" in names else words}
    if "late-system" in names:
        yield build.system("Be quick.")
    yield from _calls(names)
    if "user-after-tool" not in names:
        yield {"role": "assistant", "content": "Done."}
    if "user-user" in names:
        yield build.user("Thank you.")
    yield build.user(wording.ASK_NAME)


def _calls(names: Parts) -> Iterator[Message]:
    """Calls with their results, one after the other: with text, then with each other form of content, then damaged."""
    refusal = {"refusal": None} if "refusal" in names else {}
    noted = {"provider_specific_fields": {"refusal": None}} if "provider-fields" in names else {}
    thought = {"reasoning_content": "I should read it."} if "reasoning" in names else {}
    forms = [
        {"content": "I read it.", **refusal, **noted, **thought},
        *(CONTENTS[name] for name in CONTENTS if name in names),
    ]
    arguments = ['{"path": "a.md"}'] * len(forms)
    if "damaged-arguments" in names:
        forms.append({"content": "I read it."})
        arguments.append('{"path": "a.m')
    for number, (form, text) in enumerate(zip(forms, arguments, strict=True)):
        call_id = f"callread{number}"
        if "call-id" in names and number == len(forms) - 1:
            call_id = "call_" + "0123456789abcdefABCDEFgh"
        function = {"name": "read_file", "arguments": text}
        first = number == 0
        place = {"index": 0} if first and "call-index" in names else {}
        call = {"id": call_id, "type": "function", "function": function, **place}
        yield {"role": "assistant", **form, "tool_calls": [call]}
        content = [_text("abc")] if first and "tool-parts" in names else "abc"
        named = {"name": "read_file"} if first and "name" in names else {}
        yield {"role": "tool", "tool_call_id": call_id, "content": content, **named}
    if "two-calls" in names:
        ids = [f"callread{number}" for number in (8, 9)]
        function = {"name": "read_file", "arguments": '{"path": "a.md"}'}
        calls = [{"id": call_id, "type": "function", "function": function} for call_id in ids]
        yield {"role": "assistant", "content": "I read both.", "tool_calls": calls}
        yield from ({"role": "tool", "tool_call_id": call_id, "content": "abc"} for call_id in ids)


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def forms_of(turn: Turn) -> Parts:
    """The forms of the table that a conversation holds."""
    roles = [message.get("role") for message in turn.messages]
    pairs = set(pairwise(roles))
    head = next((place for place, role in enumerate(roles) if role != "system"), len(roles))
    said = wording.stated(turn.messages)
    found = {
        "system": said is not None and said[0] == "system",
        "many-systems": head > 1,
        "late-system": "system" in roles[head:],
        "user-user": ("user", "user") in pairs,
        "user-after-tool": ("tool", "user") in pairs,
    }
    return frozenset(name for name, holds in found.items() if holds).union(*map(_forms_of_one, turn.messages))


def _forms_of_one(message: Message) -> set[str]:
    role, content = message.get("role"), message.get("content")
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
    found = set()
    if isinstance(content, list) and content and not calls:
        found.add("tool-parts" if role == "tool" else "parts")
    if len(calls) > 1:
        found.add("two-calls")
    if calls:
        found |= {name for name, form in CONTENTS.items() if _same_form(message, form)}
    found |= {name for name in ("name", "refusal") if name in message}
    found |= {"reasoning"} if "reasoning_content" in message else set()
    found |= {"provider-fields"} if "provider_specific_fields" in message else set()
    found |= {"call-index" for call in calls if "index" in call}
    found |= {"damaged-arguments" for call in calls if not _is_json(call.get("function"))}
    found |= {"call-id" for call in calls if not _PLAIN_ID.fullmatch(str(call.get("id")))}
    return found


def _same_form(message: Message, form: Mapping[str, Any]) -> bool:
    return ("content" in message) == ("content" in form) and message.get("content", 0) == form.get("content", 0)


def _is_json(function: Any) -> bool:
    try:
        json.loads(function["arguments"])
    except (ValueError, TypeError, KeyError):
        return False
    return True


def named_by(plan: Plan, seen: Seen, role: str, number: int = 0) -> Ask:
    """A name stated in a message of that role, and asked for; for the role `user` both in one message."""
    stated = wording.state(plan.word("role", number))
    if role == "user":
        messages = [build.user(f"{stated} {wording.ASK_NAME}")]
    else:
        messages = [{"role": role, "content": stated}, build.user(wording.ASK_NAME)]
    return completion(plan, seen, messages, number=number)


def far(plan: Plan, seen: Seen, name: str) -> Ask:
    """A long answer under a small output limit, set by that name."""
    ask = completion(plan, seen, [build.user(wording.COUNT_FAR)])
    body = {key: value for key, value in (ask.body or {}).items() if key not in LIMITS}
    return Ask(ask.method, ask.route, {**body, name: FAR})
