"""The two turns of an agent CLI over /responses or /messages: the general questions of that API, in the shape and the
size that this CLI gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cab_check.chat import messages, responses
from cab_check.chat.typed import TypedReply
from cab_check.handshake import wording
from cab_check.handshake.check import REPLAY, Check, Outcome
from cab_check.handshake.checks.other_apis import ask_surface, judge_surface
from cab_check.handshake.failure import failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen
from cab_check.handshake.surfaces import MESSAGES, RESPONSES, ApiTurn, Dropped, Form, Surface, param_part
from cab_check.handshake.tuis import standin
from cab_check.handshake.tuis.arrival import doubt, measuring
from cab_check.handshake.tuis.replay_chat import value_of
from cab_check.tuis.profile import Message, Profile, Tools
from cab_check.wire.exchange import Ask

_BASES = {"responses": RESPONSES, "messages": MESSAGES}
_SYSTEM_PARAM = "system-param"
"""A role of the profiles: the text of /messages that stands beside the messages."""


def surface_of(profile: Profile) -> Surface:
    """The API as this CLI speaks it."""
    base = _BASES[profile.wire]
    known = {part.subject for part in base.parts}
    params = tuple(
        param_part(name) for name in profile.request.params if name not in (*known, "tool_choice", "include")
    )
    build = _responses if profile.wire == "responses" else _messages

    def body(plan: Plan, form: Form, first: TypedReply | None) -> dict[str, Any]:
        return build(profile, plan, form, first)

    return replace(base, parts=(*base.parts, *params), body=body, stands_in_for=profile.name)


def _params(profile: Profile, plan: Plan, dropped: Dropped) -> dict[str, Any]:
    """The parameters as they go out; `include` goes with `store`, as it makes sense only beside it."""
    left = {*dropped, *(("include",) if "store" in dropped else ())}
    fields = {name: value_of(plan, value) for name, value in profile.request.params.items() if name not in left}
    limit = profile.request.output_limit
    return fields | ({limit.field: limit.tokens} if limit else {})


def _texts(profile: Profile, plan: Plan, message: Message, place: int, ending: str) -> list[str]:
    """The parts of one message; the mark opens the first one, the question ends the last."""
    opening = wording.stand_in(profile.name) if place == 0 else ""
    sizes = message.parts or (message.chars or 0,)
    seed = plan.word(f"{profile.name}-{place}")
    made = [standin.text(f"{seed}/{n}", size, opening if n == 0 else "") for n, size in enumerate(sizes)]
    return [*made[:-1], ending] if ending else made


def _question(profile: Profile, plan: Plan, form: Form) -> str:
    name, argument = standin.hand(_tools_of(profile))
    return wording.call(name, **{argument: f"{plan.word(f'{profile.name}-path', form.number)}.md"})


def _tools_of(profile: Profile) -> Tools:
    tools = profile.request.tools
    assert tools is not None, f"{profile.name} speaks this API without tools"
    return tools


def _functions(profile: Profile, plan: Plan) -> list[dict[str, Any]]:
    return standin.functions(profile, _tools_of(profile), plan.word(f"{profile.name}-tools"))


def _last_user(profile: Profile) -> int:
    return max(place for place, message in enumerate(profile.request.head) if message.role == "user")


# --- /responses ------------------------------------------------------------------------------------------------------


def _responses(profile: Profile, plan: Plan, form: Form, first: TypedReply | None) -> dict[str, Any]:
    dropped = form.dropped
    last = _last_user(profile)
    items = []
    for place, message in enumerate(profile.request.head):
        role = "system" if message.role == "developer" and "input-items" in dropped else message.role
        texts = _texts(profile, plan, message, place, _question(profile, plan, form) if place == last else "")
        content = [{"type": "input_text", "text": text} for text in texts]
        items.append({"type": "message", "role": role, "content": content})
    if first is not None:
        items += [dict(item) for item in first.items]
        items += [responses.call_output(call, plan.word(f"{profile.name}-result", form.number)) for call in first.calls]
    tools = [responses.function_tool(tool) for tool in _functions(profile, plan)]
    if "tool-types" not in dropped:
        tools = _other_types(profile, tools)
    fields = _params(profile, plan, dropped)
    return responses.create(plan.model, items, tools=tools, stream=True, **fields)


def _other_types(profile: Profile, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the last tools as this CLI sends of other types than `function`, made into those."""
    others = [kind for kind, count in _tools_of(profile).types.items() if kind != "function" for _ in range(count)]
    kept = tools[: len(tools) - len(others)]
    nested = tools[len(kept) :]
    for kind in others:
        if kind == "namespace":
            kept.append({"type": kind, "name": "agents", "description": "Work with others.", "tools": nested})
        else:
            kept.append({"type": kind, "external_web_access": False})
    return kept


