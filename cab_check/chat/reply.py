"""What a reply says, read from its bytes, with every deviation named instead of repaired.

The values keep the type the server gave them (`id: object`): a judge has to see that `arguments` was an object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call as it came; of a stream, as a client that follows OpenAI's rules would put it together."""

    id: Any
    name: Any
    arguments: Any
    type: Any = "function"
    index: Any = None

    @property
    def parsed(self) -> Any:
        """The arguments as JSON if they are a string that holds JSON, else None."""
        import json

        if not isinstance(self.arguments, str):
            return None
        try:
            return json.loads(self.arguments)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server gave them; None where it gave nothing, or something other than a whole number."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error envelope, unwrapped from whatever form it came in (OpenAI, FastAPI, string, nested gateways ...).

    `message` is what the hop that answered says; `inner` is the error of the hop behind it, where a gateway quotes one.
    """

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    inner: ApiError | None = None

    @property
    def chain(self) -> tuple[ApiError, ...]:
        """This error and those quoted in it, the innermost first: it is the nearest to the cause."""
        return (*(self.inner.chain if self.inner else ()), self)


@dataclass(frozen=True, slots=True)
class Problem:
    """A deviation of form. `code` and `subject` are of the vocabulary of findings; `where` is a path in the reply."""

    code: str
    where: str
    excerpt: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """One moment of a stream in which something for the user or a tool arrived."""

    at_ms: float
    kind: str  # "content" | "reasoning" | "tool" | "finish" | "usage" | "other"
    text: str = ""


@dataclass(frozen=True)
class Reply:
    """One chat completion, plain or streamed. All None and empty if there was none; `problems` says why."""

    streamed: bool
    content: str | None = None
    reasoning: str | None = None
    reasoning_field: str | None = None  # the name of the field that it came in
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    id: Any = None
    system_fingerprint: str | None = None
    error: ApiError | None = None
    problems: tuple[Problem, ...] = ()
    deltas: tuple[Delta, ...] = field(default=(), repr=False)

    @property
    def whole(self) -> bool:
        """Whether a message was had at all: text, reasoning or a call, and no error."""
        return self.error is None and bool(self.content or self.reasoning or self.tool_calls)
