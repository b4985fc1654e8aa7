"""The last lines: what it cost, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report.figures import dollars, many, seconds, tokens, total
from cab_check.report.findings import root_causes
from cab_check.report.lines import hanging, key, single
from cab_check.report.task import agents

Row = Mapping[str, Any]


def cost(record: Row, width: int) -> list[Text]:
    """Requests, tokens and seconds of the whole job, handshake and task together, and the id it is kept under."""
    handshake, twin = record["handshake"]["cost"], record["handshake"]["compared_to"]
    asked = [handshake, *([twin["cost"]] if twin else [])]
    ran = agents(record["task"]) if record["task"] else []
    refused = record["task"]["asked_again"] if record["task"] else 0
    requests = sum(part["requests"] for part in asked) + sum(agent["model_calls"] for agent in ran) + refused
    spent = total(*(part[name] for part in (*asked, *ran) for name in ("prompt_tokens", "completion_tokens")))
    counted = f", {tokens(spent)}" if requests else ""
    kept = f"kept as {record['run_id']}" if record["files"] else "not kept"
    line = f"{many(requests, 'request')}{counted}, {seconds(record['duration_s'])}{_usd(handshake, ran)}"
    first = hanging(key("Cost"), f"{line}; {kept}", width, style="dim", label_style="dim")
    return [*first, *_rate_limit(record, width)]


def _usd(handshake: Row, ran: list[Row]) -> str:
    """The price of everything, as far as it is known."""
    price, parts = handshake["price"], [handshake["usd"]]
    if price is None:
        return ""
    for agent in ran:
        asked, answered = agent["prompt_tokens"], agent["completion_tokens"]
        known = asked is not None and answered is not None
        paid = asked * price["prompt"] + answered * price["completion"] if known else None
        parts.append(None if paid is None else paid + agent["model_calls"] * price["request"])
    known_parts = [part for part in parts if part is not None]
    return f", {dollars(sum(known_parts))}" if len(known_parts) == len(parts) else ", price not known"


def _rate_limit(record: Row, width: int) -> list[Text]:
    """How often a rate limit refused a request that was asked again, and what the waiting took."""
    parts = [record["handshake"]["cost"], *([record["task"]] if record["task"] else [])]
    again, waited = (sum(part[name] for part in parts) for name in ("asked_again", "waited_ms"))
    if not again:
        return []
    text = f"a rate limit: {many(again, 'request')} asked again, {seconds(waited / 1000)} waited"
    return [single(key(""), text, width, style="dim")]


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
    asked = [row for row in record["handshake"]["tuis"] if row["tui"] in record["handshake"]["for"] and row["wiring"]]
    wired = [f"{row['wiring']} prints its settings for this endpoint" for row in asked if row["verdict"] == "works"]
    if wired and not record["demo"]:
        return wired
    if record["demo"]:
        return ["your own endpoint: cab-check --endpoint URL --key-env NAME --model ID"]
    if task is None or not task["trials"]:
        return ["the same command with -v shows every check"]
    if len(task["trials"]) == 1:
        return ["--trials 3 tells luck from skill; -v shows every check and test"]
    return ["the same command with -v shows every check and every test"]
