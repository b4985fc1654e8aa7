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
    other_apis,
    params,
    reasoning,
    streaming,
    surfaces,
    text_protocol,
    tools_request,
    tools_response,
)
from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.over import everywhere

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
    other_apis,
    text_protocol,
)
OF_ANY_API = frozenset(
    {
        "special-tokens-in-text",
        "reasoning-in-text",
        "tool-parser-disabled",
        "model-lacks-tools",
        "tool-call-missing",
        "tool-call-as-text",
        "tool-call-swallowed",
        "tool-call-parse-failure",
        "tool-name-wrong",
        "tool-name-wrong-until-told",
        "tool-arguments-invalid-json",
        "tool-arguments-invalid-json-until-told",
        "tool-arguments-double-encoded",
        "tool-arguments-schema-mismatch",
        "tool-arguments-schema-mismatch-until-told",
        "tool-arguments-unfaithful",
        "tool-result-ignored",
        "server-crashed-on-tools",
        "context-too-small",
    }
)
"""Faults of the model, its parser or its engine: they show over every API that leads to it."""

_ALL = (fault for module in _MODULES for fault in module.FAULTS)
FAULTS: dict[str, Fault] = {fault.name: everywhere(fault) if fault.name in OF_ANY_API else fault for fault in _ALL}


def find(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names, each once. Raises UsageError for a name that is none."""
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in FAULTS:
            near = difflib.get_close_matches(name, FAULTS, n=3) or [known for known in FAULTS if name in known][:3]
            hint = f"Did you mean {', '.join(near)}? " if near else ""
            raise UsageError(f"There is no fault {name!r}.", f"{hint}All of them: cab-check demo faults")
    return tuple(FAULTS[name] for name in wanted)
