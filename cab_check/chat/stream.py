"""A chat completion that came as server-sent events."""

from __future__ import annotations

import json
from typing import Any

from cab_check.chat.callstream import CallStream
from cab_check.chat.errors import error_in
from cab_check.chat.plain import read_content, read_reasoning
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, Delta, Reply
from cab_check.chat.toolcalls import check_calls, check_finish
from cab_check.chat.usage import check_usage
from cab_check.wire.sse import SseEvent

DONE = "[DONE]"


class StreamReader:
    """Feed it the events of one stream in order, then ask for the reply."""

    def __init__(self, problems: Problems, *, usage_asked: bool) -> None:
        self._problems = problems
        self._usage_asked = usage_asked
        self._calls = CallStream(problems)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._reasoning_field: str | None = None
        self._finish: str | None = None
        self._usage: Any = None
        self._head: dict[str, Any] = {}
        self._error: ApiError | None = None
        self._done = False
        self._deltas: list[Delta] = []

    def feed(self, event: SseEvent, number: int, at_ms: float | None) -> None:
        """Take in one event; `number` is its place in the stream, from 0, `at_ms` when it came, None if unknown."""
        where = f"reply.events[{number}]"
        if event.data.strip() == DONE:
            self._done = True
            return
        if self._done:
            if event.data.strip():
                self._problems.add("stream-event-malformed", f"{where} after [DONE]", event.data, "framing")
            return
        value = self._decode(event, where)
        if value is not None and not self._failed(event, value, where):
            self._chunk(value, where, at_ms)

    def reply(self, *, complete: bool, explained: bool) -> Reply:
        """What the stream said. `complete`: HTTP ended as it should. `explained`: why there is no end is known already,
        because we stopped reading, or because no event could be made out.
        """
        calls, finish = self._calls.calls, self._finish
        self._calls.finish("reply.choices[0].delta.tool_calls")
        if self._error is None and not explained:
            self._check_end(complete)
        if finish is not None:
            merged = any(p.code == "stream-tool-index" and p.subject != "offset" for p in self._problems.all)
            checked = () if merged else calls
            check_calls(checked, "reply.choices[0].delta.tool_calls", "stream", finish, self._problems)
            check_finish(calls, finish, "reply.choices[0].finish_reason", self._problems)
        content, reasoning = "".join(self._content), "".join(self._reasoning)
        return Reply(
            streamed=True,
            content=content if self._content else None,
            reasoning=reasoning or None,
            reasoning_field=self._reasoning_field,
            tool_calls=calls,
            finish_reason=finish,
            usage=self._read_usage(bool(content or reasoning or calls)),
            model=_text(self._head.get("model")),
            id=self._head.get("id"),
            system_fingerprint=_text(self._head.get("system_fingerprint")),
            error=self._error,
            problems=self._problems.all,
            deltas=tuple(self._deltas),
        )

    def _decode(self, event: SseEvent, where: str) -> dict[str, Any] | None:
        """The event's JSON object; None, and noted, if it is something else."""
        try:
            value = json.loads(event.data)
        except (ValueError, RecursionError):
            if event.event == "error":
                return {"error": event.data or "error"}
            self._problems.add("stream-event-malformed", where, event.data, "json")
            return None
        if not isinstance(value, dict):
            self._problems.add("stream-event-malformed", where, event.data, "object")
            return None
        return value

    def _failed(self, event: SseEvent, value: dict[str, Any], where: str) -> bool:
        """Whether the event tells of an error, as a JSON field, as an event's name, or inside the choice."""
        error = error_in(value)
        choices = value.get("choices")
        if error is None and isinstance(choices, list) and choices and isinstance(choices[0], dict):
            inside = choices[0].get("error")
            error = error_in({"error": inside}) if inside else None
        if error is None and value.get("error") and choices:
            # OpenRouter sends the error beside a last, empty choice.
            error = error_in({"error": value["error"]})
        if error is None and event.event == "error":
            error = error_in({"error": value})
        if error is None:
            return False
        self._problems.add("stream-error-event", where, error.message or event.data)
        self._error = self._error or error
        return True

    def _chunk(self, value: dict[str, Any], where: str, at_ms: float | None) -> None:
        for field in ("id", "model", "system_fingerprint"):
            if value.get(field) and not self._head.get(field):
                self._head[field] = value[field]
        usage = value.get("usage")
        if isinstance(usage, dict) and usage:
            self._usage = usage
            self._note(at_ms, "usage")
        choices = value.get("choices")
        if not isinstance(choices, list):
            if "choices" in value or not usage:
                self._problems.add("stream-event-malformed", f"{where}.choices", value, "choices")
        elif not choices:
            if not (usage and self._usage_asked):
                self._problems.add("stream-empty-choices", f"{where}.choices", value)
        else:
            self._choices(choices, where, at_ms)

    def _choices(self, choices: list[Any], where: str, at_ms: float | None) -> None:
        """The first alternative of a chunk; others (`n` above 1) are left alone."""
        for choice in choices:
            if not isinstance(choice, dict) or not isinstance(choice.get("index"), int):
                self._problems.add("stream-event-malformed", f"{where}.choices", choices, "choices")
            if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
                self._choice(choice, f"{where}.choices[0]", at_ms)

    def _choice(self, choice: dict[str, Any], where: str, at_ms: float | None) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._delta(delta, where, at_ms)
        elif not choice.get("finish_reason") or self._problems.has("stream-event-malformed"):
            self._problems.add("stream-event-malformed", f"{where}.delta", choice, "delta")
        else:
            self._problems.add("stream-event-malformed", f"{where}.delta", choice, "last-delta")
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = finish
            self._note(at_ms, "finish", finish)

    def _delta(self, delta: dict[str, Any], where: str, at_ms: float | None) -> None:
        if delta.get("role") == "":
            self._problems.add("stream-event-malformed", f"{where}.delta.role", delta, "role")
        content = read_content(delta.get("content"), f"{where}.delta.content", self._problems)
        if content is not None:
            self._content.append(content)
            if content:
                self._note(at_ms, "content", content)
        reasoning, field = read_reasoning(delta)
        if reasoning is not None:
            self._problems.add("reasoning-field", f"{where}.delta.{field}", reasoning, field)
            self._reasoning_field = field
            self._reasoning.append(reasoning)
            self._note(at_ms, "reasoning", reasoning)
        if delta.get("tool_calls") is not None:
            added = self._calls.feed(delta["tool_calls"], f"{where}.delta.tool_calls")
            if delta["tool_calls"]:
                self._note(at_ms, "tool", added)

    def _check_end(self, complete: bool) -> None:
        if self._finish is None or not complete:
            where = "reply.choices[0].finish_reason" if complete else "reply"
            self._problems.add("stream-cut", where, self._tail())
        elif not self._done:
            self._problems.add("stream-done-missing", "reply", self._tail())

    def _tail(self) -> str:
        text = "".join(self._content) or "".join(self._reasoning)
        return f"finish_reason {self._finish!r}, [DONE] {self._done}, text ends {text[-80:]!r}"

    def _read_usage(self, produced: bool) -> Any:
        ended = self._finish is not None and self._error is None
        if self._usage is None and not (self._usage_asked and ended):
            return None
        return check_usage(self._usage, "reply.usage", "stream", produced, self._problems)

    def _note(self, at_ms: float | None, kind: str, text: str = "") -> None:
        if at_ms is not None:
            self._deltas.append(Delta(at_ms, kind, text))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
