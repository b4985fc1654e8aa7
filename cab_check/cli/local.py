"""What answers on this machine's usual ports, when nobody named an endpoint. Without a key, loopback only, briefly."""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Facts
from cab_check.wire.limits import WireLimits

_BRIEF = WireLimits(connect_s=1.0, headers_s=2.0, idle_s=2.0, total_s=3.0)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Something that answered. `usual` is what listens on that port by default, not proof of what answered."""

    base_url: str
    usual: str
    models: tuple[str, ...]
    status: int


async def look_around() -> tuple[LocalServer, ...]:
    """Every usual port of loopback at once; those that answered /models as an API would, with a list or with 401."""
    table = tomllib.loads(files("cab_check.knowledge").joinpath("ports.toml").read_text(encoding="utf-8"))
    tries = (_look(f"http://127.0.0.1:{row['port']}{row['base']}", row["name"]) for row in table["port"])
    return tuple(found for found in await asyncio.gather(*tries) if found is not None)


async def _look(base_url: str, usual: str) -> LocalServer | None:
    address = read_address(base_url)
    facts = Facts(base_url=address.base_url, given=address.given)
    async with Client(address, Access(), facts=facts, limits=_BRIEF) as client:
        exchange = await client.send(Ask("GET", "/models", with_key=False))
    if exchange.status in (401, 403):
        return LocalServer(base_url, usual, (), exchange.status)
    listed = exchange.json.get("data") if exchange.ok and isinstance(exchange.json, dict) else None
    if not isinstance(listed, list):
        return None
    ids = tuple(str(entry["id"]) for entry in listed if isinstance(entry, dict) and "id" in entry)
    return LocalServer(base_url, usual, ids, 200)
