"""`cab-check doctor`: this machine: which walls stand and why not, toolchains, proxies, certificates."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
from typing import Annotated, Any

import typer

from cab_check.base.errors import ToolchainMissing
from cab_check.base.plain import plain
from cab_check.cli.screen import put
from cab_check.cli.tuis import installed_here
from cab_check.record.tool import tool_facts
from cab_check.sandbox import cgroups
from cab_check.sandbox.advice import look, mend, unsupported
from cab_check.sandbox.box import Engine, Isolation
from cab_check.sandbox.choose import ON_REQUEST, engines, survey
from cab_check.sandbox.proofs import why_it_fails
from cab_check.sandbox.toolchains import NAMES, find

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
_BEST = 3
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document")] = False) -> int:
    """This machine: sandbox level and why, toolchains, proxies, certificates; can be pasted into a bug report."""
    facts = asyncio.run(_facts())
    if as_json:
        put([json.dumps(facts, ensure_ascii=True)])
    else:
        put(_lines(facts))
    return 0 if any(engine["stands"] for engine in facts["sandbox"]) else 5


async def _facts() -> dict[str, Any]:
    found = await survey()
    used = next((name for name, answer in found if isinstance(answer, Isolation)), None)
    engine = next((engine for engine in (engines() if used else ()) if engine.name == used), None)
    level = next((answer.level for name, answer in found if name == used and isinstance(answer, Isolation)), 0)
    return {
        "schema": "cab-check/doctor/v1",
        "tool": plain(tool_facts()),
        "inside": look().inside,
        "sandbox": [_engine(name, answer) for name, answer in found],
        "used": used,
        "no_cgroup_because": cgroups.why_not() if look().system == "linux" else None,
        "for_level_3": mend(look()) if level < _BEST and unsupported(look()) is None else None,
        "on_request": {name: shutil.which(name) is not None for name in ON_REQUEST},
        "toolchains": [await _toolchain(name, engine) for name in NAMES],
        "agent_clis": installed_here(),
        "proxies": sorted(name for name in _PROXIES if os.environ.get(name)),
        "certificates": {
            "set": [name for name in _CERTIFICATES if os.environ.get(name)],
            "openssl": ssl.OPENSSL_VERSION,
            "default_file": ssl.get_default_verify_paths().cafile,
        },
    }


def _engine(name: str, answer: Isolation | str) -> dict[str, Any]:
    if isinstance(answer, Isolation):
        return {"engine": name, "stands": True, "reason": None, "isolation": plain(answer)}
    return {"engine": name, "stands": False, "reason": answer, "isolation": None}


async def _toolchain(name: str, engine: Engine | None) -> dict[str, Any]:
    """One toolchain: `works` says whether a program was built and run with it inside, None if that was not tried."""
    try:
        found = find(name)
    except ToolchainMissing as missing:
        return {"name": name, "version": None, "reason": missing.message, "works": None}
    if engine is None:
        return {"name": name, "version": found.version, "reason": "not tried: no walls stand", "works": None}
    reason = await why_it_fails(engine, found)
    return {"name": name, "version": found.version, "reason": reason, "works": reason is None}


def _lines(facts: dict[str, Any]) -> list[str]:
    tool = facts["tool"]
    lines = [f"cab-check {tool['version']}, Python {tool['python']}, {tool['platform']}, {tool['cpus']} cpus", ""]
    for engine in facts["sandbox"]:
        lines += _engine_lines(engine)
    lines += [*_used_lines(facts), ""]
    lines += map(_toolchain_line, facts["toolchains"])
    lines += ["", *_cli_lines(facts["agent_clis"])]
    certificates = facts["certificates"]
    lines += [
        "",
        f"proxies       {', '.join(facts['proxies']) or 'none set'}",
        f"certificates  {', '.join(certificates['set']) or 'the system store'}; {certificates['openssl']}",
    ]
    return lines


def _cli_lines(found: list[dict[str, str]]) -> list[str]:
    """The agent CLIs that are installed, beside what was measured; see `cab-check tuis`."""
    if not found:
        return ["agent CLIs    none of the known ones was found (cab-check tuis)"]
    return [
        f"ok {cli['name']:17} {cli['version']}, measured {cli['measured']} on {cli['measured_on']}" for cli in found
    ]


def _engine_lines(engine: dict[str, Any]) -> list[str]:
    if not engine["stands"]:
        return [f"-  {engine['engine']:12} {engine['reason']}"]
    isolation = engine["isolation"]
    held = [attempt for attempt, outcome in isolation["selftest"].items() if outcome == "held"]
    version = f" {isolation['engine_version']}" if isolation["engine_version"] else ""
    lines = [
        f"ok {engine['engine']:12} level {isolation['level']}{version}, self-test {len(held)} of "
        f"{len(isolation['selftest'])} attempts held"
    ]
    return lines + [f"     open: {gap}" for gap in isolation["gaps"]]


def _used_lines(facts: dict[str, Any]) -> list[str]:
    """What a task would run behind here, wall by wall, and what would raise it."""
    isolation = next((row["isolation"] for row in facts["sandbox"] if row["engine"] == facts["used"]), None)
    lines = ["", f"A task runs in: {facts['used']}" if isolation else "A task does not run here."]
    if isolation:
        lines += [f"     {name:10} {wall}" for name, wall in isolation["walls"].items()]
        if facts["no_cgroup_because"] and "cgroup" not in isolation["walls"].get("limits", ""):
            lines.append(f"     no cgroup: {facts['no_cgroup_because']}")
    if facts["for_level_3"]:
        lines.append(f"     for level 3: {facts['for_level_3']}")
    known = [name for name, here in facts["on_request"].items() if here]
    if known:
        lines.append(f"     on request: --sandbox {' or '.join(known)} (found, not tried)")
    return lines


def _toolchain_line(chain: dict[str, Any]) -> str:
    if chain["works"]:
        return f"ok {chain['name']:8} {chain['version']}, works inside"
    version = f"{chain['version']}: " if chain["version"] else ""
    return f"-  {chain['name']:8} {version}{chain['reason']}"
