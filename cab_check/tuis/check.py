"""Whether a profile or the table of kin can be right: form, codes and subjects, and whether figures fit together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cab_check.base.errors import UnknownName, UsageError
from cab_check.base.text import one_line
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.effects import WORST_FIRST
from cab_check.tuis.kin import Kin, key_of, read_kin
from cab_check.tuis.loader import BadProfile, read_profile
from cab_check.tuis.profile import Effect, Profile, Reply, Request
from cab_check.tuis.wiring import read_wiring

_LARGEST = 1_000_000
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_ROLES = ("system", "developer", "user", "assistant", "tool", "system-param")
_OWN_KEYS = ("model", "messages", "input", "tools", "stream", "instructions", "system")
"""What a request holds besides its parameters: described by other fields, or put in by whoever replays it."""


def check_file(path: Path) -> tuple[Profile | tuple[Kin, ...] | None, list[str]]:
    """The profile in that file, or the rows of kin, and every mistake in it. Raises UsageError for a file that cannot
    be read.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than a profile can be.", "Give the TOML file of one agent CLI.")
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as failure:
        raise UsageError(f"{path} cannot be read: {failure.strerror}.", "Give the TOML file of one CLI.") from failure
    except ValueError as wrong:
        return None, [f"it is no TOML: {one_line(str(wrong))}"]
    try:
        if "kin" in table:
            rows = read_kin(table)
            return rows, list(kin_mistakes(rows))
        profile = read_profile(table)
        if "wiring" in table:
            read_wiring(table["wiring"])
    except BadProfile as bad:
        return None, list(bad.mistakes)
    found = list(mistakes(profile))
    if path.stem != profile.name:
        found.insert(0, f"name: the file is called {path.stem}, the profile {profile.name!r}; both must be the same")
    return profile, found


def mistakes(profile: Profile) -> Iterator[str]:
    """What cannot be right in a profile of sound form, each with its place."""
    for name in (profile.name, *profile.aliases):
        if not _NAME.fullmatch(name):
            yield f"name: {name!r} must be of small letters, digits, dots and hyphens, since people type it"
    if profile.measured_on and not _is_date(profile.measured_on):
        yield f"measured_on: {profile.measured_on!r} is no date of the form 2026-11-23"
    if profile.effects and not (profile.version and profile.measured_on):
        yield "version, measured_on: effects were measured, so both must be told"
    requests = {"request": profile.request}
    requests |= {f"variants[{n}].request": variant.request for n, variant in enumerate(profile.variants)}
    requests |= {f"asides[{n}].request": a.request for n, a in enumerate(profile.asides) if a.request is not None}
    for place, request in requests.items():
        yield from _request(place, request)
    yield from _effects(profile)


def kin_mistakes(rows: tuple[Kin, ...]) -> Iterator[str]:
    """What cannot be right in rows of sound form, each with its place."""
    seen: set[str] = set()
    for number, row in enumerate(rows):
        for field, names in (("findings", row.findings), ("like", row.like)):
            place = f"kin[{number}].{field}"
            if not names:
                yield f"{place}: at least one finding is wanted"
            for name in names:
                yield from (f"{place}: {wrong}" for wrong in _misnamed(*key_of(name)))
        yield from (f"kin[{number}].says: {does!r} is nothing that a CLI does" for does in {*row.says} - {*WORST_FIRST})
        yield from (f"kin[{number}].findings: {name} stands in another row" for name in row.findings if name in seen)
        seen.update(row.findings)


def _misnamed(name: str, subject: str | None) -> Iterator[str]:
    """Why there can be no finding of that name: no such code, or no such subject."""
    try:
        entry = code(name)
    except UnknownName as unknown:
        yield f"{unknown} {unknown.next_step}".rstrip()
        return
    allowed = [part.strip() for part in (entry.subject or "").split("|")]
    if subject is not None and entry.subject is None:
        yield f"{name} has no subject"
    elif subject is not None and len(allowed) > 1 and subject not in allowed:
        yield f"{subject!r} is none of {', '.join(allowed)}"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _request(place: str, request: Request) -> Iterator[str]:
    if not request.head:
        yield f"{place}.head: a request has at least one message"
    for number, message in enumerate(request.head):
        at = f"{place}.head[{number}]"
        if message.role not in _ROLES:
            yield f"{at}.role: {message.role!r} is none of {', '.join(_ROLES)}"
        if (message.chars is None) == (not message.parts):
            yield f"{at}: either chars or parts must be given"
    for name in (*_OWN_KEYS, *([request.output_limit.field] if request.output_limit else [])):
        if name in request.params:
            yield f"{place}.params.{name}: stands in a field of its own, or is put in by whoever replays it"
    if request.output_limit is not None and request.output_limit.tokens <= 0:
        yield f"{place}.output_limit.tokens: must be more than 0"
    yield from _sizes(place, request)


def _sizes(place: str, request: Request) -> Iterator[str]:
    chars = sum((message.chars or 0) + sum(message.parts) for message in request.head)
    tools = request.tools.bytes if request.tools else 0
    if chars + tools > request.body_bytes:
        yield (
            f"{place}.body_bytes: {request.body_bytes} is less than its messages ({chars} characters) and its tools "
            f"({tools} bytes) together"
        )
    if request.tools is None:
        return
    at = f"{place}.tools"
    if request.tools.count < 1 or request.tools.depth < 1:
        yield f"{at}: count and depth are at least 1 where tools are offered"
    if request.tools.types and sum(request.tools.types.values()) != request.tools.count:
        yield f"{at}.types: they add up to {sum(request.tools.types.values())}, count is {request.tools.count}"
    named = [name for name in request.tools.names if "/" not in name]  # namespace/tool stands inside another one
    if named and len(named) != request.tools.count:
        yield f"{at}.names: there are {len(named)}, count is {request.tools.count}"


def _effects(profile: Profile) -> Iterator[str]:
    requests: dict[str | None, Request] = {None: profile.request}
    requests |= {variant.name: variant.request for variant in profile.variants}
    seen: set[tuple[object, ...]] = set()
    for number, effect in enumerate(profile.effects):
        place = f"effects[{number}]"
        key = (effect.code, effect.subject, effect.case, effect.variant, effect.mode)
        if key in seen:
            yield f"{place}: the same finding, case, variant and mode stand above"
        seen.add(key)
        yield from _effect(place, effect, requests[effect.variant])
    for number, effect in enumerate(profile.effects):
        yield from _said(f"effects[{number}]", effect)
    for number, reply in enumerate(profile.replies):
        yield from _said(f"replies[{number}]", reply)


def _said(place: str, item: Effect | Reply) -> Iterator[str]:
    if not item.says or item.says[0].isupper() or item.says.endswith("."):
        yield f"{place}.says: must go on from the CLI's name, without a full stop at its end"
    if item.exit is not None and not 0 <= item.exit <= 255:
        yield f"{place}.exit: {item.exit} is no exit code"
    if item.requests is not None and item.requests < 0:
        yield f"{place}.requests: {item.requests} is no count"


def _effect(place: str, effect: Effect, request: Request) -> Iterator[str]:
    if effect.how == "measured" and not effect.mode:
        yield f"{place}.mode: a measured effect names its measurement"
    for name, subject in effect.findings:
        entry = code(name)
        yield from (f"{place}.subject: {wrong}" for wrong in _misnamed(name, subject))
        if entry.layer.startswith("tools-") and request.tools is None:
            yield f"{place}: {name} cannot be met by a request without tools"
        if entry.layer == "streaming" and not request.stream:
            yield f"{place}: {name} cannot be met by a request that does not stream"
