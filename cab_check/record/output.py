"""`-o FILE`: the Record written where the user says, in the form that the file's suffix names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cab_check.base.errors import OutputError
from cab_check.record.document import dumps

FORMS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {".json": dumps}


def check(path: Path) -> None:
    """See before the job that `write` will be able to: raises OutputError with the reason if not."""
    _form(path)
    if path.is_dir():
        raise OutputError(f"{path} is a directory.", f"Name a file in it: -o {path / 'run.json'}")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path} is there already and cannot be written.")
        if not path.is_file():  # a pipe or a device: opening it to try would already be using it
            return
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OutputError(f"Nothing can be written in {path.parent}: {error.strerror}.") from error


def write(record: Mapping[str, Any], path: Path) -> None:
    """Write the Record; a file appears whole or not at all. Raises OutputError."""
    text = _form(path)(record)
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path, text)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def _form(path: Path) -> Callable[[Mapping[str, Any]], str]:
    try:
        return FORMS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted(FORMS))
        ending = f"the suffix {path.suffix}" if path.suffix else "no suffix"
        raise OutputError(f"-o {path}: a file with {ending} has no known form.", f"Known: {known}.") from None


def _replace(path: Path, text: str) -> None:
    """Through a new file beside it, so that a full disk does not cost the old one; with the modes the user expects."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
