"""Toolchains: found for real where they are installed, resolved past shims, and never with more than they need."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from cab_check.base.errors import NoSandbox, ToolchainMissing, UnknownName
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Engine, Mount, Plan
from cab_check.sandbox.toolchains import find

USES = {
    "python": {"t.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test(self): self.assertTrue(1)\n"},
    "cargo": {
        "Cargo.toml": '[package]\nname = "t"\nversion = "0.1.0"\nedition = "2021"\n[lib]\npath = "l.rs"\n',
        "l.rs": "#[test]\nfn one() { assert_eq!(1 + 1, 2); }\n",
    },
    "node": {"a.test.js": "require('node:test')('one', () => {});\n"},
    "go": {
        "go.mod": "module t\n",
        "t_test.go": 'package t\n\nimport "testing"\n\nfunc TestOne(t *testing.T) {}\n',
    },
    "java": {"T.java": 'class T { public static void main(String[] a) { System.out.println("ok"); } }\n'},
    "gcc": {"t.c": '#include <stdio.h>\nint main(void) { puts("ok"); return 0; }\n'},
}
COMMANDS = {
    "python": ("python3 -m unittest -v t", b"OK"),
    "cargo": ("cargo test 2>&1", b"1 passed"),
    "node": ("node --test 2>&1", b"pass 1"),
    "go": ("go test ./... 2>&1", b"ok"),
    "java": ("javac T.java && java T", b"ok"),
    "gcc": ("gcc -o t t.c && ./t", b"ok"),
}


@pytest.mark.parametrize("name", USES)
def test_works_inside_and_offline(walls: Engine, name: str) -> None:
    try:
        chain = find(name)
    except ToolchainMissing as missing:
        pytest.skip(missing.message)

    async def inside() -> tuple[int | None, bytes]:
        with scratch.directory("work") as work:
            for file, text in USES[name].items():
                (work / file).write_text(text)
            async with walls.open(Plan((Mount(work, "/work", True),), (chain,))) as box:
                done = await box.run(["/bin/sh", "-c", COMMANDS[name][0]], timeout_s=60)
                return done.exit_code, done.stdout + done.stderr

    try:
        code, said = asyncio.run(inside())
    except NoSandbox as closed:  # level 2 as root, with the toolchain in root's own home
        if os.geteuid() != 0 or "cannot pass" not in closed.message:
            raise
        pytest.skip(closed.message)
    assert code == 0 and COMMANDS[name][1] in said, said.decode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, and only the system on PATH but for `bin` of that home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUSTUP_HOME", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def program(path: Path) -> Path:
    """A real program under another name: it answers --version, and that is all that is asked of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("true", path="/usr/bin:/bin") or "/bin/true", path)
    return path


@pytest.mark.parametrize("name", ["cargo", "node", "go", "java", "gcc"])
def test_a_missing_one_says_what_to_install(home: Path, name: str) -> None:
    if name == "cargo":
        program(home / "bin/cc")
    with pytest.raises(ToolchainMissing, match=f"no {name} here") as caught:
        find(name)
    assert "nstall" in caught.value.next_step


def test_an_unknown_one_is_a_usage_error() -> None:
    with pytest.raises(UnknownName):
        find("cobol")


def test_rustup_shim_is_resolved_to_the_default_toolchain(home: Path) -> None:
    program(home / "bin/cc")
    program(home / ".cargo/bin/rustup")
    (home / "bin/cargo").symlink_to(home / ".cargo/bin/rustup")
    program(home / ".rustup/toolchains/nightly-x/bin/cargo")
    cargo = program(home / ".rustup/toolchains/stable-x/bin/cargo")
    (home / ".rustup/settings.toml").write_text('default_toolchain = "stable"\n')
    chain = find("cargo")
    assert chain.path == (str(cargo.parent),)
    assert chain.env["CARGO_HOME"] == "{home}/.cargo" and chain.env["CARGO_NET_OFFLINE"] == "true"
    assert not any(".cargo" in str(path) for path in chain.read_only)


def test_newest_of_a_version_manager_is_taken_past_its_shim(home: Path) -> None:
    (home / "bin/node").write_text("#!/bin/sh\nexec volta-shim\n")
    (home / "bin/node").chmod(0o755)
    program(home / ".nvm/versions/node/v9.1.0/bin/node")
    newest = program(home / ".nvm/versions/node/v22.1.0/bin/node")
    chain = find("node")
    assert chain.path == (str(newest.parent),)
    assert chain.read_only == (newest.parent,)


def test_a_program_directly_in_the_home_does_not_show_the_home(home: Path) -> None:
    program(home / "bin/go")
    with pytest.raises(ToolchainMissing, match="cannot be shown"):
        find("go")


def test_python_shows_no_third_party_package() -> None:
    chain = find("python")
    hidden = {str(path) for path in chain.hidden}
    for path in chain.read_only:
        for packages in (*path.glob("site-packages"), *path.glob("dist-packages")):
            assert str(packages.resolve()) in hidden
