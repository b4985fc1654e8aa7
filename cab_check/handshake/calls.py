"""What can be wrong with tool calls: form, name, schema, and the values that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cab_check.chat.markup import Markup, find_call_end, find_call_mark, find_call_markup, find_special_tokens
from cab_check.chat.markup_other import FAMILY, find_unknown_call
from cab_check.chat.reply import ToolCall
from cab_check.handshake.form import form_faults, is_broken_form
from cab_check.handshake.seen import Turn
from cab_check.handshake.wording import WantedCall, text_of
from cab_check.knowledge.finding import Confidence, Finding, Owner
from cab_check.knowledge.vocabulary import evidence, make

SWALLOWED = 8
"""Generated tokens of which nothing came back; fewer may be nothing but the end of the turn."""

_MESSAGE = "reply.choices[0].message"
_CALLS = f"{_MESSAGE}.tool_calls"
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def call_faults(turn: Turn) -> list[Finding]:
    """Everything wrong with the calls of one reply, or with their absence where one was asked for."""
    found = [_less_if_wanted(turn, fault) for fault in form_faults(turn)]
    calls = turn.reply.tool_calls
    if not calls:
        return found + ([] if is_broken_form(found) else _absent(turn))
    found += _left_over(turn)
    if turn.cut_at_limit:
        return found
    known = {fault.code for fault in found}
    if "stream-tool-index" in known:
        return found  # calls that ran together: their contents say nothing
    found += _hidden_cut(turn, known)
    if not known & {"stream-tool-name"}:
        found += [fault for call in calls for fault in _name(turn, call)]
    for call in calls:
        found += _schema(turn, call)
    return found + ([] if _has_form_of_arguments(known) else _values(turn))


def _less_if_wanted(turn: Turn, fault: Finding) -> Finding:
    """Empty arguments are a form of {} only for a tool that can do without any; for another they are no JSON."""
    if fault.code != "tool-arguments-empty":
        return fault
    bare = [call for call in turn.reply.tool_calls if not call.arguments]
    if all(call.name in turn.tools and not turn.tools[call.name].get("required") for call in bare):
        return fault
    return make("tool-arguments-invalid-json", evidence=fault.evidence)


def is_sound(turn: Turn) -> bool:
    """Whether the reply holds a call that a client can carry out."""
    return bool(turn.reply.tool_calls) and all(fault.severity == "info" for fault in call_faults(turn))


def is_usable(turn: Turn) -> bool:
    """Whether the first call can be carried out and given back: an id, an offered name, arguments in a JSON object."""
    calls = turn.reply.tool_calls
    if not calls or not turn.answered or turn.cut_at_limit:
        return False
    first = calls[0]
    return isinstance(first.id, str) and bool(first.id) and first.name in turn.tools and isinstance(first.parsed, dict)


def _left_over(turn: Turn) -> list[Finding]:
    """Marks of a call, or tokens of the template, in the text beside calls that came: the user sees them."""
    content = turn.reply.content or ""
    sent = "".join(text_of(message) for message in turn.messages)
    mark = find_call_mark(content) or next(iter(find_special_tokens(content)), None)
    if mark is None or mark.token in sent:
        return []
    return [_fault(turn, "special-tokens-in-text", "content", content, subject=mark.token, confidence="high")]


def _absent(turn: Turn) -> list[Finding]:
    """No call came: it may be in the text, in the reasoning, eaten, or never made."""
    reply = turn.reply
    names = list(turn.tools)
    written = find_call_markup(reply.content or "", names)
    if written is not None:
        return [written_call(turn, written)]
    if not (turn.wanted.calls or _is_forced(turn)):
        return []
    if find_call_markup(reply.reasoning or "", names) is not None:
        return [_fault(turn, "tool-call-in-reasoning", reply.reasoning_field or "reasoning", reply.reasoning)]
    if turn.cut_at_limit:
        return []
    unknown = _in_another_form(turn)
    if unknown is not None:
        return [written_call(turn, unknown).but(confidence="medium")]
    said = reply.content or ""
    mark = find_call_mark(said) or find_call_end(said) if turn.wanted.calls else None
    if mark is not None:
        return [_fault(turn, "tool-call-as-text", "content", reply.content, subject=FAMILY)]
    generated = reply.usage.completion if reply.usage else None
    if not (reply.content or "").strip() and not reply.reasoning and (generated or 0) >= SWALLOWED:
        words = f"{generated} tokens generated, no text, no call, finish_reason {reply.finish_reason}"
        return [_fault(turn, "tool-call-swallowed", "content", words)]
    if not turn.wanted.calls:
        return []
    return [_fault(turn, "tool-call-missing", "content", reply.content or "(no text either)")]


def _in_another_form(turn: Turn) -> Markup | None:
    """The call that was asked for, written into the text in a form that no table knows."""
    for call in turn.wanted.calls:
        values = {name: str(value) for name, value in call.arguments.items()}
        found = find_unknown_call(turn.reply.content or "", call.name, values)
        if found is not None:
            return found
    return None


def written_call(turn: Turn, written: Markup) -> Finding:
    """A call in the text: the server's, unless the model wrote it so badly that the right parser would leave it."""
    owner: Owner | None = None if written.well_formed else "model"
    sure: Confidence = "high" if written.well_formed else "medium"
    return _fault(
        turn, "tool-call-as-text", "content", turn.reply.content, subject=written.family, owner=owner, confidence=sure
    )


