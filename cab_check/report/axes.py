"""The axes on one or two lines, and the published composite on one, never without its notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.text import Text

from cab_check.base.text import clean
from cab_check.report.figures import seconds, short
from cab_check.report.lines import hanging, key, single
from cab_check.report.task import called

Row = Mapping[str, Any]


def summary(record: Row, width: int) -> list[Text]:
    """Axes with a value, the names of those without, the composite. Nothing if there was no task."""
    if record["task"] is None:
        return []
    axes = record["axes"] or {}
    known = [f"{label} {form(axes[name])}" for name, (label, form) in AXES.items() if axes and _has(axes[name])]
    unknown = [label for name, (label, _) in AXES.items() if axes and not _has(axes[name])]
    lines = hanging(key("Axes"), ", ".join(known), width) if known else []
    if unknown:
        lines.append(single(key(""), f"no value: {', '.join(unknown)} (why: -v)", width, style="dim"))
    return [*lines, *_score(record, width)]


def _score(record: Row, width: int) -> list[Text]:
    """The published composite, only if the model was called, and always what it may not be used for."""
    notice = Text(clean(record["notice"]), style="bold")
    if record["scorers"] is None or not called(record["task"]):
        return [Text(key("")).append_text(notice)]
    whose = " (a script's)" if record["demo"] else ""
    composite = Text(f"{key('')}composite {record['scorers']['composite']['composite']:.3f}{whose}   ")
    if composite.cell_len + notice.cell_len <= width:
        return [composite.append_text(notice)]
    return [composite, notice]


def _has(axis: Row) -> bool:
    return axis["value"] is not None


def _pass(axis: Row) -> str:
    """One trial is no rate: passed or not. Of several, k of n and the interval."""
    if axis["n"] == 1:
        return f"{axis['value']:.0f} (one trial)"
    low, high = (100 * bound for bound in axis["interval"])
    return f"{axis['value'] * axis['n']:.0f} of {axis['n']} ({low:.0f}-{high:.0f} %, Wilson 95 %)"


def _share(axis: Row) -> str:
    return f"{axis['value']:.2g}"


AXES: Mapping[str, tuple[str, Callable[[Row], str]]] = {
    "pass": ("pass", _pass),
    "tokens_per_correct": ("tokens/correct", lambda axis: short(axis["value"])),
    "wall_s": ("wall", lambda axis: seconds(axis["value"])),
    "blast": ("blast", _share),
    "refusal": ("refusal", _share),
    "integrity": ("integrity", _share),
}
