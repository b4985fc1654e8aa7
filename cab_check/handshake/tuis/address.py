"""Which base URL belongs into a CLI's settings: most want the one with /v1, some add the /v1 themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from cab_check.handshake.seen import Seen
from cab_check.knowledge.finding import Finding
from cab_check.tuis.recipe import without_version
from cab_check.tuis.wiring import wirings

WRONG_PATH = "address-wrong-base-path"
_OTHER = {"http": "https", "https": "http"}
_TELLING = ("address-includes-route", "tls-failure")
GIVEN = "facts.base_url"
"""The place of the evidence that holds the base path as it was given."""


def adds_version(name: str) -> bool:
    """Whether the CLI of that name adds the version segment (/v1) to the address in its settings."""
    wiring = wirings().get(name)
    return wiring is not None and wiring.endpoint == "origin"


def meets(name: str, finding: Finding) -> bool:
    """Whether the CLI of that name is hit by a wrong base path: not where it adds itself just what is missing."""
    if finding.subject is None or not adds_version(name):
        return True
    given = next((item.excerpt for item in finding.evidence if item.where == GIVEN), None)
    return given is None or given.rstrip("/") != without_version(finding.subject)


def places(finding: Finding, seen: Seen, names: Sequence[str]) -> Mapping[str, str]:
    """For the line to change: the host that was called; and the base URL for the settings of the CLIs of these names,
    where the finding tells it.
    """
    parts = urlsplit(seen.facts.base_url)
    known = {"host": parts.hostname or ""}
    scheme = _OTHER.get(parts.scheme) if finding.code == "tls-failure" else parts.scheme
    tells = finding.code in ("address-includes-route", "tls-failure") or (
        finding.code == WRONG_PATH and finding.subject
    )
    if not (tells and scheme):
        return known
    found = f"{scheme}://{parts.netloc}{seen.base_path}"
    add_themselves = names and all(map(adds_version, names))
    return known | {"address": without_version(found) if add_themselves else found}
