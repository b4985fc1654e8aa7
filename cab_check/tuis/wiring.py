"""How one agent CLI is pointed at an endpoint and a model: the `[wiring]` table of its profile, as dataclasses.

Strings may hold placeholders: `{base_url}` (as the handshake used it), `{origin}` (the same without its version
segment), `{endpoint}` (whichever of the two this CLI wants), `{model}` (as the endpoint lists it), `{id}` (as this CLI
wants it written), `{key_env}` (the NAME of the variable with the key), `{context}` and `{output}` (tokens), `{subject}`
(of a finding), and the names in `values`. In variables and commands, a word that is `{key}`, `{task}` or `{file}` is
a reference to a shell variable. The key itself is no placeholder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from cab_check.base.errors import UnknownName
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.formats import Format
from cab_check.tuis.loader import BadProfile, profile, read_table, tables
from cab_check.tuis.profile import How, Profile

Kind = Literal["address", "id", "exact", "key", "key-variable", "limit"]
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A settings file: its place (`macos` and `windows` where they differ), other places that are read as well, and
    what stands in it. `expands`: characters that this CLI gives a meaning to in any string, written as an escape.
    """

    path: str
    format: Format
    content: Mapping[str, Any]
    macos: str | None = None
    windows: str | None = None
    also: Words = ()
    expands: str = ""

    def place(self, platform: str) -> str:
        """The path on `platform`, a value of `sys.platform`."""
        own = {"darwin": self.macos, "win32": self.windows}.get(platform)
        return own or self.path


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment; `value` is a word, `{key}` the user's key. `why` stands where it is not plain."""

    name: str
    value: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Argument vectors: to talk to it, to give it one task without a terminal, and what is run once before."""

    interactive: Words
    headless: Words
    before: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Workaround:
    """What to add where a finding (`CODE` or `CODE:subject`) was made.

    `content` is laid over the first settings file, `files` are written as well, `values` go over those of the wiring,
    and `words` are added to both commands, in the place of `{added}` or at the end. `known_context`: also without a
    finding, wherever the context is known.
    """

    on: Words
    why: str
    how: How
    content: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[Variable, ...] = ()
    words: Words = ()
    files: tuple[File, ...] = ()
    known_context: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """Where the CLI takes one setting from: `env NAME`, or a dotted path into a settings file; the first that is set
    counts. `<p>` in a path is a name of the user's choice, the same in every path; `[]` is any item of a list, and a
    last `#` the keys of a table.
    """

    what: str
    places: Words
    kind: Kind
    want: str
    optional: bool = False
    note: str | None = None
    env_note: str | None = None


@dataclass(frozen=True, slots=True)
class Wiring:
    """The whole recipe. `endpoint` is the form of the address, `id` that of the model id; `also_read` are settings
    files that the CLI reads and that the recipe does not write.
    """

    endpoint: Literal["base_url", "origin"]
    id: str
    start: Start
    files: tuple[File, ...] = ()
    variables: tuple[Variable, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    workarounds: tuple[Workaround, ...] = ()
    reads: tuple[Read, ...] = ()
    also_read: Words = ()
    notes: Words = ()


@cache
def wirings() -> Mapping[str, Wiring]:
    """The wiring of each profile that has one, by the profile's name. Raises BadProfile."""
    return MappingProxyType(
        {name: read_wiring(table["wiring"]) for name, table in tables().items() if "wiring" in table}
    )


def wiring(name: str) -> tuple[Profile, Wiring]:
    """The profile of that name or alias, and its wiring. Raises UnknownName."""
    found = profile(name)
    if found.name not in wirings():
        raise UnknownName(f"How {found.title} is wired is not known.", f"Known: {', '.join(wirings())}.")
    return found, wirings()[found.name]


def wired() -> tuple[str, ...]:
    """The names of the profiles that have a wiring, in the order of the alphabet."""
    return tuple(sorted(wirings()))


def read_wiring(table: Any) -> Wiring:
    """A wiring from its parsed table. Raises BadProfile, with every mistake."""
    found: Wiring = read_table(Wiring, table, "wiring")
    wrong = list(_codes_amiss(found))
    if wrong:
        raise BadProfile(wrong)
    return found


def _codes_amiss(found: Wiring) -> Iterator[str]:
    for number, workaround in enumerate(found.workarounds):
        for finding in workaround.on:
            try:
                code(finding.partition(":")[0])
            except UnknownName as unknown:
                yield f"wiring.workarounds[{number}].on: {unknown}"
