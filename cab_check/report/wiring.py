"""A recipe, or the list of those that will work, as lines. What is to be pasted stands at the left margin, unbroken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from cab_check.base.text import one_line
from cab_check.report.lines import hanging
from cab_check.tuis.compare import Difference, Outcome
from cab_check.tuis.recipe import Aim, Recipe
from cab_check.tuis.shells import FILE, TASK

_INSTALL = {"sh": "export {name}=...", "powershell": "$env:{name} = '...'"}


def recipe_lines(recipe: Recipe, aim: Aim, width: int) -> list[Text]:
    """The whole recipe."""
    head = f"{recipe.title} {recipe.version} (measured {recipe.measured_on}) -> {aim.model} at {aim.base_url}"
    lines = hanging("", head, width, limit=3, style="bold")
    for file in recipe.files:
        also = f"  (or {', '.join(file.also)})" if file.also else ""
        lines += [Text(), *hanging("File  ", f"{file.path}{also}", width), Text(), *_pasted(file.text)]
    key = _INSTALL[recipe.shell].format(name=recipe.key_env)
    lines += [Text(), *hanging("Key   ", f"is taken from the variable {recipe.key_env}: {key}", width)]
    lines += hanging("      ", "(an endpoint without a key: any word, such as none)", width)
    if recipe.variables:
        lines += [Text(), Text("Variables"), Text(), *(Text(item.line) for item in recipe.variables)]
    if recipe.before:
        lines += [Text(), Text("Once before"), Text(), *map(Text, recipe.before)]
    lines += [Text(), Text("Start"), Text(), Text(recipe.interactive)]
    lines += [
        Text(),
        *hanging("One task, without a terminal  ", _stands_for(recipe), width),
        Text(),
        Text(recipe.headless),
    ]
    return [*lines, *_why(recipe, width), *_setups(recipe, width)]


def _setups(recipe: Recipe, width: int) -> list[Text]:
    """What ends it before any request: no word about the model."""
    lines: list[Text] = []
    for setup in recipe.setups:
        code = "" if setup.exit is None else f" (exit {setup.exit})"
        lines += hanging("  ", f"{setup.when}{code}: {setup.mend}", width, limit=4)
    return [Text(), Text("It fails before it asks any model where"), *lines] if lines else []


def _stands_for(recipe: Recipe) -> str:
    named = [f"{TASK} is the prompt"] if TASK in recipe.headless else []
    named += [f"{FILE} the file to change"] if f"{FILE}" in recipe.headless else []
    return f"({', '.join(named)})"


def _pasted(text: str) -> Iterable[Text]:
    return (Text(line) for line in text.rstrip("\n").split("\n"))


def _why(recipe: Recipe, width: int) -> list[Text]:
    """One line per workaround, per variable that needs a word, per finding that no setting mends, and the notes."""
    lines: list[Text] = []
    for reason in recipe.reasons:
        label = reason.finding or "known context"
        read = "" if reason.how == "measured" else " (read in its source or documentation, not measured)"
        lines += hanging("  ", f"{label}: {reason.why}{read}", width, limit=4)
    for item in recipe.variables:
        lines += hanging("  ", f"{item.name}: {item.why}", width, limit=3) if item.why else []
    for finding in recipe.not_mended:
        code = finding.partition(":")[0]
        lines += hanging(
            "  ", f"{finding}: no setting of {recipe.title} mends it; cab-check explain {code}", width, limit=3
        )
    for note in recipe.notes:
        lines += hanging("  ", note, width, limit=5)
    return [Text(), Text("Why"), *lines] if lines else []


def choice_lines(
    rows: Sequence[tuple[Recipe, str | None]], blocked: Sequence[str], arguments: str, width: int
) -> list[Text]:
    """One block per CLI: its verdict, if it was checked, the command that prints its recipe, and how it is started."""
    lines: list[Text] = []
    for recipe, verdict in rows:
        lines.append(Text.assemble((f"{recipe.tui:18}", "bold"), verdict or "not checked"))
        lines += [Text(f"  cab-check wiring {recipe.tui}{arguments}"), Text(f"  {recipe.interactive}")]
    if blocked:
        lines += [Text(), *hanging("blocked  ", ", ".join(blocked), width, limit=3)]
    return lines


def outcome_lines(title: str, outcome: Outcome, width: int) -> list[Text]:
    """What a comparison found: the lines that differ by file, or that all is right, then what else is to be known."""
    lines: list[Text] = []
    if outcome.differences:
        count = len(outcome.differences)
        lines.append(Text(f"{title}: {count} {'line differs' if count == 1 else 'lines differ'}", style="bold"))
        for where in dict.fromkeys(item.source for item in outcome.differences):
            lines += [Text(), Text(one_line(where, 200))]
            for item in outcome.differences:
                lines += _difference(item, width) if item.source == where else []
    else:
        lines.append(Text(f"{title}: all is right", style="bold"))
    lines += [line for right in outcome.right for line in hanging("  ok  ", right, width, limit=3)]
    return lines + [line for note in outcome.notes for line in hanging("note: ", note, width, limit=4)]


def _difference(item: Difference, width: int) -> list[Text]:
    lines = [Text(f"  {item.setting}")]
    lines += hanging("    is     ", item.found or "not set", width, limit=3)
    lines += [Text(f"    needs  {item.needed}")]
    return lines + hanging("    why    ", item.why, width, limit=4)
