"""One setting as it stands against what it must be: right, or wrong with a reason that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cab_check.base.errors import AddressError
from cab_check.base.text import one_line
from cab_check.tuis.look import Found, referred_variable
from cab_check.tuis.profile import Profile
from cab_check.tuis.recipe import Aim
from cab_check.tuis.shells import is_variable
from cab_check.tuis.wiring import Read
from cab_check.wire.address import ROUTES, Address, read_address
from cab_check.wire.secret import looks_secret

_HERE = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}
_SET = "set (not shown)"


@dataclass(frozen=True, slots=True)
class Judged:
    """`shown` is the value as it may be printed, None if there is none; `needed` and `why` only where it is wrong."""

    right: bool
    shown: str | None
    needed: str = ""
    why: str = ""


def judge(
    read: Read, item: Found | None, wanted: Any, profile: Profile, aim: Aim, environ: Mapping[str, str]
) -> Judged:
    """The judgement of one setting. `item` None: it is set nowhere."""
    if read.kind == "limit":
        return _limit(item, profile, aim)
    if item is None:
        if read.optional:
            return Judged(True, None)
        missing = "no key is set" if read.kind in ("key", "key-variable") else f"{read.what} is not set"
        return Judged(False, None, str(wanted), missing)
    if read.kind == "key":
        return _key(item, str(wanted), environ)
    if read.kind == "key-variable":
        return _key_variable(item, str(wanted), environ)
    if read.kind == "address":
        return _address(item, str(wanted))
    return _id(item, str(wanted), aim) if read.kind == "id" else _exact(item, str(wanted))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value).lower()
    return _SET if looks_secret(text) else one_line(text, 120)


def _exact(item: Found, wanted: str) -> Judged:
    right = _shown(item.value) == wanted
    return Judged(right, _shown(item.value), wanted, "" if right else "another value")


def _id(item: Found, wanted: str, aim: Aim) -> Judged:
    """Right, or what is wrong with the id, the prefix first."""
    value = item.value if isinstance(item.value, str) else ""
    if value == wanted:
        return Judged(True, _shown(value))
    prefix = wanted.removesuffix(aim.model)
    why = "another model"
    if prefix and value == aim.model:
        sent = value.partition("/")[2] or "nothing: no request is made"
        why = f"the prefix {prefix} is missing, though the id may begin like it: sent would be {one_line(sent, 80)}"
        if not value.startswith(prefix):
            why = f"the prefix {prefix} is missing"
    elif prefix and value.startswith(prefix * 2) and not aim.model.startswith(prefix):
        why = f"the prefix {prefix} stands twice"
    elif not prefix and value.endswith(f"/{aim.model}"):
        why = f"no prefix belongs here: {one_line(value.removesuffix(aim.model), 60)} is sent too"
    elif value.lower() == wanted.lower():
        why = "upper and lower case differ"
    return Judged(False, _shown(value), wanted, why)


def _address(item: Found, wanted: str) -> Judged:
    needs = read_address(wanted)
    text = item.value if isinstance(item.value, str) else ""
    variable = referred_variable(text)
    if variable is not None:
        return Judged(False, f"${variable}", wanted, f"the variable {variable} is not set")
    try:
        has = read_address(text)
    except AddressError as wrong:
        return Judged(False, "no usable address", wanted, wrong.message.rstrip("."))
    shown = one_line(has.given, 120)
    route = next((note.partition(":")[2] for note in has.notes if note.startswith("route-removed:")), None)
    if route is None and not has.scheme_guessed and _same_origin(has, needs) and has.base_path == needs.base_path:
        return Judged(True, shown)
    return Judged(False, shown, wanted, _address_why(has, needs, route))


def _address_why(has: Address, needs: Address, route: str | None) -> str:
    if not _same_origin(has, needs):
        return "another endpoint"
    if route in ROUTES:
        return f"the route {route} does not belong here"
    if has.scheme_guessed:
        return "the scheme (http:// or https://) is missing"
    if needs.base_path == has.base_path + "/v1":
        return "the /v1 is missing"
    if has.base_path == needs.base_path + "/v1":
        return "no /v1 belongs here"
    return "another path"


def _same_origin(has: Address, needs: Address) -> bool:
    def place(address: Address) -> tuple[str, str, int]:
        return address.scheme, _HERE.get(address.host, address.host), address.port

    return place(has) == place(needs)


def _key(item: Found, wanted: str, environ: Mapping[str, str]) -> Judged:
    """Whether a key is there, or a variable that is set. The value is not looked at otherwise."""
    if item.variable:
        return Judged(True, _SET)
    text = item.value if isinstance(item.value, str) else ""
    plain_name = text if wanted.isidentifier() and is_variable(text) and text.isupper() else None
    variable = referred_variable(text) or plain_name
    if variable is None:
        return Judged(True, "set in the file itself")
    if environ.get(variable):
        return Judged(True, f"from {variable}")
    return Judged(False, f"from {one_line(variable, 60)}", wanted, f"the variable {one_line(variable, 60)} is not set")


def _key_variable(item: Found, wanted: str, environ: Mapping[str, str]) -> Judged:
    text = item.value if isinstance(item.value, str) else ""
    if not is_variable(text) or looks_secret(text):
        return Judged(False, _SET, wanted, "the NAME of a variable belongs here, not the key")
    if environ.get(text):
        return Judged(True, f"from {text}")
    return Judged(False, one_line(text, 60), wanted, f"the variable {one_line(text, 60)} is not set")


def _limit(item: Found | None, profile: Profile, aim: Aim) -> Judged:
    """Wrong only where more is asked for than there is: the limit that the server told, or half of the context."""
    most = aim.most_output
    asked = profile.request.output_limit.tokens if profile.request.output_limit else None
    value = asked if item is None else _number(item.value)
    shown = None if item is None else _shown(item.value)
    if most is None or (item is None and value is None):
        return Judged(True, shown)
    if value is not None and 0 < value <= most:
        return Judged(True, shown)
    held = f"{aim.context} tokens of context hold prompt and output" if aim.context else f"{most} tokens are allowed"
    return Judged(False, shown, str(aim.output), held)


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    return value if isinstance(value, int) else int(value) if isinstance(value, str) and value.isdecimal() else None
