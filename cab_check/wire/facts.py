"""The facts of this machine that judging needs, gathered before the first request."""

from __future__ import annotations

import asyncio
import socket
from datetime import datetime

from cab_check.base.machine import inside
from cab_check.wire.access import Access
from cab_check.wire.address import Address
from cab_check.wire.exchange import Facts
from cab_check.wire.proxies import choose
from cab_check.wire.resolve import resolve
from cab_check.wire.secret import key_shape

RESOLVE_S = 10.0  # glibc asks each name server twice, five seconds each


async def gather(
    address: Address,
    access: Access,
    *,
    model: str | None,
    profile: str,
    nonce_seed: str,
    resolve_s: float = RESOLVE_S,
) -> Facts:
    """Look the name up, describe the key by yes and no, and say what the environment does to the way there.

    `resolves` is None where a proxy does the looking up, and where the name server gave no answer within `resolve_s`
    seconds; False only if it said that there is no such name. Nothing is sent to the endpoint.
    """
    proxy = choose(address.scheme, address.host, address.port)
    resolves, addresses = (None, ()) if proxy else await _look_up(address, resolve_s)
    return Facts(
        base_url=address.base_url,
        given=address.given,
        address_notes=address.notes,
        resolves=resolves,
        addresses=addresses,
        via_proxy=proxy is not None,
        key_given=access.key is not None,
        key_source=access.key_source if access.key else None,
        key_shape=key_shape(access.key) if access.key else {},
        key_length=len(access.key) if access.key else None,
        loopback_or_private=address.loopback_or_private,
        model_requested=model,
        profile=profile,
        nonce_seed=nonce_seed,
        clock=datetime.now().astimezone().isoformat(timespec="seconds"),
        inside=inside(),
    )


async def _look_up(address: Address, within_s: float) -> tuple[bool | None, tuple[str, ...]]:
    try:
        async with asyncio.timeout(within_s):  # wait_for loses a cancellation that comes with the answer (gh-86296)
            spots = await resolve(address.host, address.port)
    except TimeoutError:
        return None, ()
    except socket.gaierror as failure:
        # EAI_AGAIN: the name server was not reached, which says nothing about the name.
        return (None if failure.errno == socket.EAI_AGAIN else False), ()
    return True, tuple(dict.fromkeys(spot.sockaddr[0] for spot in spots))
