"""The local store: what is kept comes back; what cannot be kept is said, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from record_cases import record, recording, task_run, trial

from cab_check.base.errors import UnknownName, UsageError
from cab_check.record.store import NotStored, Store, StoredRun

ASKED = recording(("/models", b'{"data":[]}'), ("/chat/completions", b'{"choices":[]}'))


def kept(store: Store, run_id: str = "20260616-020344-beef") -> StoredRun:
    run = task_run(trial(), trial(2, passed=False))
    stored = store.save({**record(run=run), "run_id": run_id}, ASKED, run)
    assert isinstance(stored, StoredRun)
    return stored


def test_a_run_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    stored = kept(store)
    names = ["diff-2.patch", "diff.patch", "exchanges.har", "record.json"]
    assert sorted(path.name for path in stored.folder.iterdir()) == names == stored.record["files"]
    for reference in ("20260616-020344-beef", "20260616", str(stored.folder), str(stored.folder / "record.json")):
        assert store.load(reference) == stored
    assert (stored.folder / "diff.patch").read_text() == trial().diff


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    stored = kept(Store(tmp_path / "state" / "runs"))
    assert stat.S_IMODE(stored.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in stored.folder.iterdir()} == {0o600}


def test_nothing_is_listed_that_is_not_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.list() == ()
    kept(store, "20260616-020344-0001")
    kept(store, "20260617-020344-0001")
    (tmp_path / ".part-dead").mkdir()
    (tmp_path / "20260618-020344-0001").mkdir()
    assert store.list() == ("20260617-020344-0001", "20260616-020344-0001")


def test_an_unknown_or_ambiguous_id_names_what_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UnknownName) as nothing:
        store.load("20260616")
    assert nothing.value.next_step == "No run is kept yet."
    kept(store, "20260616-020344-0001")
    kept(store, "20260616-020344-0002")
    with pytest.raises(UnknownName, match="2 runs begin with") as ambiguous:
        store.load("20260616")
    assert "20260616-020344-0002" in ambiguous.value.next_step
    with pytest.raises(UnknownName) as unknown:
        store.load("20260616-020344-0003")
    assert "20260616-020344-0002" in unknown.value.next_step


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "something/else"}', "\ufffe", "[" * 100_000])
def test_a_file_that_is_no_record_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"run\.json"):
        Store(tmp_path).load(str(path))


def test_prune_keeps_the_newest_and_the_young(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for year in ("2024", "2025", "2999"):
        kept(store, f"{year}0616-020344-0001")
    assert store.prune() == ()
    assert store.prune(older_than=timedelta(days=1)) == ("20240616-020344-0001", "20250616-020344-0001")
    assert store.list() == ("29990616-020344-0001",)
    kept(store, "29980616-020344-0001")
    assert store.prune(keep=1) == ("29980616-020344-0001",)


def test_prune_sweeps_what_a_killed_process_left_long_ago(tmp_path: Path) -> None:
    fresh, stale = tmp_path / ".part-fresh", tmp_path / ".part-stale"
    for folder in (fresh, stale):
        folder.mkdir()
    os.utime(stale, (0, 0))
    Store(tmp_path).prune()
    assert fresh.exists() and not stale.exists()


def test_a_file_where_the_directory_should_be_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    outcome = Store(tmp_path / "state" / "runs").save(record(), ASKED)
    assert isinstance(outcome, NotStored)
    assert outcome.reason.startswith("The run was not kept: ") and outcome.reason.endswith("Not a directory.")


def test_the_same_id_twice_keeps_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = kept(store)
    outcome = store.save(record(), ASKED)
    assert isinstance(outcome, NotStored)
    assert store.load("20260616") == first
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


def test_without_a_home_nothing_is_kept_and_nothing_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = Store(Path("~/.local/state/cab-check/runs")).save(record(), ASKED)
    assert outcome == NotStored("The run was not kept: no home directory is known here.")
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from record_cases import record, recording
from cab_check.record.store import Store
asked = recording(("/chat/completions", b"x" * 200_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
print(Store(Path(sys.argv[1])).save(record(), asked))
"""


@pytest.mark.parametrize("limit", [100, 40_000], ids=["record", "exchanges"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    root = tmp_path / "runs"
    command = [sys.executable, "-c", FULL_DISK, str(root), str(Path(__file__).parent), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "The run was not kept" in done.stdout and "File too large" in done.stdout
    assert list(root.iterdir()) == []


def test_the_full_disk_test_would_pass_a_small_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(Path(__file__).parent), str(resource.RLIM_INFINITY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("StoredRun(")
