"""`-o FILE`: the Record written where the user says, in the form that the file's suffix names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cab_check.base.errors import OutputError
from cab_check.record.document import dumps

Forms = Mapping[str, Callable[[Mapping[str, Any]], str]]

FORMS: Forms = {".json": dumps}


def check(path: Path, forms: Iterable[str] = FORMS) -> None:
    """See before the job that `write` will be able to: raises OutputError with the reason if not."""
    _suffix(path, forms)
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


def write(record: Mapping[str, Any], path: Path, forms: Forms = FORMS) -> None:
    """Write the Record in one of `forms`; a file appears whole or not at all. Raises OutputError."""
    put(forms[_suffix(path, forms)](record).encode("utf-8"), path)


def put(data: bytes, path: Path) -> None:
    """Write what is a file's content already, whole or not at all. Raises OutputError."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path, data)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def _suffix(path: Path, forms: Iterable[str]) -> str:
    known = sorted(forms)
    if path.suffix.lower() not in known:
        ending = f"the suffix {path.suffix}" if path.suffix else "no suffix"
        raise OutputError(f"-o {path}: a file with {ending} has no known form.", f"Known: {', '.join(known)}.")
    return path.suffix.lower()


def _replace(path: Path, data: bytes) -> None:
    """Through a new file beside it, so that a full disk does not cost the old one; with the modes the user expects."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
