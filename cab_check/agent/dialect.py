"""What a dialect is: the way in which the loop and a model speak of actions. The loop itself knows no dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cab_check.chat.build import Message
from cab_check.chat.reply import Reply


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the model asked for, in a form that hands can carry out. `call_id` is the endpoint's own."""

    name: str
    arguments: Mapping[str, Any]
    call_id: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A reply that asks for nothing that can be done. None of its actions is carried out.

    `messages` tell the model what was wrong. Without any, the model has no way to mend it and the run ends.
    """

    why: str
    messages: tuple[Message, ...] = ()


class Dialect(Protocol):
    """A way of asking a model for actions and of telling it what came of them. Holds no state of a run."""

    @property
    def name(self) -> str:
        """As it stands in the Record."""

    @property
    def prompt_hash(self) -> str:
        """SHA-256, in hex, over everything this dialect says to a model that is not the task's own."""

    def opening(self, instruction: str, workdir: str) -> list[Message]:
        """The messages that a run begins with."""

    def tools(self) -> list[dict[str, Any]] | None:
        """The tools to offer in each request, None for a dialect that lives in the text."""

    def echo(self, reply: Reply) -> Message:
        """The assistant's message as it goes back to the endpoint in the next request."""

    def actions(self, reply: Reply) -> Sequence[Action] | Malformed:
        """What the reply asks for; empty if the model says that it is done."""

    def observe(self, action: Action, outcome: str) -> Message:
        """What came of an action, as a message to the model."""
