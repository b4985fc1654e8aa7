"""The installed version from the metadata of packages, over made-up trees: nothing is run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cab_check.tuis.installed import Places, here, installed_version
from cab_check.tuis.loader import profile

OPENCODE, AIDER = profile("opencode"), profile("aider")


def places(home: Path, path: str = "", **variables: str) -> Places:
    return Places({"PATH": path, **variables}, home, system=())


def manifest(folder: Path, name: str = "opencode-ai", version: object = "1.2.3") -> Path:
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": version}), "utf-8")
    return folder


def program(path: Path) -> Path:
    """An executable that would leave a mark if somebody ran it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {path}.ran\n", "utf-8")
    path.chmod(0o755)
    return path


def distribution(site: Path, name: str = "aider_chat", version: str = "0.86.2") -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n", "utf-8"
    )


def test_npm_a_link_on_the_path_leads_to_its_package(tmp_path: Path) -> None:
    package = manifest(tmp_path / "lib/node_modules/opencode-ai")
    real = program(package / "bin/opencode")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/opencode").symlink_to(real)
    assert installed_version(OPENCODE, places(tmp_path, f"/nowhere:{tmp_path / 'bin'}")) == "1.2.3"
    assert not Path(f"{real}.ran").exists()


def test_npm_the_command_of_another_package_is_not_taken_for_it(tmp_path: Path) -> None:
    package = manifest(tmp_path / "lib/node_modules/other", name="other")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/opencode").symlink_to(program(package / "bin/opencode"))
    assert installed_version(OPENCODE, places(tmp_path, str(tmp_path / "bin"))) is None


def test_npm_a_shim_finds_the_package_beside_it(tmp_path: Path) -> None:
    program(tmp_path / "bin/opencode")
    manifest(tmp_path / "bin/node_modules/opencode-ai")
    assert installed_version(OPENCODE, places(tmp_path, str(tmp_path / "bin"))) == "1.2.3"


@pytest.mark.parametrize("prefix", [".npm-global", ".local", "given", "node"])
def test_npm_the_global_folders_are_looked_at_where_the_path_has_no_command(tmp_path: Path, prefix: str) -> None:
    manifest(tmp_path / prefix / "lib/node_modules/opencode-ai")
    program(tmp_path / "node/bin/node")
    found = places(tmp_path, str(tmp_path / "node/bin"), NPM_CONFIG_PREFIX=str(tmp_path / "given"))
    assert installed_version(OPENCODE, found) == "1.2.3"
    assert not (tmp_path / "node/bin/node.ran").exists()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"name": "opencode-ai"}', '{"name": "opencode-ai", "version": 3}', "[" * 100_000]
)
def test_npm_a_manifest_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    folder = tmp_path / ".local/lib/node_modules/opencode-ai"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(text, "utf-8")
    assert installed_version(OPENCODE, places(tmp_path)) is None


def test_a_hostile_version_is_cleaned(tmp_path: Path) -> None:
    manifest(tmp_path / ".local/lib/node_modules/opencode-ai", version="1.0\x1b[31m" + "9" * 100)
    found = installed_version(OPENCODE, places(tmp_path))
    assert found is not None and "\x1b" not in found and len(found) <= 40


@pytest.mark.parametrize("tools", [".local/share/uv/tools", ".local/share/pipx/venvs", ".local/pipx/venvs"])
def test_pypi_a_tool_in_an_environment_of_its_own_is_found(tmp_path: Path, tools: str) -> None:
    distribution(tmp_path / tools / "aider-chat/lib/python3.12/site-packages")
    assert installed_version(AIDER, places(tmp_path)) == "0.86.2"


@pytest.mark.parametrize(
    ("variable", "under"), [("UV_TOOL_DIR", ""), ("PIPX_HOME", "venvs"), ("XDG_DATA_HOME", "uv/tools")]
)
def test_pypi_the_variables_of_the_installers_are_heeded(tmp_path: Path, variable: str, under: str) -> None:
    distribution(tmp_path / "moved" / under / "aider-chat/lib/python3.12/site-packages")
    assert installed_version(AIDER, places(tmp_path, **{variable: str(tmp_path / "moved")})) == "0.86.2"


def test_pypi_what_the_command_belongs_to_goes_before_another_environment(tmp_path: Path) -> None:
    distribution(tmp_path / "mine/lib/python3.11/site-packages", version="0.90.0")
    distribution(tmp_path / ".local/share/uv/tools/aider-chat/lib/python3.12/site-packages")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/aider").symlink_to(program(tmp_path / "mine/bin/aider"))
    assert installed_version(AIDER, places(tmp_path, str(tmp_path / "bin"))) == "0.90.0"
    assert not (tmp_path / "mine/bin/aider.ran").exists()


def test_pypi_the_modules_of_this_program_are_looked_at(tmp_path: Path) -> None:
    distribution(tmp_path / "site")
    assert installed_version(AIDER, replace(places(tmp_path), modules=(tmp_path / "site",))) == "0.86.2"


def test_pypi_another_package_is_not_taken_for_it(tmp_path: Path) -> None:
    distribution(tmp_path / ".local/share/uv/tools/aider/lib/python3.12/site-packages", name="aider_chat_next")
    assert installed_version(AIDER, places(tmp_path)) is None


def test_what_has_no_package_has_no_version(tmp_path: Path) -> None:
    assert installed_version(profile("generic"), places(tmp_path)) is None


def test_the_places_of_this_machine_are_told() -> None:
    assert here().modules and "PATH" in here().variables
