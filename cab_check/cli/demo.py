"""`cab-check demo`: the main job against the built-in endpoint; `cab-check demo serve`: that endpoint alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from cab_check.base.errors import Stopped, UsageError
from cab_check.cli.check import read_wish
from cab_check.cli.flow import work_on
from cab_check.cli.options import Asking, Reach, Showing, TaskWishes, takes_groups
from cab_check.cli.screen import put, say
from cab_check.cli.session import Session
from cab_check.cli.show import check_showing
from cab_check.cli.target import read_target
from cab_check.demo.encode import MODEL
from cab_check.demo.faults.fault import Fault, Given, given_for
from cab_check.demo.faults.table import FAULTS, find
from cab_check.demo.server import DemoServer, serve

app = typer.Typer(
    help="The main job against the built-in endpoint, offline, no key; or serve that endpoint alone.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
_KEY = "demo-key-that-opens-nothing"
Faults = Annotated[
    list[str] | None, typer.Option("--fault", metavar="NAME", help="Lay this fault over the endpoint; repeatable")
]


@app.callback()
@takes_groups
def demo(context: typer.Context, asking: Asking, wishes: TaskWishes, showing: Showing, fault: Faults = None) -> int:
    """The main job against the built-in endpoint: offline, no key, the model is a script."""
    if context.invoked_subcommand is not None:
        if fault:
            raise UsageError("--fault stands after the command it is for.", "cab-check demo serve --fault NAME")
        return 0
    check_showing(showing)
    faults = find(fault or ())
    given = given_for(faults)
    asking = replace(asking, request_timeout=asking.request_timeout or given.patience_s)
    wish = read_wish(asking, wishes, showing)
    with serve(key=_KEY, faults=faults) as server, Session(asking.timeout) as session:
        _tell(faults)
        reach = Reach(endpoint=_address(server, given), model=given.model)
        key = _key(given, _KEY)
        target = read_target(reach, {"CAB_KEY": key} if key else {})
        assert target is not None
        return work_on(session, target, wish, showing, yes=True)


@app.command(name="faults")
def faults_command() -> None:
    """The faults that --fault can lay over the endpoint: name, the code that each shows, and what is wrong."""
    wide = max(map(len, FAULTS))
    for fault in FAULTS.values():
        shows = fault.code if fault.subject is None else f"{fault.code} ({fault.subject})"
        put([f"{fault.name:<{wide}}  {shows}", f"    {fault.says}"])


@app.command(name="serve")
def serve_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8765,
    key: Annotated[str | None, typer.Option(help="Refuse requests without this key")] = None,
    fault: Faults = None,
) -> None:
    """The built-in endpoint on loopback, for any client, until Ctrl-C."""
    faults = find(fault or ())
    given = given_for(faults)
    with serve(port=port, key=key, faults=faults) as server:
        _tell(faults)
        shown = _key(given, key) if key else "any"
        say(f"{_address(server, given)}  model {given.model or MODEL}  key {shown or 'none'}; Ctrl-C ends it")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt as error:
            raise Stopped(f"Served {server.requests} requests.") from error


def _tell(faults: Sequence[Fault]) -> None:
    """Which faults were laid, so that nobody takes them for the endpoint's own."""
    say(*(f"fault laid: {fault.name} ({fault.code}). {fault.says}" for fault in faults))


def _address(server: DemoServer, given: Given) -> str:
    return server.base_url.removesuffix("/v1") + given.path


def _key(given: Given, key: str) -> str | None:
    """The key as the user of a faulty setting sends it."""
    return None if given.key is None else given.key.format(key=key)
