"""All faults by name, in the order of the layers in which they show."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from cab_check.base.errors import UsageError
from cab_check.demo.faults import (
    account,
    chat,
    context,
    messages,
    network,
    params,
    reasoning,
    streaming,
    surfaces,
    text_protocol,
    tools_request,
    tools_response,
)
from cab_check.demo.faults.fault import Fault

_MODULES = (
    network,
    account,
    chat,
    params,
    messages,
    tools_request,
    tools_response,
    streaming,
    reasoning,
    context,
    surfaces,
    text_protocol,
)
FAULTS: dict[str, Fault] = {fault.name: fault for module in _MODULES for fault in module.FAULTS}


def find(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names, each once. Raises UsageError for a name that is none."""
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in FAULTS:
            near = difflib.get_close_matches(name, FAULTS, n=3) or [known for known in FAULTS if name in known][:3]
            hint = f"Did you mean {', '.join(near)}? " if near else ""
            raise UsageError(f"There is no fault {name!r}.", f"{hint}All of them: cab-check demo faults")
    return tuple(FAULTS[name] for name in wanted)
