"""`cab-check runs`: what was checked before, and what changed; and `cab-check report ID`: one of them again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from cab_check.base.errors import UsageError
from cab_check.base.text import one_line
from cab_check.cli.options import Showing
from cab_check.cli.pass_on import pass_on_bundle, pass_on_issue
from cab_check.cli.screen import put
from cab_check.cli.show import check_showing, show
from cab_check.record.store import EXCHANGES, Store
from cab_check.report.citable import citable
from cab_check.report.run_diff import compare, lines
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


@app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier run: its id or file")],
    after: Annotated[str, typer.Argument(metavar="B", help="The later one")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document")] = False,
) -> None:
    """What changed between two runs: verdict, findings, checks, axes."""
    store = Store()
    difference = compare(store.load(before).record, store.load(after).record)
    put([json.dumps(difference, ensure_ascii=True)] if as_json else lines(difference))


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


def report(
    run: Annotated[str, typer.Argument(metavar="ID|FILE")],
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="With --issue or --bundle: this finding, not the first")
    ] = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Markdown for a bug tracker; names and addresses are replaced")
    ] = False,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="A zip to attach: the run, its recording, the issue")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Leave names and addresses in; the key never is")] = False,
    as_citable: Annotated[
        bool, typer.Option("--citable", help="The benchmark's container command for this endpoint and model")
    ] = False,
    *,
    showing: Showing,
) -> int:
    """Print a stored run again, write it with -o FILE, or make of it what can be passed on."""
    if issue and bundle:
        raise UsageError("--issue and --bundle are two different things.", "The bundle holds the issue too.")
    if as_citable:
        if issue or bundle:
            raise UsageError("--citable goes alone.", f"cab-check report {run} --citable")
        put(citable(Store().load(run).record))
        return 0
    if issue or bundle:
        pass_on = pass_on_issue if issue else pass_on_bundle
        pass_on(Store().load(run), code, full=full, showing=showing)
        return 0
    if code is not None or full:
        raise UsageError("CODE and --full go with --issue or --bundle.", f"cab-check report {run} --issue")
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
