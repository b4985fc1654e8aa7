"""The local store: one folder per run under the user's state directory, written whole or not at all.

A run that cannot be kept is no error: the result is printed anyway, with one sentence that says why it was not kept.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs

from cab_check.base.errors import OutputError, UnknownName, UsageError
from cab_check.base.text import clean, nearest, one_line
from cab_check.record.document import dumps, loads
from cab_check.run.result import TaskRun
from cab_check.wire import har
from cab_check.wire.exchange import Recording

RECORD = "record.json"
EXCHANGES = "exchanges.har"
_UNFINISHED = ".part-"
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run on disk. `record` is what stands in its record.json, with the names of the folder's files."""

    folder: Path
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NotStored:
    """Why a run was not kept: one sentence."""

    reason: str


class Store:
    """The runs under one root directory, which need not exist yet."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path(platformdirs.user_state_dir("cab-check", appauthor=False)) / "runs"

    def save(
        self, record: Mapping[str, Any], recording: Recording, task_run: TaskRun | None = None
    ) -> StoredRun | NotStored:
        """Keep a run: its Record, the exchanges as HAR, and the diff of every trial that changed something."""
        if not self.root.is_absolute():  # what platformdirs gives when no home directory is known
            return NotStored("The run was not kept: no home directory is known here.")
        diffs = _diffs(task_run)
        names = [RECORD, *([EXCHANGES] if recording.exchanges else []), *diffs]
        kept = {**record, "files": sorted(names)}
        try:
            folder = self._write(kept, recording, diffs)
        except OSError as error:
            return NotStored(f"The run was not kept: {self.root}: {error.strerror or error}.")
        except OutputError as error:
            return NotStored(f"The run was not kept: {error.message}")
        return StoredRun(folder, kept)

    def _write(self, record: Mapping[str, Any], recording: Recording, diffs: Mapping[str, str]) -> Path:
        self.root.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=self.root, prefix=_UNFINISHED))
        try:
            for name, text in {RECORD: dumps(record), **diffs}.items():
                (unfinished / name).write_text(text, encoding="utf-8")
            if recording.exchanges:
                har.save(recording, unfinished / EXCHANGES)
            for path in unfinished.iterdir():
                path.chmod(_FILE_MODE)
            return unfinished.rename(self.root / record["run_id"])
        except BaseException:
            shutil.rmtree(unfinished)
            raise

    def list(self) -> tuple[str, ...]:
        """The ids of all runs that are kept, newest first."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted((path.parent.name for path in self.root.glob(f"[0-9]*/{RECORD}")), reverse=True))

    def load(self, reference: str) -> StoredRun:
        """The run of that id, or unique beginning of one, or in that folder or file.

        Raises UnknownName if there is none or more than one, UsageError if it cannot be read.
        """
        given = Path(reference)
        if given.is_file():
            return _read(given)
        if (given / RECORD).is_file():
            return _read(given / RECORD)
        return _read(self.root / self._one(reference) / RECORD)

    def prune(self, *, keep: int | None = None, older_than: timedelta | None = None) -> tuple[str, ...]:
        """Delete all runs but the newest `keep`, and those that began longer than `older_than` ago; tells their ids.

        What a killed process left unfinished a day ago or longer goes too.
        """
        now = datetime.now(UTC)
        runs = self.list()
        extra = set(runs[keep:]) if keep is not None else set()
        old = {run for run in runs if older_than is not None and now - _began(run) > older_than}
        for run in extra | old:
            shutil.rmtree(self.root / run)
        for path in self.root.glob(f"{_UNFINISHED}*"):
            if now.timestamp() - path.stat().st_mtime > timedelta(days=1).total_seconds():
                shutil.rmtree(path)
        return tuple(sorted(extra | old))

    def _one(self, reference: str) -> str:
        runs = self.list()
        matching = [run for run in runs if reference and run.startswith(reference)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise UnknownName(
                f"{len(matching)} runs begin with {reference!r}.", f"Type more of it: {', '.join(matching[:3])}."
            )
        near = nearest(reference, [*runs]) or runs[:3]
        hint = f"Kept: {', '.join(near)}." if near else "No run is kept yet."
        raise UnknownName(f"No run is kept under {one_line(reference, 60)!r}.", hint)


def _diffs(task_run: TaskRun | None) -> dict[str, str]:
    """File name to content. The first trial's is `diff.patch`, those of later trials carry their number."""
    trials = task_run.trials if task_run else ()
    return {
        "diff.patch" if trial.number == trials[0].number else f"diff-{trial.number}.patch": clean(trial.diff)
        for trial in trials
        if trial.diff
    }


def _read(path: Path) -> StoredRun:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    return StoredRun(path.parent, loads(text, str(path)))


def _began(run_id: str) -> datetime:
    return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
