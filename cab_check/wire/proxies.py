"""Which proxy stands between here and a host, as the environment says.

HTTP_PROXY, HTTPS_PROXY and ALL_PROXY (either case; on macOS and Windows also the system's settings) are obeyed as curl,
requests and httpx obey them: loopback and private hosts are *not* excepted unless NO_PROXY names them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import getproxies

import httpx

from cab_check.wire.secret import Secret


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """The proxy for one origin. `shown` is its address without userinfo; `problem` says why it cannot be used."""

    url: httpx.URL
    shown: str
    secrets: tuple[Secret, ...] = ()
    problem: str | None = None


def choose(scheme: str, host: str, port: int, settings: Mapping[str, str] | None = None) -> ProxyChoice | None:
    """The proxy for this origin, or None. `settings` has the keys http, https, all, no (default: this machine's)."""
    settings = getproxies() if settings is None else settings
    typed = settings.get(scheme) or settings.get("all")
    if not typed or _excepted(host, port, settings.get("no", "")):
        return None
    typed = typed if "://" in typed else f"http://{typed}"
    try:
        url = httpx.URL(typed)
    except httpx.InvalidURL:
        return ProxyChoice(httpx.URL("http://invalid"), "invalid", problem="the proxy setting is not an address")
    shown = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
    hidden = tuple(Secret(part) for part in (url.password, url.username) if part)
    if url.scheme not in ("http", "https"):
        problem = f"{shown} is a {url.scheme} proxy; only http and https proxies are supported"
        return ProxyChoice(url, shown, hidden, problem)
    return ProxyChoice(url, shown, hidden, None if url.host else "the proxy setting names no host")


def _excepted(host: str, port: int, no_proxy: str) -> bool:
    bare = host.strip("[]").rstrip(".").casefold()
    for entry in (part.strip().casefold() for part in no_proxy.replace(" ", ",").split(",")):
        name, colon, wanted_port = entry.rpartition(":")
        if colon and wanted_port.isdigit() and not _address(entry):
            if int(wanted_port) != port:
                continue
            entry = name
        if entry and (entry == "*" or _names(entry.strip("[]"), bare)):
            return True
    return False


def _names(entry: str, host: str) -> bool:
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    suffix = entry.removeprefix("*").removeprefix(".").rstrip(".")
    return host == suffix or host.endswith(f".{suffix}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
