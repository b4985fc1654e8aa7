"""Writes the bundled tasks as Harbor task folders."""

from __future__ import annotations

from pathlib import Path

from cab_check.base.errors import OutputError
from cab_check.tasks.digest import contents
from cab_check.tasks.loader import bundled


def export(folder: Path) -> tuple[Path, ...]:
    """Write each bundled task to a folder of its own below `folder`, and `digests.txt` with their content hashes.

    Gives the folders back; `harbor run -p FOLDER` takes all of them. Raises OutputError if a task's folder is there
    already or cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for task in bundled():
            target = folder / task.id.replace("/", "-")
            target.mkdir()
            for name, data in contents(task.folder).items():
                file = target / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            written.append(target)
        lines = [f"{task.content_hash}  {target.name}\n" for task, target in zip(bundled(), written, strict=True)]
        (folder / "digests.txt").write_text("".join(lines), encoding="utf-8")
    except FileExistsError as error:
        raise OutputError(f"{error.filename} is there already.", "Name an empty or new folder.") from error
    except OSError as error:
        raise OutputError(f"Cannot write the tasks to {folder}: {error.strerror}.", "Name another folder.") from error
    return tuple(written)
