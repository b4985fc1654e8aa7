"""The options, in groups that several commands share, and the decorator that lets a command take a whole group.

A group is a frozen dataclass whose fields carry their typer option. `takes_groups` spreads the fields of every
group in a command's signature, so that typer sees plain options and the command sees one value per group.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

REACH, JOB, TASK, SHOW = "Reaching the endpoint", "The questions", "The task", "What is shown and kept"


def _option(panel: str, *names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False, **more)


@dataclass(frozen=True)
class Reach:
    """How to reach the endpoint, and which model to ask."""

    endpoint: Annotated[
        str | None, _option(REACH, "--endpoint", "-e", help="Base URL, such as http://localhost:11434/v1")
    ] = None
    key: Annotated[
        str | None, _option(REACH, "--key", "-k", help="The key; other users of this machine can read it")
    ] = None
    key_env: Annotated[
        str | None, _option(REACH, "--key-env", metavar="NAME", help="Take the key from this variable")
    ] = None
    key_file: Annotated[Path | None, _option(REACH, "--key-file", help="Take the key from this file's first line")] = (
        None
    )
    key_stdin: Annotated[bool, _option(REACH, "--key-stdin", help="Take the key from standard input")] = False
    key_header: Annotated[
        str | None, _option(REACH, "--key-header", metavar="NAME", help="Send the key in this header, not as Bearer")
    ] = None
    header: Annotated[
        list[str] | None,
        _option(REACH, "--header", "-H", metavar="'NAME: VALUE'", help="One more header; VALUE may be env:NAME"),
    ] = None
    query: Annotated[
        list[str] | None, _option(REACH, "--query", metavar="K=V", help="One more query parameter; V may be env:NAME")
    ] = None
    ca_file: Annotated[Path | None, _option(REACH, "--ca-file", help="Trust these certificates too (PEM)")] = None
    client_cert: Annotated[
        str | None, _option(REACH, "--client-cert", metavar="CERT[,KEY]", help="Show this certificate (PEM)")
    ] = None
    model: Annotated[
        str | None, _option(REACH, "--model", "-m", help="Model id; may be left out if one model is served")
    ] = None


@dataclass(frozen=True)
class Asking:
    """What is asked, and how much of it at the most."""

    tui: Annotated[
        str | None, _option(JOB, "--tui", metavar="NAME,...", help="The agent CLIs to judge for (cab-check tuis)")
    ] = None
    timeout: Annotated[
        float | None, _option(JOB, "--timeout", metavar="S", min=1, help="Seconds for the whole job")
    ] = None
    request_timeout: Annotated[
        float | None, _option(JOB, "--request-timeout", metavar="S", min=0.1, help="Seconds for one request (300)")
    ] = None
    max_requests: Annotated[
        int | None, _option(JOB, "--max-requests", metavar="N", min=1, help="At most so many requests in all")
    ] = None
    slow: Annotated[bool, _option(JOB, "--slow", help="Ask the long question too where it will take minutes")] = False
    max_tokens_total: Annotated[
        int | None, _option(JOB, "--max-tokens-total", metavar="N", min=1, help="At most so many tokens in all")
    ] = None
    max_cost: Annotated[
        float | None, _option(JOB, "--max-cost", metavar="USD", min=0, help="At most so many US dollars in all")
    ] = None
    price: Annotated[
        str | None, _option(JOB, "--price", metavar="IN,OUT", help="US dollars per million tokens (the model list's)")
    ] = None
    plan: Annotated[
        bool, _option(JOB, "--plan", help="Print requests, tokens and cost at the most; send no completion")
    ] = False
    compare: Annotated[
        str | None, _option(JOB, "--compare", metavar="URL", help="Ask the same of an address nearer the model")
    ] = None
    compare_key_env: Annotated[
        str | None, _option(JOB, "--compare-key-env", metavar="NAME", help="Take that address's key from this variable")
    ] = None
    concurrency: Annotated[
        int, _option(JOB, "--concurrency", metavar="N", min=1, max=32, help="Requests out at once (4)")
    ] = 4


@dataclass(frozen=True)
class TaskWishes:
    """Which task is run, how often, behind which walls."""

    task: Annotated[
        str | None,
        _option(TASK, "--task", "-t", metavar="ID|PATH", help="The task (polyglot/python-error-handling)"),
    ] = None
    no_task: Annotated[bool, _option(TASK, "--no-task", help="The handshake alone; run nothing here")] = False
    trials: Annotated[int, _option(TASK, "--trials", metavar="N", min=1, max=100, help="Try the task N times (1)")] = 1
    dialect: Annotated[
        str | None,
        _option(TASK, "--dialect", metavar="NAME", help="tool-calling, aider-diff, aider-whole or aider-udiff"),
    ] = None
    sandbox: Annotated[
        str,
        _option(TASK, "--sandbox", metavar="NAME", help="auto, 3, 2, an engine, or docker[:IMAGE] (auto)"),
    ] = "auto"
    unsafe_no_sandbox: Annotated[
        bool, _option(TASK, "--unsafe-no-sandbox", help="Run the model's commands with your own rights")
    ] = False
    force: Annotated[bool, _option(TASK, "--force", help="Run the task although the handshake is blocked")] = False
    yes: Annotated[bool, _option(TASK, "--yes", "-y", help="Do not ask before commands are run here")] = False


@dataclass(frozen=True)
class Showing:
    """What is printed, and what is written down."""

    json: Annotated[bool, _option(SHOW, "--json", help="Print exactly one JSON document")] = False
    output: Annotated[
        list[Path] | None, _option(SHOW, "-o", "--output", metavar="FILE", help="Write the result too (.json, .md)")
    ] = None
    no_store: Annotated[bool, _option(SHOW, "--no-store", help="Keep nothing of this run on disk")] = False
    fail_on: Annotated[
        str, _option(SHOW, "--fail-on", metavar="WHAT", help="Exit 3 if blocked (default), or if degraded too")
    ] = "blocked"
    quiet: Annotated[bool, _option(SHOW, "-q", "--quiet", help="The verdict line alone")] = False
    verbose: Annotated[int, _option(SHOW, "-v", "--verbose", count=True, help="Every check; -vv: the wire too")] = 0
    color: Annotated[str, _option(SHOW, "--color", metavar="WHEN", help="auto, always or never (auto)")] = "auto"


Command = TypeVar("Command", bound=Callable[..., Any])


def takes_groups(command: Command) -> Command:
    """`command` with each parameter whose type is a group spread into the group's options."""
    hints = get_type_hints(command)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    plain = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=typed)
        for name, parameter in inspect.signature(command).parameters.items()
        if name not in groups
        for typed in [get_type_hints(command, include_extras=True)[name]]
    ]
    spread = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=get_type_hints(group, include_extras=True)[field.name],
        )
        for group in groups.values()
        for field in fields(group)
    ]

    def spread_out(**values: Any) -> Any:
        taken = {
            name: group(**{field.name: values.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        return command(**values, **taken)

    parameters = [*plain, *spread]
    spread_out.__name__, spread_out.__doc__ = command.__name__, command.__doc__
    spread_out.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread_out.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return spread_out  # type: ignore[return-value]
