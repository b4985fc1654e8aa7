"""The last lines: what it cost, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report.figures import many, seconds, tokens, total
from cab_check.report.findings import root_causes
from cab_check.report.lines import hanging, key, single
from cab_check.report.task import agents

Row = Mapping[str, Any]


def cost(record: Row, width: int) -> list[Text]:
    """Requests, tokens and seconds of the whole job, handshake and task together, and the id it is kept under."""
    handshake = record["handshake"]["cost"]
    ran = agents(record["task"]) if record["task"] else []
    requests = handshake["requests"] + sum(agent["model_calls"] for agent in ran)
    spent = total(*(part[name] for part in (handshake, *ran) for name in ("prompt_tokens", "completion_tokens")))
    price = "" if handshake["usd"] is None else f", {handshake['usd']:.2f} USD"
    counted = f", {tokens(spent)}" if requests else ""
    kept = f"kept as {record['run_id']}" if record["files"] else "not kept"
    line = f"{many(requests, 'request')}{counted}, {seconds(record['duration_s'])}{price}"
    return [single(key("Cost"), f"{line}; {kept}", width, style="dim", label_style="dim")]


def next_step(record: Row, width: int) -> list[Text]:
    """What to do now: a step a line."""
    first, *more = _steps(record)
    lines = hanging(key("Next"), first, width, label_style="bold")
    return lines + [line for step in more for line in hanging(key(""), step, width)]


def error(record: Row, width: int) -> list[Text]:
    """What ended a task that had begun, if nothing above says it."""
    if record["error"] is None or record["task"] is None or record["stopped_by"] is not None:
        return []
    return hanging(key("Error"), record["error"]["message"], width, label_style="bold red")


def _steps(record: Row) -> list[str]:
    error, task = record["error"], record["task"]
    if error is not None and error["next_step"]:
        return [error["next_step"]]
    if record["partial"]:
        return ["the same command again"]
    causes = [finding for finding in root_causes(record) if finding["severity"] != "info"]
    if causes and record["handshake"]["verdict"] != "works":
        again = "make the change, then the same command again" if causes[0]["fix"] else "the same command with -v"
        return [again, f"cab-check explain {causes[0]['code']}"]
    if record["demo"]:
        return ["your own endpoint: cab-check --endpoint URL --key-env NAME --model ID"]
    if task is None or not task["trials"]:
        return ["the same command with -v shows every check"]
    if len(task["trials"]) == 1:
        return ["--trials 3 tells luck from skill; -v shows every check and test"]
    return ["the same command with -v shows every check and every test"]
