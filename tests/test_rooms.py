"""The shape of the house: imports go one way, the demo knows nothing of the handshake, no module grows without end."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cab_check

HOUSE = Path(cab_check.__file__).parent
ROOMS = (
    "cli",
    "demo",
    "report",
    "record",
    "run",
    "scoring",
    "agent",
    "handshake",
    "sandbox",
    "tasks",
    "tuis",
    "knowledge",
    "chat",
    "wire",
    "base",
)
MODULES = sorted(path.relative_to(HOUSE) for path in HOUSE.rglob("*.py") if "bundled" not in path.parts)
INSIDE = sorted(path for path in MODULES if len(path.parts) > 1)


def imports(module: Path) -> set[str]:
    """The modules that a module imports, as dotted names, wherever in it they stand."""
    tree = ast.parse((HOUSE / module).read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms_of(module: Path) -> set[str]:
    """The rooms that a module imports from."""
    dotted = [name.split(".") for name in imports(module)]
    return {parts[1] for parts in dotted if parts[0] == "cab_check" and len(parts) > 1 and parts[1] in ROOMS}


def test_every_folder_is_a_room() -> None:
    folders = {path.parts[0] for path in INSIDE}
    assert folders <= set(ROOMS)


@pytest.mark.parametrize("module", INSIDE, ids=str)
def test_a_room_imports_only_rooms_below_it(module: Path) -> None:
    own = module.parts[0]
    allowed = {"demo", "tasks", "base"} if own == "demo" else set(ROOMS[ROOMS.index(own) :])
    assert rooms_of(module) <= allowed


@pytest.mark.parametrize(
    ("package", "room"), [("httpx", "wire"), ("httpcore", "wire"), ("typer", "cli"), ("openai", "handshake")]
)
def test_a_package_is_used_in_one_room_only(package: str, room: str) -> None:
    users = {module.parts[0] for module in INSIDE if any(n.split(".")[0] == package for n in imports(module))}
    assert users == {room}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_is_over_400_lines(module: Path) -> None:
    assert len((HOUSE / module).read_text(encoding="utf-8").splitlines()) <= 400
