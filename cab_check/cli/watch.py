"""Live progress on stderr: which step is out, how many are done, and a clock for a slow one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from cab_check.base.text import one_line

_SHOWN = 3


class Watcher:
    """Draws a `Progress` on a terminal. Used as a context manager; the drawing is gone when it closes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._title, self._done = "", 0
        self._total: int | None = None
        self._out: dict[str, tuple[str, float]] = {}
        self._began = time.monotonic()
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=8, transient=True)

    def __enter__(self) -> Watcher:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The terminal is free for a prompt inside this block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def stage(self, title: str, total: int | None = None) -> None:
        """A new part of the job: the count starts again, the clock goes on."""
        self._title, self._total, self._done = title, total, 0

    def begin(self, key: str, label: str) -> None:
        """A step is out."""
        self._out[key] = (one_line(label, 60), time.monotonic())

    def end(self, key: str) -> None:
        """A step came back."""
        if self._out.pop(key, None):
            self._done += 1

    def note(self, text: str) -> None:
        """One line that stays."""
        self._console.print(Text(text))

    def _draw(self) -> RenderableType:
        now = time.monotonic()
        count = f" {self._done}/{self._total}" if self._total else f" {self._done} done" if self._done else ""
        lines = [Text(f"{self._title}{count}  {now - self._began:.0f} s", style="bold")]
        for label, since in sorted(self._out.values(), key=lambda item: item[1])[:_SHOWN]:
            lines.append(Text(f"  {label}  {now - since:.0f} s", style="dim"))
        if len(self._out) > _SHOWN:
            lines.append(Text(f"  and {len(self._out) - _SHOWN} more", style="dim"))
        return Text("\n").join(lines)


class Notes:
    """No terminal: only the lines that must be read before something happens, on stderr."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Notes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is drawn, so nothing has to make way."""
        yield

    def stage(self, title: str, total: int | None = None) -> None: ...

    def begin(self, key: str, label: str) -> None: ...

    def end(self, key: str) -> None: ...

    def note(self, text: str) -> None:
        """One line."""
        self._console.print(Text(text))
