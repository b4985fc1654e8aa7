"""A run as one zip to attach: record.json, exchanges.har and issue.md, with the same placeholders in all of them."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO

from cab_check.record.document import dumps
from cab_check.record.store import EXCHANGES, RECORD
from cab_check.report.issue import issue
from cab_check.report.veiled import Shareable
from cab_check.wire import har

ISSUE = "issue.md"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell: the same run gives the same bytes


def bundle(run: Shareable, wanted: str | None = None) -> bytes:
    """The zip's bytes. issue.md is left out where the run has no finding and none was asked for. Raises UnknownName."""
    texts: dict[str, str] = {}
    if run.recording.exchanges:
        texts[EXCHANGES] = json.dumps(har.to_har(run.recording), ensure_ascii=True, indent=1)
    if wanted is not None or run.record["handshake"]["findings"]:
        texts[ISSUE] = issue(run, wanted).markdown
    texts[RECORD] = dumps({**run.record, "files": sorted([*texts, RECORD])})
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text.encode("utf-8"))
    return packed.getvalue()
