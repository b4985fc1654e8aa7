"""`cab-check tasks`: the bundled tasks, one of them in full, or all of them as Harbor task folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cab_check.cli.screen import put
from cab_check.tasks.export import export
from cab_check.tasks.loader import bundled, load

app = typer.Typer(
    help="The bundled tasks; show ID, or export DIR as Harbor task folders.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def tasks(context: typer.Context) -> None:
    """The bundled tasks."""
    if context.invoked_subcommand is None:
        put(f"{task.id:34} {', '.join(task.toolchains):8} {task.origin}" for task in bundled())


@app.command()
def show(task: Annotated[str, typer.Argument(metavar="ID|PATH")]) -> None:
    """One task: what the model is asked, what it starts from, what decides."""
    found = load(task)
    put(
        [
            f"{found.id}  ({found.category}; {found.origin})",
            *([found.origin_note] if found.origin_note else []),
            "",
            found.instruction,
            "",
            f"needs     {', '.join(found.toolchains)}",
            f"starts    {', '.join(found.start_files())}",
            f"may edit  {', '.join(found.allowed_paths)}",
            f"tests     {', '.join(found.expected_tests) or 'its own reward file decides'}",
            f"limits    {found.agent_timeout_s:.0f} s for the agent, {found.verifier_timeout_s:.0f} s for grading",
            f"hash      {found.content_hash}",
            *(f"open      {gap}" for gap in found.gaps),
        ]
    )


@app.command(name="export")
def export_command(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Write the bundled tasks into DIR as Harbor task folders."""
    put(f"{path}" for path in export(folder))
