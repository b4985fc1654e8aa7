"""Recipes: what is written parses back to what was meant, whatever the model id and the address are."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cab_check.base.errors import UsageError
from cab_check.tuis.formats import read, write
from cab_check.tuis.recipe import Aim, Recipe, recipe, values_in_use
from cab_check.tuis.wiring import wired, wiring

URL = "http://127.0.0.1:8000/v1"
EVERYTHING = (
    "output-limit-refused:4096",
    "responses-api-broken:tool-types",
    "responses-api-missing",
    "messages-api-broken:thinking",
    "tools-rejected",
    "param-rejected:store",
    "param-rejected:temperature",
    "edit-format-unfollowed:search-replace",
    "key-wrong-header:x-key",
    "context-truncated-silently:16384",
)
HOSTILE = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn"), blacklist_characters="\u00a0\ufeff")
    | st.sampled_from("\"'`$\\{}<>|&;#%:/@!~ \u2019"),
    min_size=1,
    max_size=40,
)  # fmt: skip


def made(name: str, **changes: Any) -> Recipe:
    return recipe(*wiring(name), Aim(**{"base_url": URL, "model": "vendor/coder", **changes}))


def strings(tree: Any) -> set[str]:
    """Every key and string of a tree."""
    if isinstance(tree, dict):
        return {*tree, *(text for item in tree.values() for text in strings(item))}
    if isinstance(tree, list):
        return {text for item in tree for text in strings(item)}
    return {tree} if isinstance(tree, str) else set()


def shell_words(made: Recipe, command: str, tmp: Any) -> tuple[list[str], dict[str, str]]:
    """What a real shell makes of the printed lines: the words of the command, and the variables."""
    words = [*(item.line for item in made.variables), f"set -- {command}", "printf '%s\\0' \"$@\"", "env -0"]
    env = {"PATH": os.environ["PATH"], "CAB_KEY": "k-e-y", "TASK": "do $it", "FILE": "a b.rs", "HOME": str(tmp)}
    done = subprocess.run(["sh", "-c", "\n".join(words)], env=env, capture_output=True, check=True, timeout=20)
    parts = done.stdout.decode().split("\0")
    pairs = [part.partition("=") for part in parts if re.match(r"[A-Z_]+=", part)]
    return parts, {name: value for name, _, value in pairs}


@pytest.mark.parametrize("name", wired())
@given(model=HOSTILE, path=st.sampled_from(["/v1", "/api/v1", "/it's/v1", "/a&b;c/v1", "/$(id)/v1"]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_settings_file_reads_back_with_the_id_and_the_address_unchanged(name: str, model: str, path: str) -> None:
    found = made(name, model=model, base_url=f"http://127.0.0.1:8000{path}", context=65536, findings=EVERYTHING)
    for file in found.files:
        if file.path.endswith("settings.yml"):  # its top is a list, which is only written
            continue
        tree = read(file.text, file.format)
        assert any(text.endswith(model) for text in strings(tree)), file.text


@pytest.mark.parametrize("name", wired())
@given(model=HOSTILE)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shell_gets_the_words_and_variables_that_were_meant(name: str, model: str, tmp_path: Any) -> None:
    profile, parts = wiring(name)
    aim = Aim(URL, model)
    found = recipe(profile, parts, aim)
    command = found.headless.partition(" | ")[2] if found.headless.startswith("printf") else found.headless
    words, variables = shell_words(found, command, tmp_path)
    everything = [*words, *variables.values()]
    stands_in_a_file = any(model in text for file in found.files for text in strings(read(file.text, file.format)))
    assert values_in_use(parts, aim)["id"] in everything or model in everything or stands_in_a_file
    for line in found.before:
        assert model in shell_words(found, line, tmp_path)[0]
    if "$TASK" in command:
        assert "do $it" in words


@given(tree=st.recursive(
    st.dictionaries(HOSTILE, HOSTILE | st.integers(-9, 10**9) | st.booleans(), min_size=1, max_size=3),
    lambda inner: st.dictionaries(HOSTILE, inner | st.lists(inner, min_size=1, max_size=2), min_size=1, max_size=3),
    max_leaves=8,
), form=st.sampled_from(["json", "toml", "yaml"]))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_what_is_written_reads_back_the_same(tree: dict[str, Any], form: Any) -> None:
    assert read(write(tree, form), form) == tree


@pytest.mark.parametrize("name", wired())
def test_the_key_is_a_variable_that_is_named_and_never_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET_KEY", "sk-live-0123456789abcdef")
    found = made(name, key_env="MY_SECRET_KEY")
    every = "\n".join([*(file.text for file in found.files), *(item.line for item in found.variables), *found.before,
                       found.interactive, found.headless])  # fmt: skip
    assert "MY_SECRET_KEY" in every
    assert "sk-live" not in every


@pytest.mark.parametrize("name", ["aider", "openhands", "mini-swe-agent", "open-interpreter"])
@pytest.mark.parametrize("model", ["coder", "openai/gpt-oss-120b"])
def test_litellm_always_gets_its_prefix_even_where_the_id_begins_so(name: str, model: str) -> None:
    found = made(name, model=model)
    told = "\n".join([found.headless, *(item.line for item in found.variables)])
    assert f"openai/{model}" in told
    assert found.tui in ("openhands",) or f" openai/{model} " in f"{told} "


def test_claude_code_gets_the_address_without_v1_and_the_others_with_it() -> None:
    assert "export ANTHROPIC_BASE_URL=http://127.0.0.1:8000" in [item.line for item in made("claude").variables]
    others = [name for name in wired() if name != "claude"]
    for name in others:
        found = made(name)
        assert URL in "\n".join([*(file.text for file in found.files), *(item.line for item in found.variables),
                                 found.headless, *found.before]), name  # fmt: skip


@pytest.mark.parametrize(
    ("name", "finding", "with_it", "without"),
    [
        ("aider", "edit-format-unfollowed:search-replace", "--edit-format whole", "--edit-format diff"),
        ("codex", "responses-api-broken:tool-types", 'web_search = "disabled"', "responses"),
        ("deepagents", "responses-api-missing", "use_responses_api", "dcode"),
        ("pi", "param-rejected:store", '"supportsStore": false', "byo"),
        ("pi", "role-rejected:developer", '"supportsDeveloperRole": false', "byo"),
        ("pi", "param-rejected:max_completion_tokens", '"maxTokensField": "max_tokens"', "byo"),
        ("pi", "output-limit-refused:4096", "pi", "pi"),
        ("gptme", "tool-parser-disabled", "--tool-format markdown", "--tool-format tool"),
        ("mini-swe-agent", "model-lacks-tools", "litellm_textbased", "mini.yaml"),
        ("copilot", "tools-need-other-api", "COPILOT_PROVIDER_WIRE_API=responses", "COPILOT_MODEL"),
        ("qwen", "output-limit-refused:8192", "QWEN_CODE_MAX_OUTPUT_TOKENS=8192", "OPENAI_MODEL"),
        ("claude", "messages-api-broken:thinking", "CLAUDE_CODE_DISABLE_THINKING=1", "ANTHROPIC_MODEL"),
        ("openhands-classic", "edit-format-unfollowed:xml", "LLM_NATIVE_TOOL_CALLING=true", "RUNTIME=local"),
    ],
)
def test_a_finding_changes_the_line_that_mends_it_and_only_then(
    name: str, finding: str, with_it: str, without: str
) -> None:
    def text(found: Recipe) -> str:
        return "\n".join([*(f.text for f in found.files), *(v.line for v in found.variables), found.headless])

    plain, mended = made(name), made(name, findings=(finding,))
    assert without in text(plain)
    assert with_it in text(mended)
    if with_it not in (name, without):
        assert with_it not in text(plain)
        assert finding in [reason.finding for reason in mended.reasons]


def test_a_finding_that_no_setting_mends_is_named_as_such() -> None:
    found = made("opencode", findings=("tool-call-as-text:hermes",))
    assert found.not_mended == ("tool-call-as-text:hermes",)
    assert found.reasons == ()


@pytest.mark.parametrize(
    ("context", "findings", "output"),
    [
        (32_768, (), 4096),
        (1_000_000, (), 16_384),
        (4096, (), 1024),
        (None, (), None),
        (32_768, ("output-limit-refused:2000",), 2000),
        (None, ("output-limit-refused:2000",), 2000),
        (None, ("output-limit-refused",), None),
    ],
)
def test_the_output_limit_fits_the_context_and_what_the_server_allows(
    context: int | None, findings: tuple[str, ...], output: int | None
) -> None:
    assert Aim(URL, "m", context=context, findings=findings).output == output


def test_opencode_gets_a_limit_only_with_both_figures_of_it() -> None:
    """Its `limit` wants context and output together; half of it would be refused when the file is read."""
    known = read(made("opencode", context=32_768).files[0].text, "json")
    assert known["provider"]["byo"]["models"]["vendor/coder"]["limit"] == {"context": 32_768, "output": 4096}
    half = read(made("opencode", findings=("output-limit-refused:2000",)).files[0].text, "json")
    assert "limit" not in half["provider"]["byo"]["models"]["vendor/coder"]


@pytest.mark.parametrize("name", ["opencode", "kilo"])
def test_an_id_that_looks_like_a_reference_is_not_expanded(name: str) -> None:
    """These two replace {env:NAME} anywhere in the text of the file, before it is read as JSON."""
    text = made(name, model="{env:HOME}").files[0].text
    assert text.count("{env:") == 1 and '"{env:CAB_KEY}"' in text
    assert "{env:HOME}" in read(text, "json")["provider"]["byo"]["models"]


@pytest.mark.parametrize("model", ["", "a\nb", "a\x1b[31m", "a\u202eb", "a\u2028b"])
def test_an_id_that_no_line_can_carry_is_refused(model: str) -> None:
    with pytest.raises(UsageError):
        Aim(URL, model)


def test_powershell_gets_its_own_quoting() -> None:
    found = made("qwen", model="it's", platform="win32")
    lines = [item.line for item in found.variables]
    assert "$env:OPENAI_MODEL = 'it''s'" in lines and "$env:OPENAI_API_KEY = $env:CAB_KEY" in lines


@pytest.mark.parametrize("name", ["openhands", "openhands-classic", "mini-swe-agent", "aider"])
def test_failures_before_any_request_are_told_in_the_recipe_that_they_hit(name: str) -> None:
    assert made(name).setups == wiring(name)[0].setups != ()
