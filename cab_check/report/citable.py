"""The benchmark's own container command, filled in for one endpoint and model: what a citable result is made with.

The image is the one that the benchmark's page (https://codingagentbench.com/) names for its OpenHands cell; no other is
known here. What the page says of it stands beside it: it runs as root and with the Docker socket mounted.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from cab_check.base.errors import UsageError

IMAGE = "codingagentbench/openhands:1.7.0"
DIGEST = "sha256:7fcaf222644a5cb0afffe018f038d270130b5af3b8af366cd960f2d596a4342c"
TUI = "openhands"
USUAL_TASK = "polyglot/rust-error-handling"


def citable(record: Mapping[str, Any], key_env: str = "CAB_KEY") -> list[str]:
    """Lines of a POSIX shell, and comments about them. The key is named by its variable.

    Raises UsageError for a run that names no endpoint or no model.
    """
    base_url = record["endpoint"]["base_url"]
    model = record["model"]["requested"] or record["model"]["answered"]
    if not base_url or not model:
        raise UsageError("That run names no endpoint or no model.", "Choose one that does: cab-check runs")
    task = record["task"]["id"] if record["task"] else USUAL_TASK
    return [
        "# The benchmark's container, filled in for this endpoint and model. A result of cab-check itself is not",
        "# for citation. cab-check has not run this command.",
        f"docker pull {IMAGE}@{DIGEST}",
        "docker run --rm \\",
        f"  -e CAB_ENDPOINT={shlex.quote(base_url)} \\",
        f'  -e CAB_KEY="${key_env}" \\',
        f"  {IMAGE}@{DIGEST} \\",
        "  run-cell \\",
        f"    --tui {TUI} \\",
        f"    --model {shlex.quote(model)} \\",
        f"    --task {shlex.quote(task)}",
        "",
        "# The command mounts nothing itself. The published cell was run as root and with the Docker socket mounted",
        "# into the container, which gives what runs in it this machine's root. Whoever adds",
        "#   -v /var/run/docker.sock:/var/run/docker.sock",
        "# gives that away too: use a machine that holds nothing else. The page does not say whether the cell ends",
        "# well without it.",
        *_near(base_url),
        *_other_task(record),
    ]


def _near(base_url: str) -> list[str]:
    host = base_url.partition("://")[2].partition("/")[0].rpartition(":")[0] or base_url
    if not any(name in host for name in ("localhost", "127.0.0.1", "[::1]")):
        return []
    return [
        "# This address is the container's own from inside it. With Docker on Linux add --network host; elsewhere",
        "# write host.docker.internal in its place.",
    ]


def _other_task(record: Mapping[str, Any]) -> list[str]:
    if record["task"] is None:
        return [f"# No task was run here: {USUAL_TASK} is the one of the benchmark's page."]
    return ["# The task of that name here was rebuilt from the benchmark's page; the two are not comparable."]
