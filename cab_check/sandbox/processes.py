"""The processes below one, as `ps` tells them: for systems without /proc."""

from __future__ import annotations

import subprocess

_PS = ("/bin/ps", "-A", "-o", "pid=,ppid=,rss=")
_PS_S = 5.0


def below(root: int) -> dict[int, int]:
    """Every process below `root`, and itself, with its resident size in bytes. Empty if `ps` does not answer."""
    try:
        done = subprocess.run(_PS, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PS_S, env={}, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return tree(done.stdout.decode("ascii", "replace"), root)


def tree(listing: str, root: int) -> dict[int, int]:
    """The same from the listing: lines of pid, parent's pid and kilobytes."""
    rows = [tuple(map(int, line.split())) for line in listing.splitlines() if len(line.split()) == 3]
    sizes = {pid: kilobytes * 1024 for pid, _, kilobytes in rows}
    children: dict[int, list[int]] = {}
    for pid, parent, _ in rows:
        children.setdefault(parent, []).append(pid)
    found: dict[int, int] = {}
    pending = [root]
    while pending:
        pid = pending.pop()
        if pid in sizes and pid not in found:
            found[pid] = sizes[pid]
            pending += children.get(pid, [])
    return found
