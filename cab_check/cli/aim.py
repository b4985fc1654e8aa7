"""What a CLI is to be pointed at: from what was typed, and from a stored run of that endpoint and model."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cab_check.base.errors import UsageError
from cab_check.cli.options import Reach
from cab_check.cli.target import endpoint_from
from cab_check.knowledge.vocabulary import code
from cab_check.record.store import Store, StoredRun
from cab_check.tuis.recipe import Aim
from cab_check.wire.address import read_address

_CUT = ("context-truncated-silently", "context-too-small")
_ASKS_FOR_A_LIMIT = ("context-counts-output", "context-overflow-unclear", *_CUT)


@dataclass(frozen=True)
class Aimed:
    """The aim, the run that it was read from (None: no run), that run's verdict per TUI, notes for stderr, and the
    arguments that give the same aim again.
    """

    aim: Aim
    run: str | None
    arguments: str
    notes: tuple[str, ...] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)


def aimed(
    endpoint: str | None,
    model: str | None,
    key_env: str | None,
    run: str | None,
    findings: Sequence[str],
    context: int | None,
) -> Aimed:
    """The aim. Raises UsageError if nobody says where to, or which model; UnknownName for a run or code unknown."""
    for item in findings:
        code(item.partition(":")[0])
    where = endpoint_from(Reach(endpoint=endpoint), os.environ)
    base_url = read_address(where[0]).base_url if where and (endpoint or not run) else None
    stored = Store().load(run) if run else _newest(base_url, model)
    record = stored.record if stored else None
    base_url, model = base_url or _address_of(record), model or _model_of(record)
    if base_url is None or model is None:
        lacking = "endpoint" if base_url is None else "model"
        raise UsageError(f"No {lacking} was named.", "cab-check wiring TUI --endpoint URL --model M, or --run ID.")
    told = _findings_of(record)
    aim = Aim(
        base_url=_mended(base_url, told),
        model=model,
        key_env=key_env or ("OPENAI_API_KEY" if where and where[1].startswith("OPENAI_") and not run else "CAB_KEY"),
        context=context or _context_of(record, told),
        findings=tuple(dict.fromkeys([*told, *findings])),
        platform=sys.platform,
    )
    key = f" --key-env {shlex.quote(key_env)}" if key_env else ""
    arguments = f" --endpoint {shlex.quote(base_url)} --model {shlex.quote(model)}{key}"
    return Aimed(aim, record["run_id"] if record else None, arguments, _notes(record, run), _verdicts_of(record))


def _newest(base_url: str | None, model: str | None) -> StoredRun | None:
    """The newest stored run of that endpoint and model, or of whatever was left out."""
    store = Store()
    for run in store.list():
        stored = store.load(run)
        record = stored.record
        if _address_of(record) is None or _model_of(record) is None:
            continue
        if base_url in (None, _address_of(record)) and model in (None, _model_of(record)):
            return stored
    return None


def _notes(record: Mapping[str, Any] | None, run: str | None) -> tuple[str, ...]:
    if record is None:
        return ("note: no stored run of this endpoint and model: no workaround is known to be needed",)
    if run is not None:
        return ()
    model, address = _model_of(record), _address_of(record)
    return (f"note: findings are those of run {record['run_id']} ({model} at {address}, {record['started_at'][:10]})",)


def _address_of(record: Mapping[str, Any] | None) -> str | None:
    return record["endpoint"]["base_url"] if record else None


def _model_of(record: Mapping[str, Any] | None) -> str | None:
    return (record["model"]["requested"] or record["model"]["answered"]) if record else None


def _findings_of(record: Mapping[str, Any] | None) -> list[str]:
    found = record["handshake"]["findings"] if record else []
    return [f"{item['code']}:{item['subject']}" if item["subject"] else item["code"] for item in found]


def _verdicts_of(record: Mapping[str, Any] | None) -> dict[str, str]:
    rows = record["handshake"].get("tuis") or [] if record else []
    return {row["tui"]: row["verdict"] for row in rows}


def _context_of(record: Mapping[str, Any] | None, findings: Sequence[str]) -> int | None:
    """The context in tokens: what arrived of a prompt that was cut, else what the model list says. What was merely
    seen to arrive whole is a lower bound, and taken only where a finding says that the context is too small.
    """
    if record is None:
        return None
    cut = [subject for found, _, subject in (item.partition(":") for item in findings) if found in _CUT]
    figures = [int(subject) for subject in cut if subject.isdecimal()]
    listed = record["model"].get("context_listed")
    figures += [listed] if listed else []
    if not figures and any(item.partition(":")[0] in _ASKS_FOR_A_LIMIT for item in findings):
        verified = record["handshake"]["context_tokens_verified"]
        figures += [verified] if verified else []
    return min(figures, default=None)


def _mended(base_url: str, findings: Sequence[str]) -> str:
    """The address with the base path under which the API was found, where that is another than was given."""
    path = next((subject for found, _, subject in (item.partition(":") for item in findings) if found == _PATH), "")
    if not path.startswith("/"):
        return base_url
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"


_PATH = "address-wrong-base-path"