# --- /messages -------------------------------------------------------------------------------------------------------


def _messages(profile: Profile, plan: Plan, form: Form, first: TypedReply | None) -> dict[str, Any]:
    dropped = form.dropped
    last = _last_user(profile)
    system: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for place, message in enumerate(profile.request.head):
        texts = _texts(profile, plan, message, place, _question(profile, plan, form) if place == last else "")
        blocks = [messages.text(text) for text in texts]
        apart = message.role == _SYSTEM_PARAM or (message.role == "system" and "system-role" in dropped)
        if apart:
            system += blocks
        else:
            history.append(messages.message(message.role, *blocks))
    if first is not None:
        results = [messages.tool_result(call, plan.word(f"{profile.name}-result", form.number)) for call in first.calls]
        history += [messages.message("assistant", *first.items), messages.message("user", *results)]
    tools = [] if "tools" in dropped else [messages.tool(tool) for tool in _functions(profile, plan)]
    fields: Mapping[str, Any] = _params(profile, plan, dropped)
    limit = fields.get("max_tokens", plan.max_tokens)
    more = {name: value for name, value in fields.items() if name != "max_tokens"}
    return messages.create(plan.model, history, max_tokens=limit, system=system, tools=tools, stream=True, **more)


def replay_check(profile: Profile) -> Check:
    """The check for one CLI that speaks this API."""
    surface = surface_of(profile)
    return Check(
        f"{REPLAY}{profile.name}",
        "params",
        f"what {profile.name} sends",
        ("chat",),
        lambda plan, seen: ask_surface(surface, plan, seen) or _measuring(surface, plan, seen),
        lambda plan, seen: _judge(surface, plan, seen),
    )


def _measuring(surface: Surface, plan: Plan, seen: Seen) -> list[Ask]:
    """What tells whether all of the prompt arrived, once both turns came."""
    came = any(turn.accepted and turn.has_result for turn in surface.turns(seen))
    return measuring(plan, seen) if came else []


def _judge(surface: Surface, plan: Plan, seen: Seen) -> Outcome:
    """As the API's own check judges, but that nothing is light here: this CLI has no other way."""
    told = judge_surface(surface, plan, seen)
    turns = surface.turns(seen)
    if any(finding.severity == "blocks" for finding in told.findings):
        return replace(told, status="fail")
    if told.status == "pass" and (doubtful := _uncounted(turns, plan, seen)):
        return Outcome("skipped", f"inconclusive: both turns came, and {doubtful}", told.findings, told.exchanges)
    if told.findings or not turns or told.status == "pass":
        return told
    why = failure(turns[-1].exchange, seen) if not turns[-1].accepted else None
    return Outcome("fail", f"{why.key}: {why.title}", (why,), told.exchanges) if why is not None else told


def _uncounted(turns: Sequence[ApiTurn], plan: Plan, seen: Seen) -> str:
    """Why it is not shown that all of the first prompt arrived; empty if the count shows it."""
    first = next(turn for turn in turns if turn.accepted)
    return doubt(plan, seen, first.body, first.reply.usage.prompt if first.reply.usage else None)


def prompt_tokens(profile: Profile, seen: Seen) -> int | None:
    """The server's own count of the first turn's prompt, if that turn was accepted."""
    turns = [turn for turn in surface_of(profile).turns(seen) if turn.accepted and turn.reply.usage]
    return next((turn.reply.usage.prompt for turn in turns if turn.reply.usage and turn.reply.usage.prompt), None)
