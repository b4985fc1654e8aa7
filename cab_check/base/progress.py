"""What a long job tells whoever is watching. The command line draws it; everything else stays silent."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A watcher of one job. Calls are cheap, never raise, and come from the event loop's thread."""

    def stage(self, title: str, total: int | None = None) -> None:
        """A new part of the job begins, of `total` steps if that is known."""

    def begin(self, key: str, label: str) -> None:
        """Step `key` is under way: a request is out, a command runs."""

    def end(self, key: str) -> None:
        """Step `key` is over, one way or the other."""

    def note(self, text: str) -> None:
        """One line that stays on the screen, for the user to read before it matters."""


class Quiet:
    """Nobody is watching."""

    def stage(self, title: str, total: int | None = None) -> None: ...

    def begin(self, key: str, label: str) -> None: ...

    def end(self, key: str) -> None: ...

    def note(self, text: str) -> None: ...
