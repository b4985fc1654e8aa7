"""`cab-check tuis`: the known agent CLIs, one of them in full, or a check of a profile that somebody wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cab_check.base.errors import UsageError
from cab_check.base.plain import plain
from cab_check.cli.screen import columns, put
from cab_check.report.figures import many
from cab_check.report.tui_pages import as_row, page, table, unknown_page
from cab_check.tuis.check import check_file
from cab_check.tuis.installed import here, installed_version
from cab_check.tuis.kin import Kin
from cab_check.tuis.loader import profile, profiles
from cab_check.tuis.profile import Profile
from cab_check.tuis.unmeasured import unmeasured, unmeasured_as


def tuis(
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document")] = False,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE.toml", help="Check a profile, or kin.toml (docs/tuis.md)"),
    ] = None,
) -> int:
    """The known agent CLIs: what each sends, what it does when it does not get what it needs. NAME: one in full."""
    if check is not None:
        if name is not None:
            raise UsageError("--check takes a file and no name.", "cab-check tuis --check FILE.toml")
        return _check(check, as_json)
    if name is None:
        _all(as_json)
    elif (other := unmeasured_as(name)) is not None:
        _put({"schema": "cab-check/tui/v1", "profile": None, "not_measured": plain(other)}, as_json)
        put([] if as_json else unknown_page(other, columns()))
    else:
        found = profile(name)
        version = installed_version(found)
        _put({"schema": "cab-check/tui/v1", "profile": plain(found), "version_installed": version}, as_json)
        put([] if as_json else page(found, version, columns()))
    return 0


def installed_here() -> list[dict[str, str]]:
    """The known CLIs that are installed on this machine, each with the version that was measured."""
    places = here()
    found = ((one, installed_version(one, places)) for one in profiles().values())
    return [
        {"name": one.name, "version": version, "measured": one.version, "measured_on": one.measured_on}
        for one, version in found
        if version is not None
    ]


def _all(as_json: bool) -> None:
    places = here()
    versions = {one.name: installed_version(one, places) for one in profiles().values()}
    rows = [as_row(one, versions[one.name]) for one in profiles().values()]
    others = list(unmeasured().values())
    _put({"schema": "cab-check/tuis/v1", "tuis": rows, "not_measured": [plain(one) for one in others]}, as_json)
    put([] if as_json else table(profiles().values(), versions, others, columns()))


def _check(path: Path, as_json: bool) -> int:
    found, mistakes = check_file(path)
    _put({"schema": "cab-check/tui-check/v1", "file": str(path), "mistakes": mistakes}, as_json)
    if not as_json:
        put(f"{path}: {mistake}" for mistake in mistakes)
        if found is not None and not mistakes:
            put([f"{path}: nothing is wrong; {_held(found)}"])
    return 2 if mistakes else 0


def _held(found: Profile | tuple[Kin, ...]) -> str:
    """What a sound file holds, in counts."""
    if isinstance(found, Profile):
        return f"{many(len(found.effects), 'effect')}, {many(len(found.setups), 'set-up')}"
    return f"kin of {many(sum(len(row.findings) for row in found), 'finding')}"


def _put(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        put([json.dumps(document, ensure_ascii=True)])
