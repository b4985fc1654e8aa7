"""What has been done so far for a job: the calls that the model made, and what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cab_check.demo.conversation import Asked, Message

_ERROR = re.compile(
    r"\s*(?:<[^<>\n]{1,60}>\s*)*(?:\W{0,8})(?:\"?error|failed|failure|cannot|can't|could not|unable|no such|not found|"
    r"traceback|invalid|denied|permission|unknown|exception|file (?:does not|doesn't|already)|path does not)",
    re.IGNORECASE,
)
_ERROR_INSIDE = re.compile(
    r"must be (?:an )?absolute|No such file or directory|"
    r"already exists|does not exist|not found|<tool_use_error>|<tool_error>|"
    r"\"success\": ?false|returncode>[1-9]|exit(?:ed)?(?: with)?(?: code)?:? [1-9]",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"[ \t]*0*(\d+)(?:\t|→|\||: ?|  )(.*)")
_WRAPPED = re.compile(r"<(content|file|output|stdout)\b[^>]*>\n?(.*?)\n?</\1>", re.DOTALL)
_REPORTED = re.compile(r"(?:[^\n]+\n){0,6}?[^\n]*\bexit(?:ed)?\b[^\n]*\n(?:[^\n]+\n){0,4}?Output:\n(.*)", re.DOTALL)
_ASIDE = re.compile(r"(?:Code|Command) output:\s*\n(.*?)\n{3,}[^\n]+$", re.DOTALL)
_FENCED = re.compile(r"```(stdout|output)\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One call and its result; `result` is None while none has come back."""

    call: Asked
    result: str | None

    @property
    def worked(self) -> bool:
        """Whether a result has come back that does not read like an error."""
        return self.result is not None and not self.failed

    @property
    def failed(self) -> bool:
        """Whether the result reads like an error. A short one may say so anywhere, a long one only at its start."""
        text = self.result or ""
        return bool(_ERROR.match(text) or (len(text) < 600 and _ERROR_INSIDE.search(text)))


def steps_of(messages: Sequence[Message]) -> list[Step]:
    """The tool calls in `messages`, in order, each with the tool message that answers it."""
    results = {message.call_id: message.text for message in messages if message.role == "tool"}
    return [
        Step(Asked(call.name, _arguments(call.arguments)), results.get(call.id))
        for message in messages
        for call in message.calls
    ]


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def file_text(result: str) -> str:
    """A file's content out of what a read tool returned: without JSON, tags or line numbers around it."""
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        texts = [value[name] for name in ("content", "text", "output", "stdout") if isinstance(value.get(name), str)]
        return file_text(texts[0]) if texts else result
    reported = _REPORTED.match(result)
    if reported:
        return reported[1]
    beside = _ASIDE.match(result)
    if beside:
        return f"{beside[1]}\n"
    numbered = [found for line in result.split("\n") if (found := _NUMBERED.fullmatch(line))]
    if numbered and [int(found[1]) for found in numbered] == list(range(1, len(numbered) + 1)):
        return "\n".join(found[2] for found in numbered) + ("\n" if result.endswith("\n") else "")
    wrapped = _WRAPPED.search(result) or _FENCED.search(result)
    return wrapped[2] if wrapped else result
