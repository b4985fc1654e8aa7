"""Which walls stand here: the strongest engine whose self-test holds, or the reasons why none does."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from cab_check.base.errors import NoSandbox, UsageError
from cab_check.sandbox.advice import look, mend, unsupported
from cab_check.sandbox.box import Box, Engine, Isolation, Plan
from cab_check.sandbox.selftest import probe, proven

ON_REQUEST = ("docker", "podman")
WANTED = ("auto", "3", "2", "bwrap", "namespaces", "landlock", "seatbelt", *(f"{name}[:IMAGE]" for name in ON_REQUEST))
_PLAIN = (*WANTED[:7], *ON_REQUEST)


def engines() -> tuple[Engine, ...]:
    """Every engine of this system, strongest and most reviewed first. Containers are not among them."""
    if sys.platform == "darwin":
        from cab_check.sandbox.seatbelt import SeatbeltEngine

        return (SeatbeltEngine(),)
    from cab_check.sandbox.bwrap import BubblewrapEngine
    from cab_check.sandbox.landlock import LandlockEngine
    from cab_check.sandbox.namespaces import NamespacesEngine

    return BubblewrapEngine(), NamespacesEngine(), LandlockEngine()


async def choose(wanted: str = "auto") -> tuple[Engine, Isolation]:
    """The first engine in order whose walls stand and whose self-test holds, and what stands.

    `wanted` is "auto", a level ("3", "2") or the name of an engine; "docker" and "podman", which may name an image
    after a colon, are never taken otherwise. Raises NoSandbox with the reason of each engine that was tried.
    """
    asked, reasons = candidates(wanted), Reasons()
    for engine in asked:
        with reasons.of(engine):
            return engine, await probe(engine)
    raise reasons.together(asked)


@asynccontextmanager
async def open_box(wanted: str, plan: Plan) -> AsyncIterator[tuple[Box, Isolation]]:
    """A box for `plan` of the first engine in order whose self-test holds in that very box, and what stands.

    For one command: it starts sooner than with a box for the self-test and another one. `wanted` and errors as in
    `choose`; `plan` must hold the toolchain python.
    """
    asked, reasons = candidates(wanted), Reasons()
    async with AsyncExitStack() as stack:
        for engine in asked:
            with reasons.of(engine):
                opened = await stack.enter_async_context(proven(engine, plan))
                break
        else:
            raise reasons.together(asked)
        yield opened


@dataclass
class Reasons:
    """Why each engine that was tried does not stand."""

    told: list[str] = field(default_factory=list)
    step: str = ""

    @contextmanager
    def of(self, engine: Engine) -> Iterator[None]:
        """Take down the NoSandbox that the block raises, and go on after it."""
        try:
            yield
        except NoSandbox as failure:
            self.told.append(f"{engine.name}: {failure.message}")
            self.step = self.step or failure.next_step

    def together(self, asked: Sequence[Engine]) -> NoSandbox:
        """All of it as one error, with the one step that helps."""
        if all(engine.name in ON_REQUEST for engine in asked):
            return NoSandbox("; ".join(self.told), self.step or "Without --sandbox the walls need no container engine.")
        return NoSandbox(f"no walls stand here. {'; '.join(self.told)}", self.step or mend(look()))


def read(wanted: str) -> tuple[str, str]:
    """The name of an engine, "auto" or a level, and the image that is named with it. Raises UsageError for no name."""
    name, _, image = wanted.partition(":")
    if name not in _PLAIN or (image and name not in ON_REQUEST):
        raise UsageError(f"There is no sandbox {wanted!r}.", f"Known: {', '.join(WANTED)}.")
    return name, image


def candidates(wanted: str) -> list[Engine]:
    """The engines that `wanted` names. Raises UsageError for a name that is none, NoSandbox where none can stand."""
    name, image = read(wanted)
    reason = unsupported(look())
    if reason is not None:
        raise NoSandbox(*reason)
    if name in ON_REQUEST:
        from cab_check.sandbox.container import ContainerEngine

        return [ContainerEngine(name, image)]
    found = [engine for engine in engines() if name in ("auto", str(engine.level), engine.name)]
    if not found:
        raise NoSandbox(f"{wanted} is not an engine of this system")
    return found


async def survey() -> list[tuple[str, Isolation | str]]:
    """Every engine with the walls that it builds here, or the reason why it does not."""
    reason = unsupported(look())
    if reason is not None:
        return [("any", f"{reason[0]}. {reason[1]}")]
    result: list[tuple[str, Isolation | str]] = []
    for engine in engines():
        try:
            result.append((engine.name, await probe(engine)))
        except NoSandbox as failure:
            result.append((engine.name, failure.message))
    return result
