"""The host and port part of an address: read, put into one form, and told apart as near or far."""

from __future__ import annotations

import ipaddress
import re

import httpx

from cab_check.base.errors import AddressError

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NEAR_SUFFIXES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".docker")
DEFAULT_PORTS = {"http": 80, "https": 443}


def split_port(netloc: str) -> tuple[str, int | None, list[str]]:
    """`netloc` without userinfo as host (IPv6 without brackets), port, and notes on what was put right."""
    notes: list[str] = []
    if netloc.startswith("["):
        host, bracket, rest = netloc[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise AddressError("The brackets of the IPv6 address do not close.", "Write it as [2001:db8::1]:8000.")
        return host, _port(rest[1:]), notes
    if netloc.count(":") > 1:
        notes.append("brackets-added")
        loopback = re.fullmatch(r"::1:(\d{2,5})", netloc)  # also a valid address, which nobody means
        if loopback:
            return "::1", _port(loopback[1]), notes
        return netloc, None, notes
    host, _, port = netloc.partition(":")
    return host, _port(port), notes


def read_host(text: str) -> str:
    """`text` in lower case and ASCII, checked; an IPv6 address without brackets. Raises AddressError."""
    host = text.rstrip(".").lower() if not text.endswith("..") else text
    if ":" in host:
        return _ipv6(host)
    if not host.isascii():
        host = _idna(host)
    labels = host.split(".")
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        return _ipv4(host)
    if not host:
        raise AddressError("The address names no host.", "Write it as https://HOST/v1 or http://localhost:PORT/v1.")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError(
            "The host in the address is not a possible host name.",
            "Letters, digits, hyphens and dots make a host name; check the part between // and the next /.",
        )
    return host


def is_near(host: str) -> bool:
    """Whether `host` is this machine or a private network: loopback, private, link-local, a bare or a local name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_NEAR_SUFFIXES)
    return not address.is_global and not address.is_multicast


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise AddressError(
            "The port in the address is not a number from 1 to 65535.", "Write it as http://HOST:8000/v1."
        )
    return int(text)


def _ipv4(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise AddressError(
            "The host in the address is neither a name nor a whole IPv4 address.", "Write it as 192.168.1.20."
        ) from None


def _ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise AddressError(
            "The host in the address is not an IPv6 address.", "Write it in brackets: http://[2001:db8::1]:8000/v1."
        ) from None
    if address.scope_id:
        raise AddressError(
            "An IPv6 address with a zone cannot be used by HTTP clients.", "Use the host's name or a global address."
        )
    return str(address)


def _idna(host: str) -> str:
    try:
        return httpx.URL(f"http://{host}").raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        raise AddressError(
            "The host in the address is not a possible international host name.", "Check it for look-alike characters."
        ) from None
