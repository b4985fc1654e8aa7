"""The fixed set of edits that make a sound reply another: before the model and on the completion.

Those on streams are in stream_edits.py. Each is named in README.md. All are pure: they take and give plain JSON.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def put(data: Any, path: str, value: Any) -> None:
    """Set `path` ("usage.prompt_tokens", "choices[0].finish_reason") in place; nothing where its parent is missing."""
    *way, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    for step in way:
        data = data[step] if isinstance(data, list) and isinstance(step, int) and step < len(data) else _get(data, step)
    if isinstance(data, dict):
        data[str(last)] = value


def drop(data: Any, path: str) -> None:
    """Remove `path` in place; nothing where it is not there."""
    *way, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    for step in way:
        data = data[step] if isinstance(data, list) and isinstance(step, int) and step < len(data) else _get(data, step)
    if isinstance(data, dict):
        data.pop(str(last), None)


def _get(data: Any, step: Any) -> Any:
    return data.get(step) if isinstance(data, dict) else None


# -- before the model --------------------------------------------------------------------------------------------


def edit_request(body: Json, edit: Json) -> Json:
    """The request as the model gets it."""
    body = copy.deepcopy(body)
    for name in edit.get("forget", ()):
        body.pop(name, None)
    if "forget_role" in edit:
        gone = edit["forget_role"] if isinstance(edit["forget_role"], list) else [edit["forget_role"]]
        body["messages"] = [item for item in body.get("messages", []) if item.get("role") not in gone]
    for name, value in edit.get("force", {}).items():
        body[name] = value
    return body


# -- on the completion -------------------------------------------------------------------------------------------


def edit_completion(done: Json, edit: Json) -> Json:
    """The completion as the server hands it on: `done` is OpenAI's chat.completion."""
    done = copy.deepcopy(done)
    choice = done["choices"][0]
    message = choice["message"]
    for name, work in _COMPLETION.items():
        if name in edit:
            work(edit[name], choice, message)
    for path, value in edit.get("set", {}).items():
        put(done, path, value)
    for path in edit.get("drop", ()):
        drop(done, path)
    return done


def _each_call(change: Callable[[Any, Json, int], None]) -> Callable[[Any, Json, Json], None]:
    def work(wanted: Any, choice: Json, message: Json) -> None:
        for index, call in enumerate(message.get("tool_calls") or []):
            change(wanted, call, index)

    return work


def _call_as_text(form: Json, choice: Json, message: Json) -> None:
    calls = message.get("tool_calls") or []
    needed = form.get("where_a_value_has", "")
    if not calls or (needed and not any(needed in value for call in calls for value in _strings(call))):
        return
    text = form.get("open", "") + "".join(_written(form, call, index) for index, call in enumerate(calls))
    text = form.get("before", "") + text + form.get("close", "")
    into = form.get("into", "content")
    message[into] = text if into != "content" else (message.get("content") or "") + text
    if not form.get("keep_calls"):
        del message["tool_calls"]
        choice["finish_reason"] = form.get("finish_reason", "stop")


def _strings(call: Json) -> list[str]:
    arguments = json.loads(call["function"]["arguments"] or "{}")
    return [value for value in arguments.values() if isinstance(value, str)]


def _written(form: Json, call: Json, index: int) -> str:
    arguments = json.loads(call["function"]["arguments"] or "{}")
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    each = form.get("arg", "")
    args = form.get("arg_join", "").join(
        each.replace("{key}", key).replace("{json}", json.dumps(arguments[key])).replace("{value}", plain[key])
        for key in arguments
    )
    text = str(form["call"]).replace("{name}", call["function"]["name"]).replace("{index}", str(index))
    return text.replace("{args}", args).replace("{arguments}", json.dumps(arguments, ensure_ascii=False))


def _content(wanted: Json, choice: Json, message: Json) -> None:
    calls = bool(message.get("tool_calls"))
    if calls and not wanted.get("with_calls", True):
        return
    if not calls and wanted.get("only_with_calls"):
        return
    text = wanted["replace"] if "replace" in wanted else message.get("content") or ""
    message["content"] = f"{wanted.get('prefix', '')}{text}{wanted.get('suffix', '')}"


def _move(wanted: Json, choice: Json, message: Json) -> None:
    """The text goes into another field, such as `reasoning`; `only_text` leaves replies with calls alone."""
    if message.get("tool_calls") and wanted.get("only_text"):
        return
    message[wanted["to"]] = message.get("content") or ""
    message["content"] = wanted.get("leaves")


def _calls(wanted: str, choice: Json, message: Json) -> None:
    calls = message.get("tool_calls") or []
    if not calls:
        return
    if wanted == "none":
        del message["tool_calls"]
        message.setdefault("content", None)
    else:
        message["tool_calls"] = calls[:1]


def _finish(wanted: Json, choice: Json, message: Json) -> None:
    choice["finish_reason"] = wanted.get(choice["finish_reason"], choice["finish_reason"])


def _arguments(wanted: Any, call: Json, index: int) -> None:
    text = call["function"]["arguments"]
    changes: dict[str, Callable[[], Any]] = {
        "object": lambda: json.loads(text or "{}"),
        "double": lambda: json.dumps(text),
        "null": lambda: None,
        "drop_last_brace": lambda: text[: text.rstrip().rfind("}")] if text.rstrip().endswith("}") else text,
        "strings": lambda: json.dumps({key: _as_string(value) for key, value in json.loads(text or "{}").items()}),
    }
    if isinstance(wanted, dict):
        values = json.loads(text or "{}")
        cut = {key: _cut(value, wanted["values_cut_at"]) for key, value in values.items()}
        call["function"]["arguments"] = json.dumps(cut, ensure_ascii=False)
        return
    call["function"]["arguments"] = changes[wanted]()


def _as_string(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (int, float)) else value


def _cut(value: Any, word: str) -> Any:
    return value.split(word)[0] if isinstance(value, str) else value


def _id(wanted: Any, call: Json, index: int) -> None:
    if wanted == "absent":
        call.pop("id", None)
    else:
        call["id"] = wanted


def _function_fields(wanted: Json, call: Json, index: int) -> None:
    call["function"].update(wanted)


def _name_prefix(wanted: str, call: Json, index: int) -> None:
    call["function"]["name"] = wanted + call["function"]["name"]


def _content_parts(wanted: list[Json], choice: Json, message: Json) -> None:
    """The text as a list of parts; `{text}` in them stands for it. Replies with calls are left alone."""
    if not message.get("tool_calls"):
        text = json.dumps(message.get("content") or "", ensure_ascii=False)[1:-1]
        message["content"] = json.loads(json.dumps(wanted, ensure_ascii=False).replace("{text}", text))


_COMPLETION: dict[str, Callable[[Any, Json, Json], None]] = {
    "arguments": _each_call(_arguments),
    "id": _each_call(_id),
    "function_fields": _each_call(_function_fields),
    "name_prefix": _each_call(_name_prefix),
    "call_as_text": _call_as_text,
    "calls": _calls,
    "content": _content,
    "move": _move,
    "finish_reason": _finish,
    "content_parts": _content_parts,
}
