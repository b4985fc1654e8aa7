"""What a chat completion request says, once it is known to be well formed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is the text as it went over the wire, usually a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message; text parts are joined. `calls` only on assistant messages, `call_id` only on tool messages."""

    role: Role
    text: str
    calls: tuple[Call, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """An offered function; `parameters` is a JSON Schema of type object, or empty."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request. `named` is the tool that must be called, if one was named; `max_tokens` None means no limit."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    choice: Literal["auto", "none", "required"] = "auto"
    named: str | None = None
    parallel: bool = True
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    json_mode: bool = False
    json_schema: Mapping[str, Any] | None = None
    stream: bool = False
    include_usage: bool = False

    @property
    def system(self) -> str:
        """All system and developer text."""
        return "\n\n".join(message.text for message in self.messages if message.role in ("system", "developer"))


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that the model wants to make: the tool's name and the arguments as values."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says: text, or calls, or text and calls."""

    text: str = ""
    calls: tuple[Asked, ...] = ()
