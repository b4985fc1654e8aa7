"""The dialects by name."""

from __future__ import annotations

from collections.abc import Mapping

from cab_check.agent.aider import AIDER_DIFF, AIDER_UDIFF, AIDER_WHOLE
from cab_check.agent.dialect import Dialect
from cab_check.agent.tool_calling import ToolCalling
from cab_check.base.errors import UnknownName

DEFAULT = "tool-calling"
_ALL: tuple[Dialect, ...] = (ToolCalling(), AIDER_DIFF, AIDER_WHOLE, AIDER_UDIFF)
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in _ALL}


def dialect(name: str) -> Dialect:
    """The dialect of that name. Raises UnknownName."""
    if name not in DIALECTS:
        raise UnknownName(f"There is no dialect {name!r}.", f"Known: {', '.join(DIALECTS)}.")
    return DIALECTS[name]
