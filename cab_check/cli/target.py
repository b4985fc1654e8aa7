"""What was typed and what the environment says, made into a `Target`: where to go, with which key, for which model.

Order: options, then `CAB_ENDPOINT` and `CAB_KEY`, then `OPENAI_BASE_URL` and `OPENAI_API_KEY`. A key from
`OPENAI_API_KEY` goes only to an endpoint from `OPENAI_BASE_URL`: it must not reach a third party by accident.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cab_check.base.errors import UsageError
from cab_check.cli.options import Asking, Reach
from cab_check.wire.access import Access
from cab_check.wire.address import Address, read_address
from cab_check.wire.secret import Secret

_ON_ARGV = "note: a key on the command line can be read by other users of this machine; --key-env NAME cannot"


@dataclass(frozen=True)
class Target:
    """Where the questions go. `notes` are sentences for stderr."""

    address: Address
    access: Access
    model: str | None
    endpoint_source: str
    notes: tuple[str, ...] = ()


def endpoint_from(reach: Reach, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The endpoint as typed, and the name of where it came from; None if nobody said."""
    if reach.endpoint is not None:
        return reach.endpoint, "--endpoint"
    for name in ("CAB_ENDPOINT", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        if environ.get(name):
            return environ[name], name
    return None


def read_target(reach: Reach, environ: Mapping[str, str]) -> Target | None:
    """The target, or None if no endpoint was named anywhere. Raises UsageError, with what to type instead."""
    where = endpoint_from(reach, environ)
    if where is None:
        return None
    typed, source = where
    address = read_address(typed)
    key, key_source, notes = _key(reach, environ, source, address)
    headers, header_secrets = _pairs(reach.header or [], ":", "--header 'Name: value'", environ)
    query, query_secrets = _pairs(reach.query or [], "=", "--query K=V", environ)
    access = Access(
        key=key,
        key_source=key_source,
        key_header=reach.key_header,
        headers=headers,
        query=query,
        ca_file=_readable(reach.ca_file, "--ca-file"),
        client_cert=_client_cert(reach.client_cert),
        hidden=(*header_secrets, *query_secrets),
    )
    return Target(address, access, reach.model, source, notes)


def read_compare(asking: Asking, environ: Mapping[str, str]) -> Target | None:
    """The second address of `--compare`. It gets no key and no header of the first one, only its own key, if any.

    Raises UsageError.
    """
    if asking.compare is None:
        if asking.compare_key_env is not None:
            raise UsageError("--compare-key-env was given without --compare.", "Add --compare URL.")
        return None
    address, variable = read_address(asking.compare), asking.compare_key_env
    if variable is not None and not environ.get(variable):
        raise UsageError(f"The variable {variable} is not set.", f"export {variable}=...")
    key, source = address.found_key, "the address"
    if variable is not None:
        key, source = Secret(environ[variable]), f"--compare-key-env {variable}"
    return Target(address, Access(key=key, key_source=source if key else None), None, "--compare")


def _key(
    reach: Reach, environ: Mapping[str, str], endpoint_source: str, address: Address
) -> tuple[Secret | None, str | None, tuple[str, ...]]:
    typed = [
        name
        for name, given in (
            ("--key", reach.key is not None),
            ("--key-env", reach.key_env is not None),
            ("--key-file", reach.key_file is not None),
            ("--key-stdin", reach.key_stdin),
        )
        if given
    ]
    if len(typed) > 1:
        raise UsageError(f"{' and '.join(typed)} were both given.", "Give the key in one way only.")
    if reach.key is not None:
        return Secret(reach.key), "--key", (_ON_ARGV,)
    if reach.key_env is not None:
        if not environ.get(reach.key_env):
            raise UsageError(f"The variable {reach.key_env} is not set.", f"export {reach.key_env}=...")
        return Secret(environ[reach.key_env]), f"--key-env {reach.key_env}", ()
    if reach.key_file is not None:
        return Secret(_first_line(reach.key_file)), "--key-file", ()
    if reach.key_stdin:
        return Secret(_stdin_line()), "--key-stdin", ()
    if address.found_key is not None:
        return address.found_key, "the address", ()
    if environ.get("CAB_KEY"):
        return Secret(environ["CAB_KEY"]), "CAB_KEY", ()
    if environ.get("OPENAI_API_KEY"):
        if endpoint_source.startswith("OPENAI_"):
            return Secret(environ["OPENAI_API_KEY"]), "OPENAI_API_KEY", ()
        return None, None, (f"note: OPENAI_API_KEY is not sent to an endpoint from {endpoint_source}; use --key-env",)
    return None, None, ()


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--key-file {path} cannot be read: {error}.") from error


def _stdin_line() -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("--key-stdin: standard input is closed.", "Pipe the key in: ... | cab-check --key-stdin")
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise UsageError("--key-stdin: nothing came on standard input.", "Pipe the key in: ... | cab-check --key-stdin")
    return line


def _pairs(
    typed: list[str], separator: str, form: str, environ: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], tuple[Secret, ...]]:
    pairs: list[tuple[str, str]] = []
    secrets: list[Secret] = []
    for item in typed:
        name, found, value = item.partition(separator)
        name, value = name.strip(), value.strip()
        if not found or not name:
            raise UsageError(f"{item.split(separator)[0]!r} is not of the form {form}.")
        if value.startswith("env:"):
            variable = value.removeprefix("env:")
            if not environ.get(variable):
                raise UsageError(f"The variable {variable} is not set.", f"export {variable}=...")
            value = environ[variable]
            secrets.append(Secret(value))
        pairs.append((name, value))
    return tuple(pairs), tuple(secrets)


def _readable(path: Path | None, option: str) -> Path | None:
    if path is not None:
        try:
            path.open("rb").close()
        except OSError as error:
            raise UsageError(f"{option} {path} cannot be read: {error.strerror}.") from error
    return path


def _client_cert(typed: str | None) -> tuple[Path, ...] | None:
    if typed is None:
        return None
    paths = tuple(Path(part) for part in typed.split(",", 1) if part)
    for path in paths:
        _readable(path, "--client-cert")
    return paths
