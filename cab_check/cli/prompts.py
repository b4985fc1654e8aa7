"""Questions to a person at a terminal. In CI, or without a terminal, nothing is asked: what is missing is an error."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from cab_check.base.errors import Stopped, UsageError
from cab_check.base.text import one_line
from cab_check.cli.local import LocalServer, look_around
from cab_check.cli.options import Reach
from cab_check.cli.screen import say
from cab_check.cli.session import Session
from cab_check.cli.target import Target, read_target
from cab_check.wire.secret import Secret

_NO_ENDPOINT = "No endpoint was given."
_SHOWN = 20


def possible() -> bool:
    """Whether somebody can be asked: stdin and stderr are a terminal, and this is not CI."""
    return (
        not os.environ.get("CI")
        and sys.stdin is not None
        and not sys.stdin.closed
        and sys.stdin.isatty()
        and sys.stderr.isatty()
    )


def endpoint(session: Session, reach: Reach) -> Target:
    """The endpoint that answers on this machine, chosen by the user if there are several. Raises UsageError."""
    how = "cab-check --endpoint URL, or set CAB_ENDPOINT; without an endpoint of your own: cab-check demo"
    if not possible():
        raise UsageError(_NO_ENDPOINT, how)
    say(f"{_NO_ENDPOINT} Looking at the usual ports of this machine, without a key ...")
    found = session.run(look_around())
    if not found:
        raise UsageError("No endpoint was given, and nothing answers on the usual ports of this machine.", how)
    for number, server in enumerate(found, start=1):
        say(f"  {number}  {_described(server)}")
    chosen = found[_number("Which one?", len(found)) - 1] if len(found) > 1 else found[0]
    target = read_target(replace(reach, endpoint=chosen.base_url), os.environ)
    assert target is not None
    return target


def key(origin: str, refused: str | None = None) -> Secret | None:
    """A key typed without being shown; None if nothing was typed. `refused`: where the key came from that was."""
    asks = f"{origin} refuses the key from {refused}. Another one" if refused else f"{origin} wants a key"
    try:
        typed = getpass.getpass(f"{asks} (not shown, not stored; Enter: none): ")
    except EOFError:
        return None
    except KeyboardInterrupt as error:
        raise Stopped("Interrupted by Ctrl-C.") from error
    return Secret(typed) if typed else None


def model(listed: Sequence[str] | None, instead: str = "") -> str:
    """The model to ask: the only one, or the user's choice; `instead` is what came in place of a list.

    Raises UsageError where nobody can choose.
    """
    if not listed:
        raise UsageError(f"The endpoint lists no models{instead}, so the model must be named.", "Add --model ID.")
    if len(listed) == 1:
        return listed[0]
    shown = [one_line(name, 60) for name in listed[:_SHOWN]]
    if not possible():
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        raise UsageError(f"The endpoint serves {len(listed)} models: {', '.join(shown)}{more}.", "Add --model ID.")
    for number, name in enumerate(shown, start=1):
        say(f"  {number:2}  {name}")
    return listed[_number("Which model?", len(shown)) - 1]


def _described(server: LocalServer) -> str:
    models = ", ".join(one_line(name, 40) for name in server.models[:3])
    more = f" and {len(server.models) - 3} more" if len(server.models) > 3 else ""
    what = f"{models}{more}" if models else "wants a key" if server.status != 200 else "no model loaded"
    return f"{server.base_url}  ({server.usual}'s usual port)  {what}"


def _number(question: str, most: int) -> int:
    while True:
        print(f"{question} [1-{most}] ", end="", file=sys.stderr, flush=True)
        try:
            typed = sys.stdin.readline()
        except KeyboardInterrupt as error:
            raise Stopped("Interrupted by Ctrl-C.") from error
        if not typed:
            raise UsageError("Nothing was chosen.", "Name it on the command line instead.")
        if typed.strip().isdigit() and 1 <= int(typed) <= most:
            return int(typed)
