"""`cab-check demo`: the main job against the built-in endpoint; `cab-check demo serve`: that endpoint alone."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cab_check.base.errors import Stopped
from cab_check.cli.check import read_wish
from cab_check.cli.flow import work_on
from cab_check.cli.options import Asking, Reach, Showing, TaskWishes, takes_groups
from cab_check.cli.session import Session
from cab_check.cli.show import check_showing, say
from cab_check.cli.target import read_target
from cab_check.demo.server import serve

app = typer.Typer(
    help="The main job against the built-in endpoint, offline, no key; or serve that endpoint alone.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
_KEY = "demo-key-that-opens-nothing"


@app.callback()
@takes_groups
def demo(context: typer.Context, asking: Asking, wishes: TaskWishes, showing: Showing) -> int:
    """The main job against the built-in endpoint: offline, no key, the model is a script."""
    if context.invoked_subcommand is not None:
        return 0
    check_showing(showing)
    wish = read_wish(asking, wishes, showing)
    with serve(key=_KEY) as server, Session(asking.timeout) as session:
        target = read_target(Reach(endpoint=server.base_url), {"CAB_KEY": _KEY})
        assert target is not None
        return work_on(session, target, wish, showing, yes=True)


@app.command(name="serve")
def serve_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8765,
    key: Annotated[str | None, typer.Option(help="Refuse requests without this key")] = None,
) -> None:
    """The built-in endpoint on loopback, for any client, until Ctrl-C."""
    with serve(port=port, key=key) as server:
        say(f"{server.base_url}  model cab-check-demo  {'key ' + key if key else 'any key'}; Ctrl-C ends it")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt as error:
            raise Stopped(f"Served {server.requests} requests.") from error
