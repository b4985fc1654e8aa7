"""What a dialect is: the way in which the loop and a model speak of actions. The loop itself knows no dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cab_check.chat.build import Message
from cab_check.chat.reply import Reply


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is about: the task's words, and the tree that it begins with.

    `files` by path relative to `workdir`, with `/`; `editable` are those among them that a solution may change.
    """

    instruction: str
    workdir: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    editable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the model asked for, in a form that hands can carry out. `call_id` is the endpoint's own."""

    name: str
    arguments: Mapping[str, Any]
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What a reply comes to: `actions` to carry out, and `messages` to the model after them.

    `malformed` says what was wrong with the reply, if anything was; then `messages` tell the model, and without any
    it has no way to mend it and the run ends. `last`: there is nothing more to ask once the actions are carried out,
    and `detail` says how the run then ended.
    """

    actions: tuple[Action, ...] = ()
    messages: tuple[Message, ...] = ()
    malformed: str | None = None
    last: bool = False
    detail: str = ""


class Conversation(Protocol):
    """One run's talk with a model. It knows what was said and done in this run."""

    def opening(self) -> list[Message]:
        """The messages that the run begins with."""

    def tools(self) -> list[dict[str, Any]] | None:
        """The tools to offer in each request, None for a dialect that lives in the text."""

    def echo(self, reply: Reply) -> Message:
        """The assistant's message as it goes back to the endpoint in the next request."""

    def read(self, reply: Reply) -> Step:
        """What the reply asks for."""

    def observe(self, action: Action, outcome: str, ok: bool) -> Message | None:
        """What came of an action, as a message to the model; None if it is not told."""


class Dialect(Protocol):
    """A way of asking a model for actions and of telling it what came of them. Holds no state of a run."""

    @property
    def name(self) -> str:
        """As it stands in the Record, and as `--dialect` takes it."""

    @property
    def prompt_hash(self) -> str:
        """SHA-256, in hex, over everything this dialect says to a model that is not the task's own."""

    @property
    def malformed_in_a_row(self) -> int:
        """So many malformed replies without a sound one between them end a run."""

    def begin(self, work: Work) -> Conversation:
        """The talk of one run."""
