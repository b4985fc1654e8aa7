"""One finding of a stored run as Markdown for a bug tracker: signature, the smallest request that shows it, the raw
reply beside what was expected, a sound twin, and what was not tested. Made of a run that may be shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cab_check.base.text import one_line
from cab_check.knowledge.expected import expected
from cab_check.report.findings import SURE, owner
from cab_check.report.issue_choice import Shown, choose, smallest, twin
from cab_check.report.issue_curl import command, too_large
from cab_check.report.issue_reply import reply
from cab_check.report.md import code, fence, prose
from cab_check.report.placeholders import KINDS
from cab_check.report.veiled import Shareable

Row = Mapping[str, Any]

LONGEST = 60_000  # characters; GitHub takes 65 536
_REPLY, _TWIN = 6_000, 2_500
_PLACES, _ROWS = 5, 40


@dataclass(frozen=True)
class Issue:
    """The line for the tracker's title field, and the text."""

    title: str
    markdown: str


def issue(run: Shareable, wanted: str | None = None) -> Issue:
    """The finding `wanted` (`code` or `code:subject`), or the one to mend first. Raises UnknownName."""
    finding = choose(run.record, wanted)
    shown = smallest(finding, run.recording)
    title = signature(run.record, finding)
    parts: list[tuple[str, Callable[[], Iterator[str]]]] = [
        ("", lambda: _head(run.record, finding, title)),
        ("Expected", lambda: _expected(finding)),
        ("Got", lambda: _got(finding, shown)),
        ("The request that shows it", lambda: _request(shown)),
        ("The reply", lambda: reply(shown.exchange, _REPLY) if shown else iter(())),
        ("The same kind of request, answered soundly", lambda: _twin(run, shown)),
        ("What the openai SDK makes of the reply", lambda: _sdk(run.record, shown)),
        ("Change", lambda: iter([fence(finding["fix"], "text")] if finding["fix"] else ())),
        ("Versions", lambda: _versions(run.record)),
        ("Not tested", lambda: _untested(run.record)),
        ("Replaced", lambda: _replaced(run)),
    ]
    sections = {name: "\n\n".join(part()) for name, part in parts}
    return Issue(title, _within({name: text for name, text in sections.items() if text}))


def signature(record: Row, finding: Row) -> str:
    """`code/subject@server-version via gateway`, on one line, without backticks."""
    hops = record["endpoint"]["hops"]
    servers = [hop for hop in hops if hop["kind"] != "gateway"] or [{"name": "unrecognised", "version": None}]
    server = "-".join(filter(None, (servers[-1]["name"], servers[-1]["version"]))).replace(" ", "-")
    through = [hop["name"] for hop in hops if hop["kind"] == "gateway"]
    via = f" via {', '.join(through)}" if through else ""
    subject = f"/{finding['subject']}" if finding["subject"] else ""
    return one_line(f"{finding['code']}{subject}@{server}{via}".replace("`", "'").replace("<", "‹"), 160)


def _head(record: Row, finding: Row, title: str) -> Iterator[str]:
    seen, asked = finding["seen"]
    yield f"# {code(title)}"
    yield prose(finding["title"])
    if finding["cause"]:
        yield f"Cause: {prose(finding['cause'])}"
    yield (
        f"Seen {seen} of {asked} times. Whose it is: {owner(finding)}, {SURE[finding['confidence']]}."
        f" For {code(', '.join(record['handshake']['for']))} it {_EFFECT[finding['severity']]}."
    )
    if finding["follows_from"]:
        yield f"It follows from {code(finding['follows_from'])}, which is to be mended first."
    if record["partial"]:
        yield "The run ended early, so less was asked than usual."
    if record["demo"]:
        yield "cab-check's built-in demo answered here: this says nothing about any real server or model."


_EFFECT = {"blocks": "blocks", "degrades": "degrades", "info": "is for information"}


def _expected(finding: Row) -> Iterator[str]:
    right = expected(finding["code"], finding["layer"])
    yield right.text
    yield "\n".join(f"- {_link(source)}" for source in dict.fromkeys((right.source, *finding["sources"])))


def _link(source: str) -> str:
    """A link, but none to an issue or pull request: GitHub would tell everybody there of every report made of this."""
    plain = source.startswith("https://") and not set(source) & set(" <>`\\\"'()[]|") and source.isprintable()
    return f"<{source}>" if plain and "/issues/" not in source and "/pull/" not in source else code(source)


