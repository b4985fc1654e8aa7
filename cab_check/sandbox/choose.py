"""Which walls stand here: the strongest engine whose self-test holds, or the reasons why none does."""

from __future__ import annotations

import sys

from cab_check.base.errors import NoSandbox, UsageError
from cab_check.sandbox.advice import look, mend, unsupported
from cab_check.sandbox.box import Engine, Isolation, Plan

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


async def choose(wanted: str = "auto", *, plan: Plan | None = None) -> Engine:
    """The first engine in order whose walls stand and whose self-test holds.

    `wanted` is "auto", a level ("3", "2") or the name of an engine; "docker" and "podman", which may name an image
    after a colon, are never taken otherwise. With `plan`, the engine must also be able to open a box for it and run a
    command there. Raises NoSandbox with the reason of each engine that was tried.
    """
    asked = candidates(wanted)
    if not asked:
        raise NoSandbox(f"{wanted} is not an engine of this system")
    reasons: list[str] = []
    step = ""
    for engine in asked:
        try:
            await engine.probe()
            if plan is not None:
                await _dry_run(engine, plan)
        except NoSandbox as failure:
            reasons.append(f"{engine.name}: {failure.message}")
            step = step or failure.next_step
            continue
        return engine
    if all(engine.name in ON_REQUEST for engine in asked):
        raise NoSandbox("; ".join(reasons), step or "Without --sandbox the walls need no container engine.")
    raise NoSandbox(f"no walls stand here. {'; '.join(reasons)}", step or mend(look()))


def candidates(wanted: str) -> list[Engine]:
    """The engines that `wanted` names. Raises UsageError for a name that is none, NoSandbox where none can stand."""
    name, _, image = wanted.partition(":")
    if name not in _PLAIN or (image and name not in ON_REQUEST):
        raise UsageError(f"no sandbox {wanted!r}", f"Known: {', '.join(WANTED)}.")
    reason = unsupported(look())
    if reason is not None:
        raise NoSandbox(*reason)
    if name in ON_REQUEST:
        from cab_check.sandbox.container import ContainerEngine

        return [ContainerEngine(name, image)]
    return [engine for engine in engines() if name in ("auto", str(engine.level), engine.name)]


async def survey() -> list[tuple[str, Isolation | str]]:
    """Every engine with the walls that it builds here, or the reason why it does not."""
    reason = unsupported(look())
    if reason is not None:
        return [("any", f"{reason[0]}. {reason[1]}")]
    result: list[tuple[str, Isolation | str]] = []
    for engine in engines():
        try:
            result.append((engine.name, await engine.probe()))
        except NoSandbox as failure:
            result.append((engine.name, failure.message))
    return result


async def _dry_run(engine: Engine, plan: Plan) -> None:
    async with engine.open(plan) as box:
        done = await box.run(["/bin/sh", "-c", "exit 42"], timeout_s=10)
    if done.exit_code != 42:
        raise NoSandbox(f"{engine.name}: a trial command ended with {done.exit_code} instead of 42")
