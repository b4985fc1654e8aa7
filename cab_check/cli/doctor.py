"""`cab-check doctor`: this machine: which walls stand and why not, toolchains, proxies, certificates."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from typing import Annotated, Any

import typer

from cab_check.base.errors import ToolchainMissing
from cab_check.base.plain import plain
from cab_check.cli.show import put
from cab_check.cli.tuis import installed_here
from cab_check.record.tool import tool_facts
from cab_check.sandbox.box import Isolation
from cab_check.sandbox.choose import survey
from cab_check.sandbox.toolchains import NAMES, find

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
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
    return {
        "schema": "cab-check/doctor/v1",
        "tool": plain(tool_facts()),
        "sandbox": [_engine(name, answer) for name, answer in await survey()],
        "toolchains": [_toolchain(name) for name in NAMES],
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


def _toolchain(name: str) -> dict[str, Any]:
    try:
        found = find(name)
    except ToolchainMissing as missing:
        return {"name": name, "version": None, "reason": missing.message}
    return {"name": name, "version": found.version, "reason": None}


def _lines(facts: dict[str, Any]) -> list[str]:
    tool = facts["tool"]
    lines = [f"cab-check {tool['version']}, Python {tool['python']}, {tool['platform']}, {tool['cpus']} cpus", ""]
    for engine in facts["sandbox"]:
        lines += _engine_lines(engine)
    lines.append("")
    for chain in facts["toolchains"]:
        lines.append(f"{'ok' if chain['version'] else '- '} {chain['name']:8} {chain['version'] or chain['reason']}")
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
