"""The versions of agent CLIs on this machine, beside those that were measured: the one fact that no recording holds."""

from __future__ import annotations

from dataclasses import replace

from cab_check.handshake.result import Handshake
from cab_check.tuis.installed import here, installed_version
from cab_check.tuis.loader import profiles


def with_versions(handshake: Handshake) -> Handshake:
    """`handshake` with the installed version of each CLI that is found here. Package metadata is read, nothing run."""
    known, places = profiles(), here()
    return replace(
        handshake,
        tuis=tuple(replace(row, version_installed=installed_version(known[row.tui], places)) for row in handshake.tuis),
    )
