"""The profiles that ship: all of them load, no name leads to two of them, and nothing is guessed from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from importlib import resources

import pytest

from cab_check.base.errors import UnknownName
from cab_check.knowledge.vocabulary import codes
from cab_check.tuis import profile as forms
from cab_check.tuis.check import mistakes
from cab_check.tuis.effects import WORST_FIRST, by_weight, effect_of_refusal, effect_on
from cab_check.tuis.loader import profile, profiles, tables
from cab_check.tuis.unmeasured import unmeasured, unmeasured_as

PARTS = (
    forms.Profile,
    forms.Request,
    forms.Tools,
    forms.OutputLimit,
    forms.Message,
    forms.Echo,
    forms.Variant,
    forms.Aside,
    forms.Effect,
    forms.Reply,
    forms.Setup,
    forms.Package,
)


@pytest.mark.parametrize("name", list(tables()))
def test_a_profile_loads_under_its_name_and_nothing_in_it_is_wrong(name: str) -> None:
    found = profiles()[name]
    assert found.name == name
    assert list(mistakes(found)) == []
    assert found.sources and found.not_measured


def test_no_name_leads_to_two_agents() -> None:
    names = [name for one in profiles().values() for name in {one.name, *one.aliases}]
    names += [name for one in unmeasured().values() for name in {one.name, *one.aliases}]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_measured_profile_has_effects_and_the_generic_one_has_none() -> None:
    without = [name for name, one in profiles().items() if not one.effects]
    assert without == ["generic"]
    assert (profile("generic").wire, profile("generic").request.stream, profile("generic").uses_tools) == (
        "chat",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("typed", "found"), [("Claude-Code", "claude"), (" qwen ", "qwen"), ("dcode", "deepagents"), ("cn", "continue")]
)
def test_an_alias_finds_its_profile_whatever_its_case(typed: str, found: str) -> None:
    assert profile(typed).name == found


@pytest.mark.parametrize("name", list(unmeasured()))
def test_an_agent_that_was_not_measured_names_the_nearest_one_that_was(name: str) -> None:
    one = unmeasured()[name]
    assert one.nearest in profiles()
    for typed in (one.name, *one.aliases):
        with pytest.raises(UnknownName) as refused:
            profile(typed.upper())
        assert "was not measured" in refused.value.message
        assert refused.value.next_step.startswith(f"Nearest: {one.nearest} (")


def test_a_name_that_nobody_knows_gets_the_nearest_names() -> None:
    assert unmeasured_as("opencoder") is None
    with pytest.raises(UnknownName, match="opencoder") as refused:
        profile("opencoder")
    assert "opencode" in refused.value.next_step


def test_the_words_for_what_a_cli_does_are_ranked_and_each_is_used() -> None:
    used = {effect.does for one in profiles().values() for effect in one.effects}
    assert used == set(WORST_FIRST) and len(WORST_FIRST) == len(set(WORST_FIRST))


def test_effects_come_worst_first() -> None:
    ranks = [WORST_FIRST.index(effect.does) for effect in by_weight(profile("aider").effects)]
    assert ranks == sorted(ranks) and ranks[0] < ranks[-1]


def test_a_call_in_several_chunks_is_another_matter_than_one_in_one_chunk() -> None:
    opencode = profile("opencode")
    split = effect_on(opencode, "stream-tool-index", "missing")
    whole = effect_on(opencode, "stream-tool-index", "missing", case="one-chunk")
    assert split is not None and whole is not None
    assert (split.does, whole.does) == ("stops with a message", "recovers")


@pytest.mark.parametrize(
    ("name", "code", "subject"),
    [
        ("kilo", "tool-arguments-object", None),
        ("opencode", "param-rejected", "store"),
        ("opencode", "stream-tool-index", "offset"),
        ("opencode", "stream-cut", None),
        ("hermes", "tool-call-as-text", "harmony"),
        ("aider", "edit-format-unfollowed", "whole-file"),
    ],
)
def test_what_was_not_measured_has_no_effect(name: str, code: str, subject: str | None) -> None:
    assert effect_on(profile(name), code, subject) is None


@pytest.mark.parametrize(
    ("name", "code", "subject", "mode"),
    [
        ("opencode", "param-rejected", "stream_options", "strict400"),
        ("pi", "param-rejected", "store", "strict400"),
        ("codex", "role-rejected", "developer", "strict400"),
        ("qwen", "tool-parser-disabled", "--jinja", "http400"),
        ("hermes", "tool-call-as-text", "hermes", "a"),
        ("openhands", "model-id-prefix", None, "e"),
    ],
)
def test_a_measured_fault_has_its_effect(name: str, code: str, subject: str | None, mode: str) -> None:
    found = effect_on(profile(name), code, subject)
    assert found is not None and found.mode == mode


def test_the_worst_of_several_measurements_is_taken_and_a_variant_is_apart() -> None:
    aider = profile("aider")
    plain = effect_on(aider, "edit-format-unfollowed", "search-replace")
    whole = effect_on(aider, "edit-format-unfollowed", "whole-file", variant="default-noef")
    assert plain is not None and whole is not None
    assert (plain.does, whole.does) == ("stops in silence", "damages files")


def test_a_refusal_of_another_field_is_told_by_the_nearest_one_that_was_measured() -> None:
    found = effect_of_refusal(profile("vibe"))
    assert found is not None and (found.mode, found.exit) == ("d", 2)
    assert effect_of_refusal(profile("kilo")) is None


def test_a_call_that_is_lost_for_good_is_marked() -> None:
    lost = {(one.name, effect.mode) for one in profiles().values() for effect in one.effects if effect.loses_call}
    assert lost == {
        ("claude", "noid"),
        ("copilot", "objargs"),
        ("pi", "objargs"),
        ("pi", "noindex"),
        ("continue", "objargs"),
        ("continue", "noindex"),
    }


def test_every_effect_is_of_a_code_of_the_vocabulary() -> None:
    named = {code for one in profiles().values() for effect in one.effects for code, _ in effect.findings}
    assert named <= set(codes())


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_the_form_of_a_profile_is_described_field_by_field(part: type) -> None:
    text = resources.files("cab_check.tuis").joinpath("format.md").read_text("utf-8")
    assert [item.name for item in fields(part) if f"`{item.name}`" not in text] == []  # type: ignore[arg-type]


def test_every_word_of_the_form_is_described() -> None:
    text = resources.files("cab_check.tuis").joinpath("format.md").read_text("utf-8")
    assert [word for word in WORST_FIRST if f"| {word} |" not in text] == []
    assert [case for case in forms.Case.__args__ if f"`{case}`" not in text] == []
