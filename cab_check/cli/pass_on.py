"""`cab-check report ID --issue` and `--bundle`: what others need of a run, without what is nobody's business."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cab_check.cli.options import Showing
from cab_check.cli.screen import put
from cab_check.record import output
from cab_check.record.store import EXCHANGES, StoredRun
from cab_check.report.bundle import bundle
from cab_check.report.issue import issue
from cab_check.report.veiled import Shareable, shareable
from cab_check.wire import har
from cab_check.wire.exchange import Facts, Recording


def pass_on_issue(stored: StoredRun, code: str | None, *, full: bool, showing: Showing) -> None:
    """Print one finding as Markdown (`-q`: its title alone), and write it where `-o FILE.md` says."""
    for path in showing.output or []:
        output.check(path, [".md"])
    run = _shareable(stored, full)
    made = issue(run, code)
    if showing.json:
        _document("cab-check/issue/v1", run, title=made.title, markdown=made.markdown)
    else:
        put([made.title if showing.quiet else made.markdown])
    for path in showing.output or []:
        output.put(made.markdown.encode("utf-8"), path)


def pass_on_bundle(stored: StoredRun, code: str | None, *, full: bool, showing: Showing) -> None:
    """Write the zip where `-o FILE.zip` says, else into the run's folder, and print where it is."""
    paths = showing.output or [stored.folder / f"cab-check-{stored.record['run_id']}.zip"]
    for path in paths:
        output.check(path, [".zip"])
    run = _shareable(stored, full)
    packed = bundle(run, code)
    for path in paths:
        output.put(packed, path)
    if showing.json:
        _document("cab-check/bundle/v1", run, files=[str(path) for path in paths])
    else:
        put(map(str, paths))


def _shareable(stored: StoredRun, full: bool) -> Shareable:
    return shareable(stored.record, _recording(stored.folder / EXCHANGES, stored.record), full=full)


def _recording(path: Path, record: dict[str, Any]) -> Recording:
    """The run's recording; without exchanges if it was not kept with the Record."""
    if path.is_file():
        return har.load(path)
    endpoint = record["endpoint"]
    return Recording(Facts(endpoint["base_url"] or "", endpoint["given"] or ""))


def _document(schema: str, run: Shareable, **more: Any) -> None:
    replaced = {kind: {"values": different, "times": times} for kind, (different, times) in run.replaced.items()}
    put([json.dumps({"schema": schema, **more, "full": run.full, "replaced": replaced}, ensure_ascii=True)])
