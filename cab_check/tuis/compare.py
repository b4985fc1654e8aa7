"""The user's settings of a CLI against what one endpoint and model need: the lines that differ. Pure.

A key is never told, only whether there is one. An address is shown without secrets in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cab_check.tuis.fill import fill
from cab_check.tuis.judge import Judged, judge
from cab_check.tuis.look import CHOSEN, ENVIRONMENT, Found, look, referred_variable
from cab_check.tuis.profile import Profile
from cab_check.tuis.recipe import Aim, values_in_use
from cab_check.tuis.settings import Settings
from cab_check.tuis.shells import shell_of
from cab_check.tuis.wiring import Read, Wiring

_OUR_NAME = "byo"


@dataclass(frozen=True, slots=True)
class Difference:
    """One line to change: where, the setting, what it is (None: not set), what it must be, and why."""

    source: str
    setting: str
    found: str | None
    needed: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What differs, what is right (one phrase each), and what else is to be known."""

    differences: tuple[Difference, ...]
    right: tuple[str, ...]
    notes: tuple[str, ...]


def compare(profile: Profile, wiring: Wiring, aim: Aim, settings: Settings) -> Outcome:
    """Every setting that the wiring says the CLI reads, in order."""
    values = values_in_use(wiring, aim)
    names = _chosen_names(wiring, values, aim, settings)
    differences = [_broken(path, why) for path, why in settings.broken]
    right: list[str] = []
    notes = [f"{tree.path}: {tree.note}" for tree in settings.trees if tree.note]
    for read in wiring.reads:
        wanted = fill(read.want.replace(CHOSEN, names.get(CHOSEN, _OUR_NAME)), values)
        every = _all(read, settings, values, names)
        best = _best(read, every, wanted, profile, aim, settings)
        judged = judge(read, best, wanted, profile, aim, settings.environ)
        if judged.right:
            right += [f"{read.what}: {judged.shown}"] if judged.shown else []
        else:
            differences.append(_difference(read, best, judged, wiring, aim, values, names))
        if best is not None and best.variable and read.env_note:
            notes.append(read.env_note)
    if settings.missing and not settings.trees and not settings.broken:
        notes.append(f"no settings file at {', '.join(settings.missing)}")
    return Outcome(tuple(differences), tuple(right), tuple(dict.fromkeys(notes)))


def _broken(path: str, why: str) -> Difference:
    return Difference(path, "the file", why, "a file that can be read", "none of its settings counts")


def _all(read: Read, settings: Settings, values: Mapping[str, Any], names: Mapping[str, str]) -> list[Found]:
    """What stands at the first of the read's places that holds anything, references to variables followed."""
    for place in read.places:
        found = look(place, settings, values, names)
        if found:
            return found if read.kind in ("key", "key-variable") else [_followed(item, settings) for item in found]
    return []


def _followed(item: Found, settings: Settings) -> Found:
    variable = None if item.variable else referred_variable(item.value)
    return item if variable is None else replace(item, value=settings.environ.get(variable) or item.value)


def _best(read: Read, every: list[Found], wanted: Any, profile: Profile, aim: Aim, settings: Settings) -> Found | None:
    """The value that is right, else the first."""
    right = (item for item in every if judge(read, item, wanted, profile, aim, settings.environ).right)
    return next(right, every[0] if every else None)


def _chosen_names(wiring: Wiring, values: Mapping[str, Any], aim: Aim, settings: Settings) -> dict[str, str]:
    """The names that the user chose for what is in use: those of the right address, else those that a setting names."""
    in_use = next((name for read in wiring.reads if (name := _named(read, settings, values))), None)
    names: dict[str, str] = {}
    for read in wiring.reads:
        if CHOSEN in read.want or not any(mark in place for place in read.places for mark in (CHOSEN, "[]")):
            continue
        every = _all(read, settings, values, names)
        wanted = fill(read.want, values)
        close = sorted(every, key=lambda item: (_distance(read, item, wanted), item.names.get(CHOSEN) != in_use))
        names |= close[0].names if close else {}
    return names or ({CHOSEN: in_use} if in_use else {})


def _distance(read: Read, item: Found, wanted: Any) -> int:
    """0 for what is wanted, 1 for what begins like it, 2 for the rest."""
    if read.kind not in ("address", "id") or not isinstance(item.value, str) or not isinstance(wanted, str):
        return 1
    if item.value.rstrip("/") == wanted:
        return 0
    return 1 if item.value.startswith(wanted[: wanted.find("/", 8)]) and read.kind == "address" else 2


def _named(read: Read, settings: Settings, values: Mapping[str, Any]) -> str | None:
    """The name that a setting like `model_provider`, or `model` as `name/id`, says is in use."""
    if not read.want.startswith(CHOSEN):
        return None
    every = _all(read, settings, values, {})
    return str(every[0].value).partition("/")[0] if every else None


def _difference(
    read: Read, item: Found | None, judged: Judged, wiring: Wiring, aim: Aim, values: Mapping[str, Any],
    names: Mapping[str, str],
) -> Difference:  # fmt: skip
    source, setting, variable = _place(read, item, wiring, aim, values, names)
    needed = judged.needed
    if variable:
        shell = shell_of(aim.platform)
        word = shell.reference(aim.key_env) if read.kind == "key" else shell.literal(needed)
        needed = shell.export(setting, word) if setting != aim.key_env else shell.export(setting, "...")
    why = "; ".join(part for part in (judged.why, read.note) if part)
    return Difference(source, setting, judged.shown, needed, why or read.what)


def _place(
    read: Read, item: Found | None, wiring: Wiring, aim: Aim, values: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[str, str, bool]:
    """Where the line is to be changed, or written if there is none: source, setting, whether it is a variable."""
    if item is not None:
        return item.source, item.setting, item.variable
    own = {variable.name for variable in wiring.variables}
    kept = [place for place in read.places if not place.startswith("env ")]
    ours = next((place for place in read.places if place.removeprefix("env ") in own), (*kept, *read.places)[0])
    if ours.startswith("env "):
        return ENVIRONMENT, ours.removeprefix("env "), True
    segments = [names.get(CHOSEN, _OUR_NAME) if part == CHOSEN else str(fill(part, values)) for part in ours.split(".")]
    shown = ".".join(part for part in segments if part != "#")
    source = next((file.place(aim.platform) for file in wiring.files), next(iter(wiring.also_read), "its settings"))
    return source, shown, False
