"""Error envelopes, unwrapped from the forms that servers, frameworks and gateways put them in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from html import unescape
from http import HTTPStatus
from typing import Any

from cab_check.base.text import clean
from cab_check.chat.reply import ApiError

_MESSAGE_KEYS = ("message", "msg", "error_msg", "status_msg", "detail", "title", "error_message")
_CODE_KEYS = ("code", "status_code", "error_code", "errorCode", "statusCode")
_SUCCESS = frozenset({"0", "200", "ok", "success"})
"""What a `code` says where all is well, in lower case."""
_PHRASES = frozenset(status.phrase.lower() for status in HTTPStatus)
_MAX_TEXT = 8000
_MAX_DEPTH = 6
_QUOTED = re.compile(r"(?:Exception|Error code: \d{3}|provider ?\([^)]*\)|error:?)\s*[-:]?\s*(?=[{\[])")
_HTML = re.compile(r"^\s*(?:<!--[^>]{0,500}-->\s*)?(?:<!doctype\s+html|<html|<head|<body|<title)", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def is_html(data: bytes | str) -> bool:
    """Whether the body is a web page."""
    text = data[:2000].decode("utf-8", "replace") if isinstance(data, bytes) else data[:2000]
    return bool(_HTML.match(text.lstrip("\ufeff")))


def read_error(status: int | None, data: bytes) -> ApiError | None:
    """The error that a reply carries, or None if it carries none.

    A status of 400 or more always gives an error, an empty body one with an empty message and the type `empty`; under
    a lower status only a body that is an error envelope does. Web pages get the type `html` and their title, other
    text the type `text`.
    """
    failed = status is not None and status >= 400
    text = data.decode("utf-8", "replace").strip()
    if not text:
        return ApiError("", type="empty", status=status) if failed else None
    value = _json(text)
    if value is None and text.startswith("data:"):
        value = _json(text.split("\n", 1)[0][5:].strip())
    if value is not None:
        found = error_in(value, status)
        if found is not None or not failed:
            return found
    if not failed:
        return None
    if is_html(text):
        return ApiError(page_title(text), type="html", status=status)
    return ApiError(clean(text)[:_MAX_TEXT], type="text", status=status)


def error_in(value: Any, status: int | None = None) -> ApiError | None:
    """The error in a JSON value, or None if it is no error envelope. A chat completion is none."""
    return _envelope(value, status, 0)


def page_title(text: str) -> str:
    """What a web page calls itself: its title, else its first heading, else its first words."""
    match = _TITLE.search(text)
    words = match.group(2) if match else _TAG.sub(" ", text)
    return " ".join(clean(unescape(_TAG.sub(" ", words))).split())[:200]


def _envelope(value: Any, status: int | None, depth: int) -> ApiError | None:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        # Google's OpenAI surface wraps the envelope in a list.
        return _envelope(value[0], status, depth + 1) if len(value) == 1 else None
    if not isinstance(value, dict) or value.get("choices"):
        return None
    error = value.get("error")
    if isinstance(error, Mapping) and error:
        return _from_object(error, value, status, depth)
    base = value.get("base_resp")  # MiniMax
    if isinstance(base, Mapping) and str(base.get("status_code", 0)) not in _SUCCESS:
        return _from_object(base, {}, status, depth)
    listed = value.get("errors")  # Cloudflare's API, watsonx
    if isinstance(listed, list) and listed and isinstance(listed[0], Mapping):
        return _from_object(listed[0], value, status, depth)
    if isinstance(error, str) and error:
        kind = _word(value.get("error_type")) or _word(value.get("type"))
        return _quoting(ApiError(clean(error)[:_MAX_TEXT], kind, _word(value.get("code")), None, status), depth)
    if value.get("object") == "error" or value.get("type") == "error" or value.get("status") == "failure":
        return _from_object(value, {}, status, depth)
    if "detail" in value and len(value) == 1:
        return _from_detail(value["detail"], status, depth)
    failed = status is not None and status >= 400
    if failed or _is_bare(value):
        return _from_object(value, {}, status, depth) if _message(value) is not None else None
    return None


def _is_bare(value: Mapping[str, Any]) -> bool:
    """Whether an object under a success status is an error by itself: words, and a code or a flag that is no success.

    Where nothing but the words and a type stands there (`{"message", "type"}`), they are taken for an error too.
    """
    if "id" in value or not any(isinstance(value.get(key), str) for key in ("message", "msg")):
        return False
    codes = [str(value[key]).lower() for key in _CODE_KEYS if value.get(key) is not None]
    if value.get("success") is True or (codes and all(code in _SUCCESS for code in codes)):
        return False
    return bool(codes) or value.get("success") is False or "type" in value


def _from_object(error: Mapping[str, Any], around: Mapping[str, Any], status: int | None, depth: int) -> ApiError:
    """The usual form, `{"message", "type", "param", "code"}`, with or without an envelope around it."""
    message = _message(error)
    if message is None:
        message = json.dumps(error, ensure_ascii=False, default=str)
    within = error.get("message")
    kind = _word(error.get("type")) or _word(error.get("status")) or _word(around.get("error_type"))
    found = ApiError(
        message=clean(message)[:_MAX_TEXT],
        type=kind,
        code=next((word for key in _CODE_KEYS if (word := _word(error.get(key)))), None),
        param=_word(error.get("param")),
        status=status,
        inner=_of_metadata(error.get("metadata"), depth) or (_inside(within, depth) if within else None),
    )
    return found if found.inner else _quoting(found, depth)


def _from_detail(detail: Any, status: int | None, depth: int) -> ApiError:
    """FastAPI's form: a string, an object, or a list of validation errors with their places."""
    if isinstance(detail, str):
        return ApiError(clean(detail)[:_MAX_TEXT], status=status)
    if isinstance(detail, Mapping):
        return _from_object(detail, {}, status, depth)
    items = [item for item in detail if isinstance(item, Mapping)] if isinstance(detail, list) else []
    lines = [f"{'.'.join(map(str, item.get('loc') or ()))}: {item.get('msg', '')}".lstrip(": ") for item in items]
    places = [item["loc"] for item in items if isinstance(item.get("loc"), list) and item["loc"]]
    param = str(places[0][-1]) if places else None
    return ApiError(clean("; ".join(lines) or str(detail))[:_MAX_TEXT], "validation", None, param, status)


