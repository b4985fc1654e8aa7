"""`cab-check wiring TUI`: the settings that point it at an endpoint and a model; `--check`: what differs in yours."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cab_check.base.errors import UsageError
from cab_check.base.plain import plain
from cab_check.cli.aim import Aimed, aimed
from cab_check.cli.screen import columns, put, say
from cab_check.report.wiring import choice_lines, outcome_lines, recipe_lines
from cab_check.tuis.compare import compare
from cab_check.tuis.recipe import recipe
from cab_check.tuis.settings import read_settings
from cab_check.tuis.wiring import wired
from cab_check.tuis.wiring import wiring as wiring_of

_ORDER = ("works", "degraded", "unknown")
DIFFERS = 1


def wiring(
    tui: Annotated[
        str | None, typer.Argument(metavar="TUI", help="The agent CLI; left out: those that will work")
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="With --check: this file, not the usual places")
    ] = None,
    *,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", "-e", metavar="URL", help="Base URL (that of --run)")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="M", help="Model id (that of --run)")] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="NAME", help="The variable with the key (CAB_KEY)")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Take the findings from this stored run")
    ] = None,
    finding: Annotated[
        list[str] | None,
        typer.Option("--finding", metavar="CODE[:SUBJECT]", help="As if this had been found; repeatable"),
    ] = None,
    context: Annotated[
        int | None, typer.Option("--context", metavar="N", min=1024, help="The context in tokens")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare your own settings: exit 0 all right, 1 a line differs")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document")] = False,
) -> int:
    """The settings that point a TUI at an endpoint and model. Nothing is sent, nothing is written.

    Findings come from the newest stored run of that endpoint and model, if there is one. --check reads your own
    settings of the TUI and prints the lines that differ, without keys: exit 0 if all is right, 1 if a line differs.
    """
    if file is not None and not check:
        raise UsageError("A FILE goes with --check.", f"cab-check wiring {tui} --check {file}")
    if check and tui is None:
        raise UsageError("--check wants the name of a TUI.", f"Known: {', '.join(wired())}.")
    if tui is not None:
        profile, parts = wiring_of(tui)
        if check and not parts.reads:
            raise UsageError(f"{profile.title} keeps no settings: its command holds it all.", f"cab-check wiring {tui}")
    found = aimed(endpoint, model, key_env, run, finding or [], context)
    say(*found.notes)
    if tui is None:
        return _choice(found, as_json)
    return _check(tui, file, found, as_json) if check else _recipe(tui, found, as_json)


def _recipe(name: str, found: Aimed, as_json: bool) -> int:
    made = recipe(*wiring_of(name), found.aim)
    if as_json:
        put([json.dumps(_document(found, **plain(made)), ensure_ascii=True)])
    else:
        put(recipe_lines(made, found.aim, columns()))
    return 0


def _check(name: str, file: Path | None, found: Aimed, as_json: bool) -> int:
    profile, parts = wiring_of(name)
    settings = read_settings(parts, os.environ, sys.platform, file)
    if file is not None and settings.missing:
        settings = replace(settings, broken=((str(file), "there is no such file"),))
    outcome = compare(profile, parts, found.aim, settings)
    if as_json:
        put([json.dumps(_document(found, tui=profile.name, **plain(outcome)), ensure_ascii=True)])
    else:
        put(outcome_lines(profile.title, outcome, columns()))
    return DIFFERS if outcome.differences else 0


def _choice(found: Aimed, as_json: bool) -> int:
    """Those that will work, best first, from the run's verdicts; without any, all of them in order of their names."""
    verdicts = found.verdicts
    names = [name for name in wired() if not verdicts or verdicts.get(name, "unknown") in _ORDER]
    names.sort(key=lambda name: _ORDER.index(verdicts.get(name, "unknown")))
    rows = [(recipe(*wiring_of(name), found.aim), verdicts.get(name)) for name in names]
    blocked = [name for name in wired() if verdicts.get(name) == "blocked"]
    if not verdicts:
        say("note: no stored run has verdicts for this endpoint and model: nothing of this was checked")
    if as_json:
        recipes = [{**plain(made), "verdict": verdict} for made, verdict in rows]
        put([json.dumps(_document(found, recipes=recipes, blocked=blocked), ensure_ascii=True)])
    else:
        put(choice_lines(rows, blocked, found.arguments, columns()))
    return 0


def _document(found: Aimed, **more: Any) -> dict[str, Any]:
    aim = found.aim
    return {
        "schema": "cab-check/wiring/v1",
        "endpoint": aim.base_url,
        "model": aim.model,
        "key_env": aim.key_env,
        "context": aim.context,
        "findings": list(aim.findings),
        "run": found.run,
        **more,
    }
