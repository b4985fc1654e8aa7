"""A chat completion that came as one JSON document."""

from __future__ import annotations

from typing import Any

from cab_check.chat.errors import error_in
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, Reply
from cab_check.chat.toolcalls import check_calls, check_finish, read_calls
from cab_check.chat.usage import check_usage

REASONING_FIELDS = ("reasoning_content", "reasoning")
_CHOICE = "reply.choices[0]"


def read_plain(value: Any, problems: Problems, status: int | None) -> Reply:
    """The completion in `value`, a JSON document under a 2xx status."""
    error = error_in(value, None) or _choice_error(value)
    if error is not None:
        problems.add("error-in-success", "reply.error", error.message or value)
        return Reply(False, error=_at(error, status), problems=problems.all, model=_text_of(value, "model"))
    choice = _first_choice(value, problems)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        if choice is not None:
            problems.add("response-shape", f"{_CHOICE}.message", choice, "message")
        return Reply(False, problems=problems.all, model=_text_of(value, "model"))
    return _read_message(value, choice, message, problems)


def read_reasoning(message: dict[str, Any]) -> tuple[str | None, str | None]:
    """Reasoning text and the name of the field that it came in; None, None if there is none."""
    for field in REASONING_FIELDS:
        text = message.get(field)
        if isinstance(text, str) and text:
            return text, field
    return None, None


def read_content(content: Any, where: str, problems: Problems) -> str | None:
    """The text of a message. A list of parts is no chat completion's content: noted, and its text kept."""
    if content is None or isinstance(content, str):
        return content
    problems.add("response-shape", where, content, "content")
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str)) or None


def _read_message(value: dict[str, Any], choice: dict[str, Any], message: dict[str, Any], problems: Problems) -> Reply:
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) and finish else None
    content = read_content(message.get("content"), f"{_CHOICE}.message.content", problems)
    reasoning, field = read_reasoning(message)
    calls = read_calls(message.get("tool_calls"), f"{_CHOICE}.message.tool_calls", problems)
    if field is not None:
        problems.add("reasoning-field", f"{_CHOICE}.message.{field}", reasoning, field)
    if finish is None:
        problems.add("stream-cut", f"{_CHOICE}.finish_reason", choice.get("finish_reason"))
    check_calls(calls, f"{_CHOICE}.message.tool_calls", "plain", finish, problems)
    check_finish(calls, finish, f"{_CHOICE}.finish_reason", problems)
    produced = bool(content or reasoning or calls)
    return Reply(
        streamed=False,
        content=content,
        reasoning=reasoning,
        reasoning_field=field,
        tool_calls=calls,
        finish_reason=finish,
        usage=check_usage(value.get("usage"), "reply.usage", "plain", produced, problems),
        model=_text_of(value, "model"),
        id=value.get("id"),
        system_fingerprint=_text_of(value, "system_fingerprint"),
        problems=problems.all,
    )


def _first_choice(value: Any, problems: Problems) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        problems.add("response-shape", "reply", value, "body")
        return None
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        problems.add("response-shape", "reply.choices", choices if choices else value, "choices")
        return None
    return choices[0]


def _choice_error(value: Any) -> ApiError | None:
    """OpenRouter reports an upstream's failure inside the choice, under status 200."""
    choices = value.get("choices") if isinstance(value, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return error_in({"error": first["error"]}) if isinstance(first, dict) and first.get("error") else None


def _at(error: ApiError, status: int | None) -> ApiError:
    return ApiError(error.message, error.type, error.code, error.param, status, error.inner)


def _text_of(value: Any, field: str) -> str | None:
    found = value.get(field) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