def _of_metadata(metadata: Any, depth: int) -> ApiError | None:
    """OpenRouter keeps the provider's own reply in `metadata.raw`, as JSON inside a string or as plain text."""
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if isinstance(raw, str) and raw.strip():
        inner = _envelope(_json(raw), None, depth + 1)
        return inner or ApiError(clean(raw)[:_MAX_TEXT], type="text")
    return _envelope(raw, None, depth + 1)


def _inside(message: Any, depth: int) -> ApiError | None:
    """What stands in a message that is an object, as Mistral's `{"detail": [...]}` of a validation."""
    return _envelope(message, None, depth + 1) if isinstance(message, Mapping) else None


def _quoting(error: ApiError, depth: int) -> ApiError:
    """`error` with the envelope that its message quotes: `OpenAIException - {...}`, `Error code: 501 - {...}`."""
    starts = [0] if error.message[:1] in "{[" else [match.end() for match in _QUOTED.finditer(error.message)]
    for start in starts:
        value = _literal(error.message[start:])
        inner = _envelope(value, None, depth + 1) if value is not None else None
        if inner is not None:
            return ApiError(error.message, error.type, error.code, error.param, error.status, inner)
    return error


def _literal(text: str) -> Any:
    """The JSON value at the start of `text`, or the Python one: LiteLLM prints the reply of its upstream as a dict."""
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        pass
    end = _closing(text)
    try:
        return ast.literal_eval(text[:end]) if end else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _closing(text: str) -> int:
    """The position after the bracket that closes the first one, 0 if there is none; strings are stepped over."""
    level, quote, position = 0, "", 0
    while position < len(text):
        char = text[position]
        if quote:
            position += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{[":
            level += 1
        elif char in "}]":
            level -= 1
            if level == 0:
                return position + 1
        position += 1
    return 0


def _message(error: Mapping[str, Any]) -> str | None:
    """The text of an error object; None if it has no field that could hold one. A problem document (RFC 9457) says it
    in two, what kind of problem it is and what it is this time, but for a title that is the status in words.
    """
    title, detail = error.get("title"), error.get("detail")
    if isinstance(title, str) and isinstance(detail, str) and "message" not in error and title.lower() not in _PHRASES:
        return f"{title}: {detail}"
    for key in _MESSAGE_KEYS:
        value = error.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, (dict, list)) and value:
            return json.dumps(value, ensure_ascii=False, default=str)
    inner = error.get("error")
    return inner if isinstance(inner, str) else None


def _word(value: Any) -> str | None:
    """A type, code or param as text; None for null, nothing, and the "None" that Python gateways print for null."""
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    text = clean(str(value)).strip()
    return text[:200] if text and text != "None" else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
