"""What was measured stands in the profiles: no cell is lost, and none is made up."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cab_check.demo.faults.table import FAULTS
from cab_check.tuis.loader import profiles
from cab_check.tuis.profile import Does, Effect, Profile, Reply

HERE = Path(__file__).parent
ROWS: list[dict[str, Any]] = [json.loads(line) for line in (HERE / "measured.jsonl").read_text("utf-8").splitlines()]
MODES: dict[str, dict[str, Any]] = tomllib.loads((HERE / "modes.toml").read_text("utf-8"))
SETUPS = [row for row in ROWS if "setup" in row]
FACED = [row for row in ROWS if "setup" not in row]


def name_of(row: dict[str, Any]) -> str:
    return "-".join(filter(None, (row["cli"], row.get("variant"), row["mode"])))


def told(profile: Profile) -> dict[tuple[str | None, str | None], list[Effect | Reply]]:
    """What a profile says of each measurement, by variant and mode."""
    found: dict[tuple[str | None, str | None], list[Effect | Reply]] = {}
    for item in (*profile.effects, *profile.replies):
        found.setdefault((item.variant, item.mode), []).append(item)
    return found


@pytest.mark.parametrize("row", FACED, ids=name_of)
def test_a_measured_cell_stands_in_the_profile_as_it_was_seen(row: dict[str, Any]) -> None:
    (item,) = told(profiles()[row["cli"]])[(row.get("variant"), row["mode"])]
    assert (item.does, item.exit, item.requests) == (row["outcome"], row["exit"], row["requests"])


@pytest.mark.parametrize("row", SETUPS, ids=name_of)
def test_a_measured_failure_of_the_set_up_stands_in_the_profile(row: dict[str, Any]) -> None:
    setups = [one for one in profiles()[row["cli"]].setups if row["setup"] in one.when]
    assert [one.exit for one in setups] == [row["exit"]]


def test_nothing_measured_is_told_that_was_not_seen() -> None:
    seen = {(row["cli"], row.get("variant"), row["mode"]) for row in FACED}
    said = {
        (profile.name, *key)
        for profile in profiles().values()
        for key, items in told(profile).items()
        if not all(isinstance(item, Effect) and item.how == "source" for item in items)
    }
    assert said == seen


def test_the_exit_code_that_is_told_is_the_one_that_was_seen() -> None:
    for profile in profiles().values():
        for item in (*profile.effects, *profile.replies):
            named = {int(code) for code in re.findall(r"\bexit(?:s with)? (\d+)", item.says)}
            assert named == ({item.exit} if item.exit is not None else set()), (profile.name, item)


def test_a_measurement_that_a_time_limit_ended_has_no_exit_code() -> None:
    endless: Does = "repeats without end"
    ended = [item for profile in profiles().values() for item in profile.effects if "was ended" in item.says]
    assert ended
    assert {item.does for item in ended if item.exit is None} <= {endless, "tells the model"}
    assert [item.says for item in ended if item.exit is not None] == []


@pytest.mark.parametrize("row", FACED, ids=name_of)
def test_the_mode_of_a_measurement_is_described(row: dict[str, Any]) -> None:
    assert row["mode"] in MODES


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_names_faults_of_the_demo_or_says_why_there_is_none(mode: str) -> None:
    entry = MODES[mode]
    assert mode in {row["mode"] for row in FACED}
    assert entry["server"]
    assert bool(entry["faults"]) != bool(entry.get("why"))
    assert {*entry["faults"], *entry.get("plain", ())} <= set(FAULTS)
    for own in (entry.get("responses", ()), entry.get("messages", ())):
        assert own == () or (own and (isinstance(own, str) or set(own) <= set(FAULTS)))
    for cli, why in entry.get("except", {}).items():
        assert why and any((row["cli"], row["mode"]) == (cli, mode) for row in FACED)


@pytest.mark.parametrize("row", [row for row in FACED if MODES[row["mode"]]["faults"]], ids=name_of)
def test_the_faults_of_a_mode_lead_to_the_findings_of_its_effect(row: dict[str, Any]) -> None:
    """A measurement that the demo can show is an effect, and of a finding that one of these faults is named after."""
    mode = MODES[row["mode"]]
    profile = profiles()[row["cli"]]
    own = mode.get(profile.wire, ())
    if row["cli"] in mode.get("except", {}) or isinstance(own, str):
        return
    (item,) = told(profile)[(row.get("variant"), row["mode"])]
    assert isinstance(item, Effect)
    named = own or (mode["faults"] if profile.request.stream else mode.get("plain", mode["faults"]))
    shown = {(FAULTS[name].code, FAULTS[name].subject) for name in named}
    wanted = {(code, subject or None) for code, subject in item.findings}
    assert {_whichever(*one) for one in shown} & {_whichever(*one) for one in wanted} or {
        code for code, subject in wanted if subject is None
    } & {code for code, _ in shown}


def _whichever(code: str, subject: str | None) -> tuple[str, str | None]:
    """A finding whose subject is the way of asking, whichever way it was."""
    return code, None if subject in ("plain", "stream") else subject
