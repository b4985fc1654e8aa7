"""The ordinary report as Markdown: what `-v` prints, under the verdict as its heading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cab_check.report.md import fence, prose
from cab_check.report.verbose import verbose
from cab_check.report.verdict import WORDS

_WIDTH = 100


def markdown(record: Mapping[str, Any]) -> str:
    """The Record to read, every check and finding in it. Nothing is replaced: `--issue` makes what can be posted."""
    heading = f"{WORDS[record['handshake']['verdict']][0]}: {prose(record['handshake']['headline'])}"
    when = f"cab-check {prose(record['tool']['version'])}, {prose(record['started_at'])}. {prose(record['notice'])}."
    return f"# {heading}\n\n{when}\n\n{fence(verbose(record, 1, width=_WIDTH).plain, 'text')}\n"
