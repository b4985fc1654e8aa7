"""The wiring of a CLI made concrete for one endpoint and model: files, variables and commands as text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cab_check.base.errors import UsageError
from cab_check.base.text import clean
from cab_check.tuis.fill import Values, fill, fill_tree, merge, placeholders
from cab_check.tuis.formats import Format, write
from cab_check.tuis.profile import How, Profile, Setup
from cab_check.tuis.shells import Shell, is_variable, referred, shell_of, under_home
from cab_check.tuis.wiring import File, Variable, Wiring, Workaround

OUTPUT_MOST, OUTPUT_LEAST, OUTPUT_PART = 16_384, 1_024, 8
"""The output limit that is advised, in tokens: an eighth of the context, within these bounds. Ours, not measured."""

_VERSION_SEGMENT = re.compile(r"/v\d+$")
_PRIVATE_USE = range(0xE000, 0xF8FF)


@dataclass(frozen=True, slots=True)
class Aim:
    """What a CLI is to be pointed at. `findings` are `CODE` or `CODE:subject`; `context` in tokens, if it is known."""

    base_url: str
    model: str
    key_env: str = "CAB_KEY"
    context: int | None = None
    findings: tuple[str, ...] = ()
    platform: str = "linux"

    def __post_init__(self) -> None:
        for name, text in (("model id", self.model), ("address", self.base_url)):
            if text != clean(text, mark=False) or "\n" in text or not text:
                raise UsageError(
                    f"The {name} is empty or has a line end or an invisible character in it.", "Type it by hand, once."
                )
        if not is_variable(self.key_env):
            raise UsageError(f"{self.key_env!r} is no name of a variable.", "Letters, digits and _ only.")

    @property
    def origin(self) -> str:
        """The address for clients that add its version segment themselves."""
        return without_version(self.base_url)

    @property
    def output(self) -> int | None:
        """The output limit to ask for: a part of the context, and no more than the server said that it allows."""
        part = None if self.context is None else max(OUTPUT_LEAST, min(self.context // OUTPUT_PART, OUTPUT_MOST))
        return _least(part, self._allowed)

    @property
    def most_output(self) -> int | None:
        """The output limit that is wrong if it is higher: half of the context, or what the server allows."""
        return _least(None if self.context is None else self.context // 2, self._allowed)

    @property
    def _allowed(self) -> int | None:
        told = (subject for code, _, subject in (item.partition(":") for item in self.findings) if code == _TOO_MUCH)
        return _least(*(int(subject) for subject in told if subject.isdecimal() and int(subject) > 0))


def without_version(address: str) -> str:
    """An address, or its path, without the version segment at its end."""
    return _VERSION_SEGMENT.sub("", address)


def _least(*figures: int | None) -> int | None:
    return min((figure for figure in figures if figure is not None), default=None)


_TOO_MUCH = "output-limit-refused"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file to write: its place, other places where it may stand, and its whole text."""

    path: str
    also: tuple[str, ...]
    format: Format
    text: str


@dataclass(frozen=True, slots=True)
class SettingsLine:
    """A variable to set: the line that does it."""

    name: str
    line: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """A workaround that was put in: the finding that calls for it (None: the known context does), and why it helps."""

    finding: str | None
    why: str
    how: How


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything to write and to type. Commands are lines of the shell named in `shell`. `setups` are the ways in
    which this CLI fails before it asks any model.
    """

    tui: str
    title: str
    version: str
    measured_on: str
    shell: str
    key_env: str
    files: tuple[SettingsFile, ...]
    variables: tuple[SettingsLine, ...]
    before: tuple[str, ...]
    interactive: str
    headless: str
    reasons: tuple[Reason, ...]
    not_mended: tuple[str, ...]
    setups: tuple[Setup, ...]
    notes: tuple[str, ...]


def values_of(wiring: Wiring, aim: Aim, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The placeholders and what they stand for. Names of the wiring's own come first, as they may hold others."""
    known: dict[str, Any] = {
        "base_url": aim.base_url,
        "origin": aim.origin,
        "endpoint": aim.base_url if wiring.endpoint == "base_url" else aim.origin,
        "model": aim.model,
        "key_env": aim.key_env,
        "context": aim.context,
        "output": aim.output,
        "subject": None,
    }
    own = {name: fill(text, known) for name, text in {**wiring.values, **(more or {})}.items()}
    return {**own, **known, "id": fill(wiring.id, known)}


def values_in_use(wiring: Wiring, aim: Aim) -> dict[str, Any]:
    """The placeholders, with what the workarounds that `aim` calls for make of them."""
    more = {name: text for _, workaround, _ in _workarounds(wiring, aim) for name, text in workaround.values.items()}
    return values_of(wiring, aim, more)


