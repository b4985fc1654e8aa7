"""`-o FILE`: refused before the job where it could not be written after it."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from record_cases import record

from cab_check.base.errors import OutputError
from cab_check.record.output import check, write


def test_the_file_holds_the_record(tmp_path: Path) -> None:
    path = tmp_path / "run.JSON"
    check(path)
    assert not path.exists()
    write(record(), path)
    assert json.loads(path.read_text(encoding="utf-8")) == record()


def test_an_older_file_keeps_its_mode_and_its_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write(record(), link)
    assert link.is_symlink() and json.loads(real.read_text(encoding="utf-8"))["provisional"] is True
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "real.json"]


def test_a_new_file_has_the_modes_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write(record(), tmp_path / "run.json")
    assert (tmp_path / "run.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path, read = tmp_path / "pipe.json", []
    os.mkfifo(path)
    check(path)
    reader = threading.Thread(target=lambda: read.append(path.read_text(encoding="utf-8")))
    reader.start()
    write(record(), path)
    reader.join()
    assert json.loads(read[0]) == record() and path.is_fifo()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run.docx", "suffix .docx"),
        ("run", "no suffix"),
        ("folder.json", "is a directory"),
        ("missing/run.json", "No such file or directory"),
        ("file/run.json", "Not a directory"),
    ],
)
def test_what_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=words):
        check(tmp_path / name)
    with pytest.raises(OutputError):
        write(record(), tmp_path / name)


def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as refused:
        check(tmp_path / "run.docx")
    assert ".json" in refused.value.next_step
