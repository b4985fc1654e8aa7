"""The fixed set of edits that make a sound reply wrong: before the model, on the completion, on its chunks, on bytes.

Each is named in README.md. All are pure: they take plain JSON and give plain JSON.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
_PIECE = re.compile(r".{1,24}(?:\s+|$)|.{1,24}", re.DOTALL)


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
        body["messages"] = [item for item in body.get("messages", []) if item.get("role") != edit["forget_role"]]
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
    if not calls:
        return
    text = form.get("open", "") + "".join(_written(form, call, index) for index, call in enumerate(calls))
    text = form.get("before", "") + text + form.get("close", "")
    into = form.get("into", "content")
    message[into] = text if into != "content" else (message.get("content") or "") + text
    if not form.get("keep_calls"):
        del message["tool_calls"]
        choice["finish_reason"] = form.get("finish_reason", "stop")


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


_COMPLETION: dict[str, Callable[[Any, Json, Json], None]] = {
    "arguments": _each_call(_arguments),
    "id": _each_call(_id),
    "function_fields": _each_call(_function_fields),
    "call_as_text": _call_as_text,
    "calls": _calls,
    "content": _content,
    "move": _move,
    "finish_reason": _finish,
}


# -- on the chunks -----------------------------------------------------------------------------------------------


def as_chunks(done: Json, *, include_usage: bool) -> list[Json]:
    """A completion as the chunks of a sound stream, `[DONE]` not included; fields it does not know ride on deltas."""
    choice = done["choices"][0]
    message = choice["message"]
    frame = {**{k: v for k, v in done.items() if k not in ("choices", "usage")}, "object": "chat.completion.chunk"}
    chunks = [_chunk(frame, {"role": "assistant", "content": ""})]
    for name in message:
        if name in ("role", "refusal", "tool_calls") or not isinstance(message[name], str):
            continue
        chunks += [_chunk(frame, {name: piece}) for piece in _PIECE.findall(message[name])]
    for index, call in enumerate(message.get("tool_calls") or []):
        chunks += _call_chunks(frame, index, call)
    chunks.append(_chunk(frame, {}, choice.get("finish_reason")))
    if include_usage and done.get("usage"):
        chunks.append({**frame, "choices": [], "usage": done["usage"]})
    return chunks


def _call_chunks(frame: Json, index: int, call: Json) -> list[Json]:
    arguments = call["function"]["arguments"]
    first = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
    if not isinstance(arguments, str):
        first["function"]["arguments"] = arguments
        return [_chunk(frame, {"tool_calls": [first]})]
    pieces = [{"index": index, "function": {"arguments": piece}} for piece in _PIECE.findall(arguments)]
    return [_chunk(frame, {"tool_calls": [part]}) for part in (first, *pieces)]


def _chunk(frame: Json, delta: Json, finish_reason: str | None = None) -> Json:
    return {**frame, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def edit_chunks(chunks: list[Json], edit: Json) -> list[Json]:
    """The chunks as the server streams them."""
    chunks = copy.deepcopy(chunks)
    for name, work in _CHUNKS.items():
        if name in edit:
            chunks = work(edit[name], chunks)
    return chunks


def _parts(chunk: Json) -> list[Json]:
    return [part for choice in chunk["choices"] for part in choice["delta"].get("tool_calls") or []]


def _index_offset(by: int, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for part in _parts(chunk):
            part["index"] += by
    return chunks


def _arguments_index(offset: int, chunks: list[Json]) -> list[Json]:
    """The parts after the first of a call carry another index than the first."""
    for chunk in chunks:
        for part in _parts(chunk):
            part["index"] += 0 if "id" in part else offset
    return chunks


def _call_choice(index: int, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        if _parts(chunk):
            chunk["choices"][0]["index"] = index
    return chunks


def _call_not_list(wanted: bool, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        if _parts(chunk):
            delta = chunk["choices"][0]["delta"]
            delta["tool_calls"] = delta["tool_calls"][0]
    return chunks


def _repeat_calls(at: int, chunks: list[Json]) -> list[Json]:
    """Each call comes again whole, with the same id, at an index further on."""
    again = copy.deepcopy([chunk for chunk in chunks if _parts(chunk)])
    end = max((n for n, chunk in enumerate(chunks) if _parts(chunk)), default=-1) + 1
    return [*chunks[:end], *_index_offset(at, again), *chunks[end:]]


def _cut_after(share: float, chunks: list[Json]) -> list[Json]:
    """The stream ends after this share of the chunks, where it carries a call."""
    return chunks[: max(2, int(len(chunks) * share))] if any(_parts(chunk) for chunk in chunks) else chunks


def _set_all(fields: Json, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for path, value in fields.items():
            put(chunk, path, copy.deepcopy(value))
    return chunks


def _drop_all(paths: list[str], chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for path in paths:
            drop(chunk, path)
    return chunks


def _role_everywhere(role: str, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for choice in chunk["choices"]:
            choice["delta"]["role"] = role
    return chunks


_CHUNKS: dict[str, Callable[[Any, list[Json]], list[Json]]] = {
    "repeat_calls": _repeat_calls,
    "index_offset": _index_offset,
    "arguments_index": _arguments_index,
    "call_choice": _call_choice,
    "call_not_list": _call_not_list,
    "cut_after": _cut_after,
    "role_everywhere": _role_everywhere,
    "set_all": _set_all,
    "drop_all": _drop_all,
}


# -- on the bytes of a stream ------------------------------------------------------------------------------------


def edit_bytes(stream: bytes, edit: Json) -> bytes:
    """The bytes of a whole event stream as they go out."""
    events = [event for event in stream.split(b"\n\n") if event.strip()]
    if edit.get("no_done"):
        events = [event for event in events if event.strip() != b"data: [DONE]"]
    if edit.get("blank_data"):
        events = [part for event in events for part in (b"data: ", event)]
    if edit.get("no_event_lines"):
        events = [re.sub(rb"(?m)^event: .*\n", b"", event) for event in events]
    if edit.get("split_event_lines"):
        events = [re.sub(rb"(?m)^(event: .*)\n", rb"\1\n\n", event) for event in events]
    return b"".join(event + b"\n\n" for event in events)
