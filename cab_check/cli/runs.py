"""`cab-check runs`: what was checked before; and `cab-check report ID`: one of them again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from cab_check.base.errors import UsageError
from cab_check.base.text import one_line
from cab_check.cli.options import Showing
from cab_check.cli.show import check_showing, put, show
from cab_check.record.store import EXCHANGES, Store
from cab_check.wire import har

app = typer.Typer(help="What was checked before; prune deletes.", invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def runs(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document")] = False
) -> None:
    """What was checked before, newest first."""
    if context.invoked_subcommand is not None:
        return
    store = Store()
    rows = [_row(store.load(run).record) for run in store.list()]
    if as_json:
        put([json.dumps({"schema": "cab-check/runs/v1", "runs": rows}, ensure_ascii=True)])
        return
    put(
        f"{row['run_id']}  {row['verdict']:9}  {_task_word(row['exit_code'], row['task'])}  "
        f"{one_line(row['model'] or '-', 32)}  {one_line(row['endpoint'], 48)}"
        for row in rows
    )


@app.command()
def prune(
    keep: Annotated[int | None, typer.Option(min=0, help="Keep the newest N")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Delete what is older than so many days")] = None,
) -> None:
    """Delete stored runs: all but the newest N, or the old ones."""
    if keep is None and days is None:
        raise UsageError("Nothing says which runs to delete.", "Give --keep N or --days D.")
    older = None if days is None else timedelta(days=days)
    put(f"deleted {run}" for run in Store().prune(keep=keep, older_than=older))


def report(run: Annotated[str, typer.Argument(metavar="ID|FILE")], *, showing: Showing) -> int:
    """Print a stored run again, or write it with -o FILE."""
    check_showing(showing)
    stored = Store().load(run)
    exchanges = stored.folder / EXCHANGES
    show(stored.record, showing, har.load(exchanges) if showing.verbose >= 2 and exchanges.is_file() else None)
    return 0


def _row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_id": record["run_id"],
        "started_at": record["started_at"],
        "verdict": record["handshake"]["verdict"],
        "exit_code": record["exit_code"],
        "endpoint": record["endpoint"]["base_url"],
        "model": record["model"]["requested"],
        "task": record["task"] and record["task"]["id"],
    }


def _task_word(exit_code: int, task: str | None) -> str:
    if task is None:
        return "-     "
    return "passed" if exit_code == 0 else "failed"