def _is_forced(turn: Turn) -> bool:
    choice = turn.request.get("tool_choice")
    return choice == "required" or isinstance(choice, dict)


def _hidden_cut(turn: Turn, known: set[str]) -> list[Finding]:
    """Arguments that stop in the middle at our output limit, under a finish reason that says all is well."""
    generated = turn.reply.usage.completion if turn.reply.usage else None
    if "tool-arguments-invalid-json" not in known or turn.limit is None or generated is None or generated < turn.limit:
        return []
    last = turn.reply.tool_calls[-1]
    return [_fault(turn, "truncation-hidden", "tool_calls", last.arguments, subject=turn.reply.finish_reason)]


def _name(turn: Turn, call: ToolCall) -> list[Finding]:
    if not turn.tools or call.name in turn.tools:
        return []
    return [_fault(turn, "tool-name-wrong", "tool_calls", f"{call.name!r}; offered: {', '.join(turn.tools)}")]


def _schema(turn: Turn, call: ToolCall) -> list[Finding]:
    arguments = call.parsed
    schema = turn.tools.get(call.name) if isinstance(call.name, str) else None
    if not isinstance(arguments, dict) or not schema:
        return []
    field = schema_breach(arguments, schema)
    if field is None:
        return []
    return [_fault(turn, "tool-arguments-schema-mismatch", "tool_calls", call.arguments, subject=field)]


def schema_breach(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """The first field that is missing, unknown where that is forbidden, or of a wrong JSON type."""
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else []:
        if name not in arguments:
            return str(name)
    for name, value in arguments.items():
        rule = known.get(name)
        if rule is None:
            if schema.get("additionalProperties") is False:
                return name
        elif isinstance(rule, dict) and not _is_of_type(value, rule.get("type")):
            return name
    return None


def _is_of_type(value: Any, names: Any) -> bool:
    wanted = [names] if isinstance(names, str) else names if isinstance(names, list) else []
    if not wanted or any(name not in _TYPES for name in wanted):
        return True
    if isinstance(value, bool):
        return "boolean" in wanted
    return any(isinstance(value, _TYPES[name]) for name in wanted)


def _values(turn: Turn) -> list[Finding]:
    """Values that came otherwise than they were given. Each wanted call is looked for among the calls of its tool."""
    found = []
    for wanted in turn.wanted.calls:
        same = [call for call in turn.reply.tool_calls if call.name == wanted.name and isinstance(call.parsed, dict)]
        if same and not any(_carries(call, wanted) for call in same):
            found.append(_fault(turn, "tool-arguments-unfaithful", "tool_calls", same[0].arguments))
    return found[:1]


def carried(turn: Turn) -> Sequence[WantedCall]:
    """The wanted calls that came, to the letter."""
    return [want for want in turn.wanted.calls if any(_carries(call, want) for call in turn.reply.tool_calls)]


def _carries(call: ToolCall, wanted: WantedCall) -> bool:
    arguments = call.parsed if isinstance(call.parsed, dict) else {}
    if call.name != wanted.name:
        return False
    return all(_same(arguments.get(name), value) for name, value in wanted.arguments.items())


def _same(got: Any, value: str | int) -> bool:
    """Equal, but for a line end at the end of a file, which models add and drop at will."""
    if isinstance(value, int):
        return not isinstance(got, bool) and bool(got == value)
    return isinstance(got, str) and (got == value or ("\n" in value and got.rstrip("\n") == value.rstrip("\n")))


def _has_form_of_arguments(known: set[str]) -> bool:
    return any(code.startswith("tool-arguments") for code in known)


def _fault(turn: Turn, code: str, where: str, words: Any, **more: Any) -> Finding:
    return make(code, evidence=[evidence(turn.number, f"{_MESSAGE}.{where}", words)], **more)