def _got(finding: Row, shown: Shown | None) -> Iterator[str]:
    number = shown.exchange.number if shown else None
    first = sorted(finding["evidence"], key=lambda item: item["exchange"] != number)
    lines = [f"- {code(item['where'])}: {code(item['excerpt'])}" for item in first[:_PLACES]]
    if len(first) > _PLACES:
        lines.append(f"- and {len(first) - _PLACES} more places")
    yield "\n".join(lines) or "Nothing was quoted."


def _request(shown: Shown | None) -> Iterator[str]:
    if shown is None:
        yield "No recorded request shows it: it was seen on the side of the client, or the recording was not kept."
        return
    of = f", the smallest of {shown.others + 1} that show it" if shown.others else ""
    yield f"Request {shown.exchange.number} of the recording{of}, as it was sent. Put the key in `KEY` first."
    yield fence(command(shown.exchange), "sh")
    if too_large(shown.exchange.sent):
        size = f"{len(shown.exchange.sent.body):,}"
        yield f"`body.json` is left out here: {size} bytes. It is the body of that request in `exchanges.har`."


def _twin(run: Shareable, shown: Shown | None) -> Iterator[str]:
    found = twin(run.record, run.recording, shown.exchange) if shown else None
    if found is None:
        yield "None in this run."
        return
    differs = ", ".join(map(code, found.differs)) or "nothing"
    yield f"Request {found.exchange.number} was answered as it should be. Its body differs in: {differs}."
    yield from reply(found.exchange, _TWIN)


def _sdk(record: Row, shown: Shown | None) -> Iterator[str]:
    for view in record["handshake"]["sdk_view"]:
        if shown is not None and view["exchange"] == shown.exchange.number:
            yield f"openai {prose(view['sdk_version'], 40)}: {code(view['outcome'])}"


def _versions(record: Row) -> Iterator[str]:
    tool, model = record["tool"], record["model"]
    rows = [
        f"- {prose(hop['name'], 80)} {prose(hop['version'] or 'of unknown version', 80)} ({hop['kind']},"
        f" {SURE[hop['confidence']]}: {code(hop['evidence'], 160)})"
        for hop in record["endpoint"]["hops"][:_ROWS]
    ]
    named = [f"- model {label}: {code(model[field])}" for label, field in _MODEL if model[field]]
    own = [
        f"- {prose(tool['name'], 40)} {prose(tool['version'], 40)}, knowledge {code(tool['knowledge_version'], 40)}",
        f"- Python {prose(tool['python'], 40)} on {prose(tool['platform'], 120)}",
        f"- run {code(record['run_id'])}, {prose(record['started_at'])}",
    ]
    yield "\n".join([*(rows or ["- the server was not recognised"]), *named, *own])


_MODEL = (("asked for", "requested"), ("answered as", "answered"), ("quantisation", "quantisation"))


def _untested(record: Row) -> Iterator[str]:
    rows = [check for check in record["handshake"]["checks"] if check["status"] in ("not_run", "skipped", "crashed")]
    lines = [
        f"- {code(check['id'], 60)} {check['status'].replace('_', ' ')}: {prose(check['reason'], 200)}"
        for check in rows[:_ROWS]
    ]
    if len(rows) > _ROWS:
        lines.append(f"- and {len(rows) - _ROWS} more checks")
    yield "\n".join(lines) or "Every check of the handshake was run."


def _replaced(run: Shareable) -> Iterator[str]:
    rows = [
        f"- {KINDS[kind]}: {different} ({kind}-N), in {times} places of the whole run"
        for kind, (different, times) in run.replaced.items()
    ]
    if run.full:
        yield "Nothing but the key: `--full` was typed."
    elif not rows:
        yield "Nothing had to be replaced. The key is never shown."
    else:
        yield "The same placeholder stands for the same value everywhere. The key is never shown."
    if rows:
        yield "\n".join(rows)


def _within(sections: dict[str, str]) -> str:
    """All sections under their headings; the longest are left out, which is said, until the rest is short enough."""
    while len(text := _joined(sections)) > LONGEST:
        longest = max(sections, key=lambda name: len(sections[name]))
        sections[longest] = f"Left out for its length: {len(sections[longest]):,} characters."
    return text


def _joined(sections: Mapping[str, str]) -> str:
    return "\n\n".join(f"## {name}\n\n{text}" if name else text for name, text in sections.items()) + "\n"
