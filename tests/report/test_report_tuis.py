"""The agent CLIs on the screen: those asked about with what they will do, the others folded by what they share."""

from __future__ import annotations

from typing import Any

import pytest
from record_cases import checks, handshake, record

from cab_check.handshake.result import TuiVerdict, TuiWord
from cab_check.report.terminal import LINES, first_screen
from cab_check.report.verbose import verbose

NAMES = ("aider", "claude", "cline", "codex", "copilot", "gptme", "kilo", "opencode", "pi", "qwen")


def row(name: str, word: TuiWord, because: tuple[str, ...] = (), says: str | None = None, **more: Any) -> TuiVerdict:
    wiring = f"cab-check wiring {name}"
    return TuiVerdict(name, "command line", "1.2.3", word, because, says, wiring, "2026-11-23", **more)


def screen(*rows: TuiVerdict, **changes: Any) -> list[str]:
    document = record(handshake(**{"tuis": rows, **changes}))
    return first_screen(document, width=80).plain.splitlines()


def test_clis_are_folded_by_their_shared_cause() -> None:
    cause = ("tool-call-as-text:hermes",)
    lines = screen(
        row("aider", "works"),
        *(row(name, "blocked", cause, "prints the call") for name in ("codex", "opencode", "qwen")),
        row("pi", "unknown", (), "not shown here"),
        verdict="blocked",
    )
    block = lines[lines.index("CLIs  1 works: aider") :][:3]
    assert block == [
        "CLIs  1 works: aider",
        "      3 blocked by tool-call-as-text: codex, opencode, qwen",
        "      1 not known: pi",
    ]


def test_the_one_asked_about_stands_first_with_what_it_will_do_and_its_version() -> None:
    lines = screen(
        row("opencode", "blocked", ("tool-call-as-text:hermes",), "prints the call and exits with 0"),
        row("aider", "works"),
        row("pi", "unknown"),
        for_=("opencode",),
        verdict="blocked",
    )
    place = next(number for number, line in enumerate(lines) if line.startswith("CLIs  opencode 1.2.3  blocked"))
    told = " ".join(" ".join(lines[place : place + 2]).split())
    assert "prints the call and exits with 0 (tool-call-as-text)" in told
    assert any("works: aider" in line for line in lines)
    assert not any("not known" in line for line in lines)


@pytest.mark.parametrize(("installed", "shown"), [(None, "1.2.3"), ("1.2.3", "1.2.3"), ("2.0", "1.2.3 (here 2.0)")])
def test_an_installed_version_is_told_where_it_is_another_one(installed: str | None, shown: str) -> None:
    lines = screen(row("pi", "works", version_installed=installed), for_=("pi",))
    assert any(line.startswith(f"CLIs  pi {shown}  works") for line in lines)


def test_what_works_ends_with_the_command_that_wires_it() -> None:
    lines = screen(row("pi", "works"), for_=("pi",))
    assert any("cab-check wiring pi" in line for line in lines if line.startswith("Next"))


def test_nothing_is_said_of_others_where_nothing_was_learned() -> None:
    lines = screen(*(row(name, "unknown") for name in NAMES), verdict="unchecked")
    assert not any(line.startswith("CLIs") for line in lines)


def test_many_causes_still_fit_the_screen() -> None:
    rows = [row(name, "blocked", (f"cause-{name}",), "x " * 60) for name in NAMES]
    for asked in ((), ("aider",), ("aider", "claude", "cline")):
        for_ = asked or ("generic",)
        outcomes = checks(stream="fail", usage="not_run")
        document = record(handshake(tuis=tuple(rows), for_=for_, verdict="blocked", checks=outcomes))
        lines = first_screen(document, width=80).plain.splitlines()
        assert len(lines) <= LINES
        assert all(len(line) <= 80 for line in lines)


def test_verbose_has_every_row_with_its_measurement() -> None:
    rows = tuple(row(name, "blocked", ("tool-call-as-text:hermes",), f"does {name}") for name in NAMES)
    told = verbose(record(handshake(tuis=rows, verdict="blocked")), width=100).plain
    flat = " ".join(told.split())
    for name in NAMES:
        assert f"does {name}" in flat
    assert flat.count("1.2.3 measured on 2026-11-23") == len(NAMES)
