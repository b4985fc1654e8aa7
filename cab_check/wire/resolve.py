"""Host names to addresses, without holding up the end of the program."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """One address that can be connected to."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    @property
    def shown(self) -> str:
        """`127.0.0.1:8000`, `[::1]:8000`."""
        host, port = self.sockaddr[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def resolve(host: str, port: int) -> tuple[Spot, ...]:
    """The addresses of `host`, in the system's order of preference. Raises socket.gaierror. Has no deadline of its own.

    The look-up runs in a thread of its own, because the resolver of the C library cannot be interrupted: on the event
    loop's pool, a dead name server would keep a cancelled program alive for half a minute. A daemon thread does not.
    """
    spot = _literal(host, port)
    if spot is not None:
        return (spot,)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Spot, ...]] = loop.create_future()
    threading.Thread(target=_look_up, args=(host, port, loop, answer), name="resolve", daemon=True).start()
    return await answer


def _literal(host: str, port: int) -> Spot | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return Spot(socket.AF_INET, (host, port))
    return Spot(socket.AF_INET6, (host, port, 0, 0))


def _look_up(host: str, port: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[tuple[Spot, ...]]) -> None:
    spots: tuple[Spot, ...] = ()
    failure: Exception | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        spots = tuple(dict.fromkeys(Spot(family, sockaddr) for family, _, _, _, sockaddr in found))  # type: ignore[arg-type]
    except OSError as error:
        failure = error
    except UnicodeError:  # a label that no name server can be asked for
        failure = socket.gaierror(socket.EAI_NONAME, "the name is not a possible host name")

    def deliver() -> None:
        if answer.done():
            return
        if failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(spots)

    try:
        loop.call_soon_threadsafe(deliver)
    except RuntimeError:  # the loop was closed while the name server kept silent: nobody waits any more
        return
