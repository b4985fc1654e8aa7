"""Reading the TOML files that ship beside this module."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The tables of `cab_check/knowledge/<name>`. A file that does not parse is a defect of ours and raises."""
    return tomllib.loads(resources.files("cab_check.knowledge").joinpath(name).read_text("utf-8"))
