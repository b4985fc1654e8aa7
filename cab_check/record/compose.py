"""One Record from what the rooms below produced: a plain dict that is JSON as it stands, every key always there.

The JSON Schema beside this file is the contract. Fields are added, never renamed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from cab_check.base.errors import CabError, Stopped
from cab_check.base.spans import Span
from cab_check.base.text import clean
from cab_check.handshake.result import Handshake, Verdict
from cab_check.record.known import known
from cab_check.record.parts import endpoint_part, handshake_part, is_demo, model_part, tool_part, trace_part
from cab_check.record.scores import scores
from cab_check.record.task import AGENT, task_part
from cab_check.record.tool import ToolFacts, tool_facts
from cab_check.run.result import TaskRun
from cab_check.wire.exchange import Facts, Recording

SCHEMA = "cab-check/run/v0"
NOTICE = "Provisional score — not for citation"


def compose(
    *,
    started_at: datetime,
    ended_at: datetime,
    recording: Recording,
    handshake: Handshake,
    exit_code: int,
    task_run: TaskRun | None = None,
    trace: Sequence[Span] = (),
    tool: ToolFacts | None = None,
    run_id: str | None = None,
    stopped_by: str | None = None,
    error: CabError | None = None,
    no_task: str | None = None,
) -> dict[str, Any]:
    """The Record of one job. Both times carry a zone. `files` stays empty until the Record is stored.

    `no_task` says why none was run, where the handshake does not. `stopped_by` names what ended the job early (else
    the handshake's own is taken); the Record is then partial.
    """
    if isinstance(error, Stopped):
        stopped_by = stopped_by or error.by
    stopped_by = stopped_by or handshake.stopped_by
    axes, scorers = scores(task_run) if task_run and task_run.trials else (None, None)
    after_handshake = recording.exchanges[handshake.cost.requests :]
    values = {
        "schema": SCHEMA,
        "provisional": True,
        "citable": False,
        "notice": NOTICE,
        "partial": stopped_by is not None or bool(task_run and task_run.partial),
        "demo": is_demo(handshake.model, recording),
        "run_id": run_id or new_run_id(started_at),
        "cell_id": _cell_id(started_at, handshake, task_run),
        "started_at": _timestamp(started_at),
        "ended_at": _timestamp(ended_at),
        "duration_s": (ended_at - started_at).total_seconds(),
        "exit_code": exit_code,
        "stopped_by": stopped_by,
        "error": error and {"kind": error.kind, "message": error.message, "next_step": error.next_step},
        "tool": tool_part(tool or tool_facts()),
        "endpoint": endpoint_part(recording.facts, handshake),
        "model": model_part(handshake.model),
        "handshake": handshake_part(handshake),
        "task": task_part(task_run, handshake.for_, after_handshake) if task_run else None,
        "axes": axes,
        "scorers": scorers,
        "trace": trace_part(trace),
        "files": [],
    }
    why_none = _why_no_task(handshake, error, stopped_by, no_task)
    no_score = "no trial was finished" if task_run else why_none
    document = known(values, {"cell_id": why_none, "task": why_none, "axes": no_score, "scorers": no_score})
    cleaned: dict[str, Any] = _cleaned(document)
    return cleaned


def error_document(
    error: CabError,
    *,
    started_at: datetime | None = None,
    facts: Facts | None = None,
    for_: tuple[str, ...] = ("generic",),
    tool: ToolFacts | None = None,
) -> dict[str, Any]:
    """The Record of a job that ended before anything was asked: a usage error, say, or no endpoint."""
    now = datetime.now(UTC)
    return compose(
        started_at=started_at or now,
        ended_at=now,
        recording=Recording(facts or Facts(base_url="", given="")),
        handshake=Handshake("unchecked", for_, error.message, checks=(), findings=()),
        exit_code=error.exit_code,
        tool=tool,
        error=error,
    )


def new_run_id(started_at: datetime) -> str:
    """An id that sorts by time: `YYYYMMDD-HHMMSS-xxxx`, UTC, the end random."""
    return f"{started_at.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _cell_id(started_at: datetime, handshake: Handshake, task_run: TaskRun | None) -> str | None:
    if task_run is None:
        return None
    model = handshake.model.requested or handshake.model.answered or "unknown"
    day = started_at.astimezone(UTC)
    return f"check-{day:%Y%m%d}/{AGENT}:{task_run.dialect}/{model}/{task_run.task_id}"


def _why_no_task(handshake: Handshake, error: CabError | None, stopped_by: str | None, no_task: str | None) -> str:
    if error is not None:
        return error.message
    if stopped_by is not None:
        return f"the job was stopped before the task: {stopped_by}"
    why: dict[Verdict, str] = {
        "blocked": "the handshake is blocked",
        "unchecked": "the handshake came to no verdict",
    }
    return why.get(handshake.verdict, no_task or "no task was asked for")


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cleaned(value: Any) -> Any:
    """Every string and key without control characters, so that no Record can command a terminal, a viewer or a log.

    A number that JSON cannot carry, from an endpoint that sent NaN, is not known.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value
