"""A command whose input and output go through as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from cab_check.sandbox import scratch
from cab_check.sandbox.box import Done, Engine, Mount, Plan
from cab_check.sandbox.warm import WarmBox


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def streamed(walls: Engine, argv: list[str], given: AsyncIterator[bytes]) -> tuple[Done, bytes]:
    said = bytearray()

    async def sink(_: str, data: bytes) -> None:
        said.extend(data)

    with scratch.directory("work") as work:
        async with walls.open(Plan((Mount(work, "/work", True),))) as box:
            done = await box.stream(argv, timeout_s=20, sink=sink, stdin=given)
            return done, bytes(said)


def test_pieces_arrive_in_order_and_the_end_after_them(walls: Engine) -> None:
    given = [bytes([65 + n]) * 50_000 for n in range(20)]
    done, said = asyncio.run(streamed(walls, ["cat"], pieces(*given)))
    assert done.exit_code == 0 and said == b"".join(given)
    assert (done.stdout, done.stderr) == (b"", b"")  # handed on, not kept


def test_an_answer_can_be_waited_for(walls: Engine) -> None:
    """The second piece is given only after the answer to the first: nothing waits for the end of the input."""
    heard = asyncio.Queue[bytes]()

    async def talk() -> AsyncIterator[bytes]:
        yield b"one\n"
        assert await heard.get() == b"one\n"
        yield b"two\n"

    async def inside() -> Done:
        async def sink(_: str, data: bytes) -> None:
            heard.put_nowait(data)

        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                return await box.stream(["cat"], timeout_s=20, sink=sink, stdin=talk())

    assert asyncio.run(inside()).exit_code == 0
    assert heard.get_nowait() == b"two\n"


def test_input_that_comes_together_with_the_command_is_not_overlooked(walls: Engine) -> None:
    async def inside() -> bytes:
        said = bytearray()

        async def sink(_: str, data: bytes) -> None:
            said.extend(data)

        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                assert isinstance(box, WarmBox)
                request = box._request(["cat"], None, None, 10.0, b"", more=True)
                messages = [request, {"stdin": "aGk=", "more": True}, {"stdin": "", "more": False}]
                assert box._launcher.stdin is not None
                box._launcher.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
                outcome = await box._talk.outcome(sink, 20)
                assert outcome["exit_code"] == 0 and outcome["limit"] is None
                return bytes(said)

    assert asyncio.run(inside()) == b"hi"


def test_who_takes_the_output_may_fail_and_the_box_stays_usable(walls: Engine) -> None:
    async def inside() -> Done:
        async def gone(_: str, __: bytes) -> None:
            raise BrokenPipeError

        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                with pytest.raises(BrokenPipeError):
                    await box.stream(["yes"], timeout_s=20, sink=gone, stdin=pieces())
                return await box.run(["echo", "on"], timeout_s=20)

    assert asyncio.run(inside()).stdout == b"on\n"


def test_a_slow_reader_is_waited_for_beyond_the_launchers_deadline(
    walls: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's own time is over long before its output is taken; that is no failure of the launcher."""
    monkeypatch.setattr("cab_check.sandbox.warm._SLACK_S", 2.0)

    async def inside() -> Done:
        async def slow(_: str, __: bytes) -> None:
            await asyncio.sleep(2.6)

        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                return await box.stream(["sh", "-c", "echo x; sleep 9"], timeout_s=0.5, sink=slow, stdin=pieces())

    assert asyncio.run(inside()).limit == "wall"