def recipe(profile: Profile, wiring: Wiring, aim: Aim) -> Recipe:
    """The recipe of one CLI for `aim`."""
    chosen = list(_workarounds(wiring, aim))
    values = values_in_use(wiring, aim)
    laid = [(workaround, {**values, **mine}) for _, workaround, mine in chosen]
    shell = shell_of(aim.platform)
    variables = [*wiring.variables, *(item for workaround, _ in laid for item in workaround.variables)]
    added = [word for workaround, own in laid for word in _words(workaround.words, own, shell, aim)]
    files = [_file(file, laid if number == 0 else (), values, aim) for number, file in enumerate(wiring.files)]
    return Recipe(
        tui=profile.name,
        title=profile.title,
        version=profile.version,
        measured_on=profile.measured_on,
        shell=shell.name,
        key_env=aim.key_env,
        files=(*files, *(_file(file, (), own, aim) for workaround, own in laid for file in workaround.files)),
        variables=tuple(_variables(variables, values, shell, aim)),
        before=tuple(" ".join(_words(words, values, shell, aim)) for words in wiring.start.before),
        interactive=_command(wiring.start.interactive, added, values, shell, aim),
        headless=_command(wiring.start.headless, added, values, shell, aim),
        reasons=tuple(Reason(finding, str(fill(w.why, {**values, **mine})), w.how) for finding, w, mine in chosen),
        not_mended=tuple(_not_mended(aim.findings, [workaround for workaround, _ in laid])),
        setups=profile.setups,
        notes=tuple(str(fill(note, values)) for note in wiring.notes),
    )


def _workarounds(wiring: Wiring, aim: Aim) -> Iterable[tuple[str | None, Workaround, Values]]:
    """Each workaround that is called for once, with the finding and the placeholders of its own."""
    values = values_of(wiring, aim)
    for workaround in wiring.workarounds:
        finding = next((item for item in aim.findings if answers(workaround, item)), None)
        if finding is None and not (workaround.known_context and aim.context is not None):
            continue
        mine = {"subject": (finding or "").partition(":")[2] or None}
        parts: list[Any] = [workaround.content, workaround.words, *(item.value for item in workaround.variables)]
        parts += [file.content for file in workaround.files]
        wanted = {name for part in parts for name in placeholders(part)}
        if all({**values, **mine}.get(name, "") is not None for name in wanted):
            yield finding, workaround, mine


def answers(workaround: Workaround, finding: str) -> bool:
    """Whether the workaround is for that finding: the code alone, or the code with this subject."""
    return finding in workaround.on or finding.partition(":")[0] in workaround.on


def _not_mended(findings: Sequence[str], chosen: Sequence[Workaround]) -> Iterable[str]:
    return (item for item in findings if not any(answers(workaround, item) for workaround in chosen))


def _words(words: Sequence[str], values: Values, shell: Shell, aim: Aim) -> list[str]:
    """Words of a profile as words of the shell; one whose placeholder has no value falls away."""
    return [made for word in words if (made := _word(word, values, shell, aim)) is not None]


def _word(word: str, values: Values, shell: Shell, aim: Aim) -> str | None:
    variable = referred(word, aim.key_env)
    if variable is not None:
        return shell.reference(variable)
    path = under_home(word)
    if path is not None or word == "{pipe}":
        return "|" if path is None else shell.home(path)
    text = fill(word, values)
    return None if text is None else shell.literal(str(text))


def _command(words: Sequence[str], added: Sequence[str], values: Values, shell: Shell, aim: Aim) -> str:
    """The command with `added` in the place of `{added}`, or at its end."""
    at = list(words).index("{added}") if "{added}" in words else len(words)
    return " ".join([*_words(words[:at], values, shell, aim), *added, *_words(words[at + 1 :], values, shell, aim)])


def _file(file: File, laid: Sequence[tuple[Workaround, Values]], values: Values, aim: Aim) -> SettingsFile:
    tree = fill_tree(file.content, values)
    for workaround, mine in laid:
        tree = merge(tree, fill_tree(workaround.content, mine))
    return SettingsFile(file.place(aim.platform), file.also, file.format, _text(tree, file, aim.key_env))


def _text(tree: Mapping[str, Any], file: File, key_env: str) -> str:
    """The file's text; what the CLI would expand is written as an escape, but for the reference to the key."""
    if not file.expands:
        return write(tree, file.format)
    held = json.dumps(tree, ensure_ascii=False)
    free = (chr(number) for number in _PRIVATE_USE if chr(number) not in held)
    marks = dict(zip(file.expands, free, strict=False))
    text = write(_marked(tree, marks, key_env), file.format)
    for character, mark in marks.items():
        text = text.replace(mark, f"\\u{ord(character):04x}")
    return text


def _marked(value: Any, marks: Mapping[str, str], key_env: str) -> Any:
    if isinstance(value, str):
        return value if value == f"{{env:{key_env}}}" else _replaced(value, marks)
    if isinstance(value, Mapping):
        return {_marked(key, marks, key_env): _marked(item, marks, key_env) for key, item in value.items()}
    return [_marked(item, marks, key_env) for item in value] if isinstance(value, list) else value


def _replaced(text: str, marks: Mapping[str, str]) -> str:
    return "".join(marks.get(character, character) for character in text)


def _variables(variables: Iterable[Variable], values: Values, shell: Shell, aim: Aim) -> Iterable[SettingsLine]:
    """One line per variable, the last one of a name; none for the user's own variable with the key."""
    last = {variable.name: variable for variable in variables}
    for variable in last.values():
        word = _word(variable.value, values, shell, aim)
        if word is not None and referred(variable.value, aim.key_env) != variable.name:
            yield SettingsLine(variable.name, shell.export(variable.name, word), variable.why)
