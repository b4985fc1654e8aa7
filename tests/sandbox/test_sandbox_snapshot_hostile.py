"""Whole hostile trees, made at random: what a snapshot says of them is right, and neither it nor clean-up goes on."""

# names here are bytes, which no Path can hold
# ruff: noqa: PTH101, PTH102, PTH118, PTH123, PTH211
from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cab_check.run.collect import collect
from cab_check.sandbox import scratch
from cab_check.sandbox.snapshot import Caps, compare, escape, take

AS_ROOT = os.geteuid() == 0
BOUND_S = 20.0  # for one tree, on a busy machine

ODD_NAMES = (
    *(b"-rf", b"--", b" ", b"a\nb", b"\x1b[2J", b"\xff\xfe", b"\\", b"\\xff", b"..\\", b"...", b"*", b"$(id)", b"'\""),
    *("\u202egnp.exe".encode(), "\u200b".encode(), b"x" * 255, b"CON", b".git", b"conftest.py", b"a:b", b"%s%n"),
)
NAMES = st.one_of(
    st.sampled_from(ODD_NAMES),
    st.binary(min_size=1, max_size=12)
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name not in (b".", b"..")),
)
MODES = st.sampled_from((0o000, 0o200, 0o400, 0o444, 0o500, 0o600, 0o644, 0o700, 0o755, 0o777))


@dataclass(frozen=True)
class Node:
    """Something to make: a file with contents, a sparse file of a size, a link, and so on; folders have children."""

    kind: str
    mode: int = 0o755
    data: bytes = b""
    size: int = 0
    children: dict[bytes, Node] = field(default_factory=dict)


LEAVES = st.one_of(
    st.builds(Node, st.just("file"), MODES, st.binary(max_size=40)),
    st.builds(Node, st.just("sparse"), st.just(0o644), size=st.integers(3 << 20, 1 << 40)),
    st.builds(
        Node,
        st.just("symlink"),
        data=st.sampled_from((b".", b"..", b"/", b"/dev/zero", b"/etc/passwd", b"loop", b"\xff", b"a" * 900)),
    ),
    st.builds(Node, st.just("fifo"), st.just(0o644)),
    *([st.builds(Node, st.just("device"), st.just(0o666))] if AS_ROOT else []),
)
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=5),
    lambda inner: st.dictionaries(
        NAMES, st.one_of(LEAVES, st.builds(Node, st.just("folder"), MODES, children=inner)), max_size=5
    ),
    max_leaves=12,
)


def build(folder: bytes, children: dict[bytes, Node]) -> None:
    """Make the tree; modes of folders last, since they may close them."""
    for name, node in children.items():
        path = os.path.join(folder, name)
        if node.kind == "folder":
            os.mkdir(path)
            build(path, node.children)
        elif node.kind == "symlink":
            os.symlink(node.data, path)
            continue
        elif node.kind == "fifo":
            os.mkfifo(path)
        elif node.kind == "device":
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: reading it would not end
        else:
            with open(path, "wb") as file:
                file.write(node.data)
                file.truncate(max(node.size, len(node.data)))
        os.chmod(path, node.mode)


def expected(children: dict[bytes, Node], prefix: bytes = b"") -> Iterator[tuple[str, Node]]:
    """What must be seen: everything but what lies in folders that are closed to whoever looks."""
    for name, node in children.items():
        yield escape(prefix + name), node
        if node.kind == "folder" and (AS_ROOT or node.mode & 0o500 == 0o500):
            yield from expected(node.children, prefix + name + b"/")


@contextmanager
def made(tree: dict[bytes, Node]) -> Iterator[Path]:
    """The tree on disk; at the end it is removed in the way that is used after a model, and must be gone."""
    top = Path(tempfile.mkdtemp())
    build(os.fsencode(top), tree)
    began = time.monotonic()
    try:
        yield top
    finally:
        scratch.remove(top)
        assert not os.path.lexists(top)
        assert time.monotonic() - began < BOUND_S


def digest(node: Node) -> str | None:
    """The digest that the snapshot must have."""
    unread = node.kind == "sparse" or (node.kind == "file" and not AS_ROOT and not node.mode & 0o400)
    return None if unread or node.kind not in ("file", "symlink") else hashlib.sha256(node.data).hexdigest()


hostile = settings(
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@hostile
@given(TREES)
def test_what_is_said_of_a_tree_is_what_was_made(tree: dict[bytes, Node]) -> None:
    with made(tree) as top:
        found = take(top)
    wanted = dict(expected(tree))
    assert set(found.entries) == set(wanted)
    for path, node in wanted.items():
        entry = found.entries[path]
        assert (entry.kind, entry.sha256) == ("file" if node.kind == "sparse" else node.kind, digest(node)), path
        assert node.kind == "symlink" or entry.mode == node.mode
        unread = node.kind == "sparse" or (node.kind == "file" and entry.sha256 is None)
        closed = node.kind == "folder" and not AS_ROOT and node.mode & 0o500 != 0o500 and node.children
        if unread or (closed and node.mode & 0o400 == 0):
            assert any(problem.startswith(path) for problem in found.problems), found.problems


@hostile
@given(TREES)
def test_only_contents_of_regular_files_are_taken_out(tree: dict[bytes, Node]) -> None:
    with made(tree) as top:
        taken = collect(top, take(top), lambda path: True)
    files = {path: node for path, node in expected(tree) if node.kind == "file" and "\\" not in path and digest(node)}
    assert taken == {path: node.data for path, node in files.items()}


@hostile
@given(TREES, st.data())
def test_what_was_done_to_a_tree_is_what_has_changed(tree: dict[bytes, Node], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(tree))) if tree else None
    later = {name: node for name, node in tree.items() if name != gone} | {b"a new one": Node("fifo")}
    with made(tree) as top:
        before = take(top)
        assert compare(before, take(top)) == ((), (), ())
    with made(later) as top:
        after = take(top)
    added, removed, modified = compare(before, after)
    assert added == ("a new one",)
    assert set(removed) == (set(dict(expected({gone: tree[gone]}))) if gone is not None else set())
    unread = {path for path, node in expected(later) if node.kind in ("file", "sparse") and digest(node) is None}
    assert set(modified) <= unread  # these are known by their time alone, and were made anew


@pytest.mark.parametrize("name", [b"d", b"x" * 200], ids=["deep", "deep-and-long"])
def test_a_tree_deeper_than_a_path_can_say(name: bytes) -> None:
    """1500 folders of 200 letters are 300 000 bytes of path; the kernel takes 4096."""
    with made({}) as top:
        folder = os.open(top, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir(name, dir_fd=folder)
            inner = os.open(name, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)
        found = take(top)
        assert len(found.entries) == Caps().depth + 1
        assert any("deeper than" in problem for problem in found.problems)


def test_very_many_entries_stop_at_the_cap() -> None:
    with made({}) as top:
        for number in range(30):
            (top / str(number)).mkdir()
            for inner in range(100):
                (top / str(number) / str(inner)).touch()
        found = take(top, Caps(entries=500))
        assert len(found.entries) == 500
        assert any("more than 500 entries" in problem for problem in found.problems)


def test_links_that_lead_in_circles_and_out_are_known_by_where_they_point() -> None:
    loop = {b"a": Node("symlink", data=b"b"), b"b": Node("symlink", data=b"a"), b"self": Node("symlink", data=b".")}
    with made(loop | {b"out": Node("symlink", data=b"/")}) as top:
        found = take(top)
    assert {path: entry.kind for path, entry in found.entries.items()} == dict.fromkeys(
        ("a", "b", "out", "self"), "symlink"
    )
