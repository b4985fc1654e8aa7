"""`cab-check explain CODE`: what a finding means, who can mend it, and how it is mended where we know."""

from __future__ import annotations

from typing import Annotated

import typer

from cab_check.cli.show import put
from cab_check.knowledge.vocabulary import code, codes, layers


def explain(name: Annotated[str | None, typer.Argument(metavar="CODE")] = None) -> None:
    """A finding: what it means, who is hit, how it is mended. Without CODE: all of them."""
    if name is None:
        for layer in layers():
            put([layer, *(f"  {entry.code:34} {entry.means}" for entry in codes().values() if entry.layer == layer)])
        return
    entry = code(name.partition(":")[0])
    put(
        [
            f"{entry.code}: {entry.means}",
            "",
            f"layer     {entry.layer}",
            f"severity  {entry.severity} (for a client that streams chat and uses tools over two turns)",
            f"mended by {entry.owner}, unless the bytes show another",
            *([f"subject   {entry.subject}"] if entry.subject else []),
        ]
    )
