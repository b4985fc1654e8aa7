"""Settings of one's own against what is needed: for each CLI a right file, and its faulty twins with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cab_check.base.errors import UsageError
from cab_check.tuis.compare import Outcome, compare
from cab_check.tuis.recipe import Aim, recipe
from cab_check.tuis.settings import read_settings
from cab_check.tuis.wiring import wired, wiring

URL, MODEL, KEY = "http://127.0.0.1:8000/v1", "openai/coder", "sk-live-0123456789abcdef"
WITH_FILES = [name for name in wired() if wiring(name)[1].files]


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Compares one CLI's own recipe, as written to an empty home, after `change` of its text and `env`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(
        name: str,
        *changes: tuple[str, str],
        env: dict[str, str | None] | None = None,
        files: dict[str, str] | None = None,
        **aim: Any,
    ) -> Outcome:
        profile, parts = wiring(name)
        target = Aim(**{"base_url": URL, "model": MODEL, "key_env": "CAB_KEY", **aim})
        printed = recipe(profile, parts, target)
        variables = dict(line.line.removeprefix("export ").split("=", 1) for line in printed.variables)
        environ = {n: KEY if value == '"$CAB_KEY"' else value.strip("'") for n, value in variables.items()}
        environ = {**environ, "CAB_KEY": KEY, **(env or {})}
        written = {file.path: file.text for file in printed.files} | (files or {})
        for path, text in written.items():
            for old, new in changes:
                assert old in text or len(written) > 1, f"{old!r} is not in {path}"
                text = text.replace(old, new)
            place = Path(path).expanduser()
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        kept = {name: value for name, value in environ.items() if value is not None}
        outcome = compare(profile, parts, target, read_settings(parts, kept, "linux"))
        assert KEY not in repr(outcome)
        return outcome

    return run


def whys(outcome: Outcome) -> list[str]:
    return [f"{item.setting}: {item.why}" for item in outcome.differences]


AIDER = {"~/.aider.conf.yml": f"model: openai/{MODEL}\nedit-format: diff\n"}
CLINE = {
    "~/.cline/data/settings/providers.json": '{"lastUsedProvider": "openai-compatible", "providers": {'
    f'"openai-compatible": {{"settings": {{"apiKey": "{KEY}", "model": "{MODEL}", "baseUrl": "{URL}"}}}}}}}}'
}
SETTINGS: dict[str, dict[str, str]] = {"aider": AIDER, "cline": CLINE}


@pytest.mark.parametrize("name", [name for name in wired() if wiring(name)[1].reads])
def test_what_the_recipe_prints_is_all_right(name: str, checked: Callable[..., Outcome]) -> None:
    outcome = checked(name, files=SETTINGS.get(name), context=131_072)
    assert whys(outcome) == []
    assert outcome.right


FAULTY: list[tuple[str, list[tuple[str, str]], dict[str, str | None], str, str]] = [
    # CLI, changes of its file, changes of the environment, the setting, part of the reason
    ("opencode", [("8000/v1", "8000")], {}, "provider.byo.options.baseURL", "the /v1 is missing"),
    ("opencode", [("8000/v1", "8000/v1/chat/completions")], {}, "baseURL", "the route /chat/completions"),
    ("opencode", [("127.0.0.1:8000", "10.0.0.9:8000")], {}, "baseURL", "another endpoint"),
    ("opencode", [(f"byo/{MODEL}", "byo/coder")], {}, "model", "another model"),
    ("opencode", [("@ai-sdk/openai-compatible", "@ai-sdk/anthropic")], {}, "npm", "another adapter"),
    ("opencode", [], {"CAB_KEY": None}, "apiKey", "the variable CAB_KEY is not set"),
    ("kilo", [("8000/v1", "8000")], {}, "baseURL", "the /v1 is missing"),
    ("codex", [('"responses"', '"chat"')], {}, "wire_api", "refused when the file is read"),
    ("codex", [("8000/v1", "8000")], {}, "base_url", "the /v1 is missing"),
    ("codex", [('"CAB_KEY"', f'"{KEY}"')], {}, "env_key", "the NAME of a variable belongs here"),
    ("codex", [('model_provider = "byo"', 'model_provider = "openai"')], {}, "model_provider", "another value"),
    ("claude", [], {"ANTHROPIC_BASE_URL": URL}, "ANTHROPIC_BASE_URL", "no /v1 belongs here"),
    ("claude", [], {"ANTHROPIC_SMALL_FAST_MODEL": None}, "ANTHROPIC_SMALL_FAST_MODEL", "is not set"),
    ("claude", [], {"ANTHROPIC_AUTH_TOKEN": None}, "ANTHROPIC_AUTH_TOKEN", "no key is set"),
    ("qwen", [], {"OPENAI_BASE_URL": "http://127.0.0.1:8000"}, "OPENAI_BASE_URL", "the /v1 is missing"),
    ("qwen", [], {"OPENAI_MODEL": "coder"}, "OPENAI_MODEL", "another model"),
    ("copilot", [], {"COPILOT_PROVIDER_TYPE": "anthropic"}, "COPILOT_PROVIDER_TYPE", "sends /v1/messages"),
    ("copilot", [], {"COPILOT_MODEL": None}, "COPILOT_MODEL", "is not set"),
    ("cline", [(f'"{MODEL}"', '"gpt-4o"')], {}, "model", "another model"),
    ("cline", [("8000/v1", "8000")], {}, "baseUrl", "the /v1 is missing"),
    ("continue", [("8000/v1", "8000")], {}, "apiBase", "the /v1 is missing"),
    ("continue", [('provider: "openai"', 'provider: "ollama"')], {}, "provider", "another value"),
    ("pi", [('"openai-completions"', '"anthropic-messages"')], {}, "api", "another value"),
    ("pi", [], {"CAB_KEY": None}, "apiKey", "the variable CAB_KEY is not set"),
    ("aider", [], {"OPENAI_BASE_URL": "https://api.openai.com/v1"}, "OPENAI_BASE_URL", "another endpoint"),
    ("aider", [(f"openai/{MODEL}", MODEL)], {}, "model", "the prefix openai/ is missing, though"),
    ("aider", [("edit-format: diff\n", "")], {}, "edit-format", "any fenced block becomes the file"),
    ("aider", [], {"AIDER_MODEL": "gpt-4o"}, "AIDER_MODEL", "another model"),
    ("openhands", [], {"LLM_MODEL": MODEL}, "LLM_MODEL", "the prefix openai/ is missing"),
    ("openhands", [], {"LLM_API_KEY": None}, "LLM_API_KEY", "no key is set"),
    ("openhands-classic", [], {"RUNTIME": None}, "RUNTIME", "the default is docker"),
    ("mini-swe-agent", [], {"MSWEA_COST_TRACKING": None}, "MSWEA_COST_TRACKING", "without a known price"),
    ("vibe", [("8000/v1", "8000")], {}, "api_base", "the /v1 is missing"),
    ("vibe", [('"CAB_KEY"', '"NOT_SET_KEY"')], {}, "api_key_env_var", "the variable NOT_SET_KEY is not set"),
    ("gptme", [], {"OPENAI_API_BASE": "http://127.0.0.1:8000"}, "OPENAI_API_BASE", "the /v1 is missing"),
    ("gptme", [], {"MODEL": MODEL}, "MODEL", "the prefix local/ is missing"),
    ("gptme", [], {"MODEL": f"local/local/{MODEL}"}, "MODEL", "the prefix local/ stands twice"),
    ("hermes", [('provider: "custom"', 'provider: "openrouter"')], {}, "model.provider", "another value"),
    ("hermes", [("8000/v1", "8000")], {}, "model.base_url", "the /v1 is missing"),
    ("kimi", [('"openai_legacy"', '"openai_responses"')], {}, "type", "sends /responses"),
    ("kimi", [], {"OPENAI_BASE_URL": "https://api.openai.com/v1"}, "OPENAI_BASE_URL", "another endpoint"),
    ("deepagents", [], {"OPENAI_BASE_URL": "http://127.0.0.1:8000"}, "OPENAI_BASE_URL", "the /v1 is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "env", "setting", "why"), FAULTY)
def test_a_faulty_twin_has_its_line_named_with_the_reason(
    name: str,
    changes: list[tuple[str, str]],
    env: dict[str, str | None],
    setting: str,
    why: str,
    checked: Callable[..., Outcome],
) -> None:
    outcome = checked(name, *changes, env=env, files=SETTINGS.get(name))
    found = [item for item in whys(outcome) if setting in item.split(": ")[0] and why in item]
    assert found, whys(outcome)
    assert len(outcome.differences) == 1, whys(outcome)


@pytest.mark.parametrize(
    ("name", "context", "changes", "differs"),
    [
        ("opencode", 32_768, [('"output": 4096', '"output": 32000')], True),
        ("opencode", 131_072, [('"output": 16384', '"output": 32000')], False),
        ("pi", 16_384, [('"maxTokens": 2048', '"maxTokens": 16384')], True),
        ("hermes", 65_536, [("max_tokens: 8192", "max_tokens: 65536")], True),
        ("hermes", 262_144, [("max_tokens: 16384", "max_tokens: 65536")], False),
    ],
)
def test_an_output_limit_differs_only_where_it_cannot_fit(
    name: str, context: int, changes: list[tuple[str, str]], differs: bool, checked: Callable[..., Outcome]
) -> None:
    outcome = checked(name, *changes, context=context)
    assert [item for item in whys(outcome) if "tokens of context hold" in item] == whys(outcome)
    assert bool(outcome.differences) is differs


def test_no_limit_at_all_differs_where_what_is_asked_for_then_cannot_fit(checked: Callable[..., Outcome]) -> None:
    cut = ('"limit": {\n            "context": 32768,\n            "output": 4096\n          }', '"x": 1')
    (only,) = checked("opencode", cut, context=32_768).differences
    assert only.setting == f"provider.byo.models.{MODEL}.limit.output" and only.needed == "4096"
    assert only.found is None


def test_the_users_own_names_are_followed(checked: Callable[..., Outcome]) -> None:
    """Another name for the provider is right; a second provider beside it is not the one that is judged."""
    other = (
        '"byo": {',
        '"ollama": {"options": {"baseURL": "http://localhost:11434/v1"}, "models": {"x": {}}}, "mine": {',
    )
    renamed = ('"byo/', '"mine/'), other, ('"name": "byo"', '"name": "Mine"')
    assert whys(checked("opencode", *renamed)) == []
    (only,) = checked("opencode", *renamed, ("8000/v1", "8000")).differences
    assert only.setting == "provider.mine.options.baseURL"


def test_localhost_is_127_0_0_1_and_a_slash_at_the_end_is_no_difference(checked: Callable[..., Outcome]) -> None:
    assert whys(checked("opencode", (URL, "http://localhost:8000/v1/"))) == []


def test_comments_are_read_and_told(checked: Callable[..., Outcome]) -> None:
    outcome = checked("opencode", ('"model": "byo', '// mine\n  "model": "byo'))
    assert outcome.differences == ()
    assert any("comments" in note for note in outcome.notes)


def test_a_broken_file_is_named_with_its_line_and_nothing_of_its_text(checked: Callable[..., Outcome]) -> None:
    outcome = checked("codex", ("model_provider =", f"api_key = {KEY}\nmodel_provider ="))
    first = outcome.differences[0]
    assert first.source == "~/.codex/config.toml" and (first.found or "").startswith("not TOML: line 2")


def test_a_variable_that_the_file_takes_the_address_from_is_followed(checked: Callable[..., Outcome]) -> None:
    taken = (URL, "{env:MY_URL}")
    assert whys(checked("opencode", taken, env={"MY_URL": URL})) == []
    (only,) = checked("opencode", taken).differences
    assert "the variable MY_URL is not set" in only.why


def test_an_address_with_a_secret_in_it_is_shown_without(checked: Callable[..., Outcome]) -> None:
    outcome = checked("opencode", ("http://127.0.0.1:8000/v1", f"http://user:{KEY}@10.1.1.1:8000/v1"))
    assert outcome.differences and KEY not in repr(outcome)


def test_openhands_variables_are_said_to_need_their_flag(checked: Callable[..., Outcome]) -> None:
    outcome = checked("openhands")
    assert any("--override-with-envs" in note for note in outcome.notes)
    right = '{"llm": {"model": "openai/openai/coder", "base_url": "http://127.0.0.1:8000/v1", "api_key": "x"}}'
    none: dict[str, str | None] = dict.fromkeys(("LLM_MODEL", "LLM_BASE_URL", "LLM_API_KEY"))
    kept = checked("openhands", env=none, files={"~/.openhands/agent_settings.json": right})
    assert whys(kept) == [] and kept.notes == ()


def test_nothing_set_at_all_gives_every_line_to_write(checked: Callable[..., Outcome], tmp_path: Path) -> None:
    profile, parts = wiring("codex")
    outcome = compare(profile, parts, Aim(URL, MODEL), read_settings(parts, {}, "linux"))
    assert [item.setting for item in outcome.differences] == [
        "model_provider", "model_providers.byo.base_url", "model", "model_providers.byo.env_key",
    ]  # fmt: skip
    assert any("no settings file at ~/.codex/config.toml" in note for note in outcome.notes)


def test_a_file_of_a_form_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_settings(wiring("qwen")[1], {}, "linux", tmp_path / "settings.ini")
