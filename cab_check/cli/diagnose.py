"""`cab-check diagnose FILE.har`: the same judgement as a live handshake, from a saved recording, offline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cab_check.cli.options import Showing
from cab_check.cli.show import check_showing, show
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.handshake.sdk_view import view
from cab_check.record.compose import compose
from cab_check.record.versions import with_versions
from cab_check.wire import har


def diagnose(file: Annotated[Path, typer.Argument(metavar="FILE.har")], *, showing: Showing) -> int:
    """The same diagnosis from a saved recording, offline."""
    check_showing(showing)
    began = datetime.now(UTC)
    recording = har.load(file)
    judged = judge(recording, plan_of(recording))
    judged = replace(judged, sdk_view=view(recording))
    record = compose(
        started_at=began,
        ended_at=datetime.now(UTC),
        recording=recording,
        handshake=with_versions(judged),
        exit_code=3 if showing.fail_on == "degraded" and judged.verdict == "degraded" else judged.exit_code,
    )
    show(record, showing, recording)
    return int(record["exit_code"])
