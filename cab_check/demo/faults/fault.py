"""What a fault is, and how faults are laid over a handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cab_check.demo.http import Handler, HttpReply, HttpRequest

Before = Callable[[HttpRequest], HttpRequest]
After = Callable[[HttpRequest, HttpReply], HttpReply]


def unread(request: HttpRequest) -> HttpRequest:
    """The request as it came."""
    return request


def untouched(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """The reply as it is."""
    return reply


@dataclass(frozen=True, slots=True)
class Given:
    """What the user of a faulty endpoint has set: the faults of a setting show only there.

    `path` is appended to the origin, `key` stands for the endpoint's own key (None: none is given), `model` for the
    served one. `patience_s` is how many seconds one request may take, so that a fault of timing shows soon.
    """

    path: str = "/v1"
    key: str | None = "{key}"
    model: str | None = None
    patience_s: float | None = None

    def or_else(self, other: Given) -> Given:
        """Both settings; where both differ from the usual, this one."""
        usual = Given()
        return Given(
            path=self.path if self.path != usual.path else other.path,
            key=self.key if self.key != usual.key else other.key,
            model=self.model or other.model,
            patience_s=self.patience_s or other.patience_s,
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """A named fault. `code` and `subject` are what it shows, in the vocabulary of findings; `says` is one sentence.

    `before` changes the request on its way to the sound endpoint. `after` is given the request as the client sent it
    and the reply so far, and changes the reply: its values, its events, or how its bytes are delivered.
    """

    name: str
    code: str
    says: str
    before: Before = unread
    after: After = untouched
    subject: str | None = None
    given: Given = Given()


def lay(handler: Handler, faults: Sequence[Fault]) -> Handler:
    """`handler` with all of `faults` over it, the first one nearest to it."""

    def faulty(request: HttpRequest) -> HttpReply:
        changed = request
        for fault in reversed(faults):
            changed = fault.before(changed)
        reply = handler(changed)
        for fault in faults:
            reply = fault.after(request, reply)
        return reply

    return faulty


def given_for(faults: Sequence[Fault]) -> Given:
    """The settings under which all of `faults` show, as far as they agree; the first one has the say."""
    given = Given()
    for fault in faults:
        given = given.or_else(fault.given)
    return given
