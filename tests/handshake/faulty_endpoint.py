"""A real HTTP server on loopback: the sound demo endpoint, with one named fault laid over its replies."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from cab_check.base.progress import Quiet
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import DONE, HttpReply, HttpRequest, head, pieces
from cab_check.handshake.drive import ask_all, first_contact
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Recording
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.secret import Secret

KEY = "sk-test-not-a-key-0123456789"
MODEL = "cab-check-demo"
SHORT = WireLimits(connect_s=2.0, headers_s=1.5, idle_s=1.0, total_s=6.0, after_done_s=0.4)


@dataclass(frozen=True)
class Stall:
    """These bytes, and then nothing for as long as the client waits; the connection is cut if `cut`."""

    data: bytes
    cut: bool = False


Answer = HttpReply | Stall
Fault = Callable[[HttpRequest, HttpReply], Answer]


class Server:
    """Answers each request with what `fault` makes of the sound reply. One request per connection."""

    def __init__(self, fault: Fault, key: str | None) -> None:
        self._fault = fault
        self._sound = Endpoint(key=key)
        self._ready = threading.Event()
        self.requests: list[HttpRequest] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(5)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = HttpRequest(method, target.partition("?")[0], headers, body)
        self.requests.append(request)
        answer = self._fault(request, self._sound(request))
        if isinstance(answer, Stall):
            writer.write(answer.data)
            await writer.drain()
            if not answer.cut:
                await reader.read()
            return
        await _write(writer, answer)


async def _write(writer: asyncio.StreamWriter, reply: HttpReply) -> None:
    if reply.events is None:
        body = b"".join(pieces(reply))
        writer.write(head(reply, len(body), keep=False) + body)
        await writer.drain()
        return
    writer.write(head(reply, None, keep=False))
    for piece in pieces(reply):
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


@contextmanager
def serving(fault: Fault, key: str | None = KEY) -> Iterator[Server]:
    server = Server(fault, key)
    try:
        yield server
    finally:
        server.close()


async def record(
    base: str, *, key: str | None = KEY, model: str | None = MODEL, limits: WireLimits = SHORT, seed: str = "seed"
) -> tuple[Recording, Plan]:
    """A whole live handshake against `base`, as the command line makes it."""
    address = read_address(base)
    access = Access(key=Secret(key) if key else None, key_source="--key" if key else None)
    facts = await gather(address, access, model=model, profile="generic", nonce_seed=seed)
    plan = Plan(model=model, nonce_seed=seed, other_base_paths=address.other_base_paths)
    async with Client(address, access, facts=facts, limits=limits) as client:
        await first_contact(client, plan)
        await ask_all(client, plan, Quiet())
        return client.recording, plan


def handshake_with(fault: Fault, *, path: str = "/v1", server_key: str | None = KEY, **more: Any) -> Handshake:
    """The judgement of a live handshake against the demo endpoint with `fault` laid over it."""
    with serving(fault, server_key) as server:
        recording, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}{path}", **more))
    return judge(recording, plan)


# --- what faults are made of ------------------------------------------------------------------------------------------


def sound(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return reply


def asked(request: HttpRequest) -> dict[str, Any]:
    """The chat completion that was asked for; empty for another request."""
    return json.loads(request.body) if request.path.endswith("/chat/completions") and request.body else {}


def raw(status: int, body: bytes, kind: str = "application/json", *headers: str) -> Stall:
    """A reply of these very bytes."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return Stall("\r\n".join(lines).encode() + b"\r\n\r\n" + body, cut=True)


def error(status: int, message: str, **fields: Any) -> HttpReply:
    return HttpReply(status, {"error": {"message": message, **fields}})


def always(answer: Answer) -> Fault:
    """The same reply to everything."""
    return lambda request, reply: answer


def on_chat(answer: Answer, when: Callable[[dict[str, Any]], bool] = lambda body: True) -> Fault:
    """The same reply to every chat completion for which `when` holds."""
    return lambda request, reply: answer if asked(request) and when(asked(request)) else reply


def plain(
    change: Callable[[dict[str, Any]], None], when: Callable[[dict[str, Any]], bool] = lambda body: True
) -> Fault:
    """Change the document of plain completions in place."""

    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if not asked(request) or reply.status != 200 or reply.events is not None or not when(asked(request)):
            return reply
        value = copy.deepcopy(reply.value)
        change(value)
        return replace(reply, value=value)

    return fault


def chunks(
    change: Callable[[list[Any]], list[Any]], when: Callable[[dict[str, Any]], bool] = lambda body: True
) -> Fault:
    """Change the events of streams."""

    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if reply.events is None or not when(asked(request)):
            return reply
        return replace(reply, events=tuple(change(copy.deepcopy(list(reply.events)))))

    return fault


def both(*faults: Fault) -> Fault:
    """One fault after the other."""

    def fault(request: HttpRequest, reply: HttpReply) -> Answer:
        answer: Answer = reply
        for step in faults:
            if isinstance(answer, Stall):
                return answer
            answer = step(request, answer)
        return answer

    return fault


def has_tools(body: dict[str, Any]) -> bool:
    return bool(body.get("tools"))


def has_result(body: dict[str, Any]) -> bool:
    return any(message["role"] == "tool" for message in body["messages"])


def message(value: dict[str, Any]) -> dict[str, Any]:
    return value["choices"][0]["message"]


def calls(value: dict[str, Any]) -> list[dict[str, Any]]:
    return message(value).get("tool_calls") or []


def deltas(events: list[Any]) -> Iterator[dict[str, Any]]:
    """The deltas of tool calls, to change in place."""
    for event in events:
        for choice in event.get("choices", ()) if event != DONE else ():
            yield from choice["delta"].get("tool_calls") or ()
