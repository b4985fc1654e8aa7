"""Reading the TOML files that ship beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The tables of `cab_check/knowledge/<name>`. A file that does not parse is a defect of ours and raises."""
    return tomllib.loads(resources.files("cab_check.knowledge").joinpath(name).read_text("utf-8"))


def load_folder(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of each TOML file in `cab_check/knowledge/<name>/` with the file's name, in the order of the names."""
    for file in sorted(resources.files("cab_check.knowledge").joinpath(name).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            yield file.name, tomllib.loads(file.read_text("utf-8"))
