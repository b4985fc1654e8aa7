"""The issue's text: what stands in it, and that nothing from outside breaks out of its place."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from share_cases import ASKED, SOUND, exchange, finding, run

from cab_check.base.errors import UnknownName
from cab_check.handshake.result import CheckResult
from cab_check.knowledge.expected import expected
from cab_check.knowledge.finding import Evidence
from cab_check.knowledge.vocabulary import codes
from cab_check.report.issue import LONGEST, issue
from cab_check.report.issue_choice import choose, smallest, twin
from cab_check.report.issue_curl import command
from cab_check.report.md import code, fence, prose
from cab_check.report.run_diff import compare
from cab_check.report.veiled import shareable


def text(*parts: object, **more: object) -> str:
    return issue(shareable(*run(*parts, **more))).markdown  # type: ignore[arg-type]


def test_the_signature_names_code_subject_server_and_gateway() -> None:
    made = issue(shareable(*run()))
    assert made.title == "stream-tool-index/missing@vLLM-0.32.0 via LiteLLM"
    assert made.markdown.startswith(f"# `{made.title}`\n")


def test_everything_that_a_maintainer_asks_for_is_there() -> None:
    shown = text()
    for words in (
        "Seen 1 of 1 times",
        "https://platform.openai.com/docs/guides/function-calling#streaming",
        "https://github.com/vercel/ai/issues/14277",
        "HTTP/1.1 200 OK",
        "Request 1 was answered as it should be. Its body differs in: `stream`.",
        "openai 3.54.0: `0 chunks, no error`",
        "- vLLM 0.32.0 (server, sure",
        "- `second-turn` not run: needs stream: it failed",
        "- host names: 1 (HOST-N)",
    ):
        assert words in shown


def test_the_first_root_cause_that_blocks_is_taken_or_the_one_asked_for() -> None:
    minor = finding(code="usage-missing", subject="stream", severity="degrades")
    follower = finding(code="stream-differs", subject=None, follows_from="stream-tool-index")
    document, _ = run(findings=(minor, follower, finding()))
    assert choose(document, None)["code"] == "stream-tool-index"
    assert choose(document, "usage-missing")["subject"] == "stream"
    assert choose(document, "usage-missing:stream")["code"] == "usage-missing"
    with pytest.raises(UnknownName) as refused:
        choose(document, "usage-missing:plain")
    assert "usage-missing:stream, stream-differs, stream-tool-index:missing" in refused.value.next_step
    with pytest.raises(UnknownName):
        choose(run(findings=())[0], None)


def test_the_smallest_exchange_that_shows_it_is_shown() -> None:
    told = finding(evidence=(Evidence(2, "x", "x"), Evidence(3, "x", "x"), Evidence(None, "facts", "x")))
    document, recording = run(exchange(1), exchange(2, SOUND * 9), exchange(3), findings=(told,))
    shown = smallest(document["handshake"]["findings"][0], recording)
    assert shown is not None and (shown.exchange.number, shown.others) == (3, 1)
    assert "Request 3 of the recording, the smallest of 2 that show it" in text(*recording.exchanges, findings=(told,))


def test_a_twin_is_sound_and_of_the_same_kind() -> None:
    document, recording = run()
    faulty = recording.exchanges[1]
    assert twin(document, recording, faulty) is not None
    for spoilt in (
        replace(recording.exchanges[0], end="cut"),
        replace(recording.exchanges[0], sent=replace(recording.exchanges[0].sent, route="/models")),
    ):
        assert twin(document, replace(recording, exchanges=(spoilt, faulty)), faulty) is None
    document["handshake"]["checks"][1]["exchanges"] = [1, 2]  # it is part of what failed, too
    assert twin(document, recording, faulty) is None


def test_without_a_recording_it_says_so() -> None:
    document, recording = run()
    shown = issue(shareable(document, replace(recording, exchanges=()))).markdown
    assert "No recorded request shows it" in shown and "curl" not in shown


def test_a_large_body_is_left_to_the_bundle_and_a_long_reply_is_cut_at_an_event() -> None:
    asked = {**ASKED, "messages": [{"role": "user", "content": "zinc " * 9000}]}
    events = b"".join(b'data: {"n":%d,"pad":"%s"}\n\n' % (n, b"x" * 90) for n in range(400))
    shown = text(exchange(1), exchange(2, events, asked=asked))
    assert "--data-binary @body.json" in shown and "`body.json` is left out here: 45,0" in shown
    said = re.search(r"the first (\d+) of 400 events are shown", shown)
    assert said is not None and f'"n":{int(said[1]) - 1},' in shown and f'"n":{said[1]},' not in shown


HOSTILE = (
    "\x1b[2J\u202e<img src=x onerror=alert(1)> @torvalds #1 GH-1 org/repo#2 ``` ````` </details> <!-- [x](http://e.example)"
    " ![x](y) **b** | a |\r\n# heading\n```\n~~~\n- item"
)


# What would do something: raw HTML, a mention, a reference, emphasis, a link, a rule, an address from outside.
ACTIVE = r"<(?!https://)|@\w|\\?#\d|GH-\d|(?<!\\)\*|(?<!\\)\[|\n[-~]{3}|://(?!docs\.|platform\.)"


def outside_code(markdown: str) -> str:
    """What GitHub would take as Markdown: all but fenced blocks and code spans."""
    without = re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", without)


def test_nothing_from_outside_breaks_out_of_its_place() -> None:
    told = finding(
        title=HOSTILE, subject=HOSTILE, cause=HOSTILE, fix=HOSTILE, sources=(HOSTILE, "https://x.example/<b>"),
        evidence=(Evidence(2, HOSTILE, HOSTILE),),
    )  # fmt: skip
    hostile = exchange(2, HOSTILE.encode(), asked=HOSTILE.encode(), headers=((HOSTILE, HOSTILE), ("Server", HOSTILE)))
    document, recording = run(exchange(1, HOSTILE.encode()), hostile, findings=(told,))
    document["handshake"]["findings"][0].update(title=HOSTILE, cause=HOSTILE, fix=HOSTILE)  # as from a file
    document["handshake"]["checks"][2]["reason"] = HOSTILE
    document["endpoint"]["hops"][0].update(name=HOSTILE, version=HOSTILE, evidence=HOSTILE)
    document["tool"].update(platform=HOSTILE, version=HOSTILE)
    for full in (False, True):
        shown = issue(shareable(document, recording, full=full)).markdown
        assert not set(shown) & set("\x1b\u202e\r")
        left = outside_code(shown)
        assert re.findall(ACTIVE, left) == []
        headings = [line for line in left.splitlines() if line.startswith("#")]
        assert headings[0].rstrip() == "#" and all(line.startswith("## ") for line in headings[1:])


@given(st.text())
def test_a_fence_and_a_span_hold_any_text(inside: str) -> None:
    fenced = fence(inside).split("\n")
    assert fenced[0] == fenced[-1] and fenced[0] not in [line.strip() for line in fenced[1:-1]]
    span = code(inside)
    ticks = re.match("`+", span)
    assert ticks is not None and re.findall(r"(?<!`)" + ticks[0] + r"(?!`)", span) == [ticks[0]] * 2
    assert "\n" not in span + prose(inside) and not re.search(r"@\w|<|(?<!\\)[*_`\[]", prose(inside))


def test_the_text_stays_below_what_a_tracker_takes() -> None:
    long = "`*_[" * 4000
    many = tuple(CheckResult(f"c{n}", "chat", "skipped", long) for n in range(500))
    told = finding(fix=long * 5, evidence=tuple(Evidence(2, long, long) for _ in range(50)))
    shown, recording = run(exchange(1, long.encode()), exchange(2, long.encode()), findings=(told,))
    shown["handshake"]["checks"] += [vars_of(check) for check in many]
    made = issue(shareable(shown, recording)).markdown
    assert len(made) <= LONGEST
    assert "Left out for its length" in made and "and 461 more checks" in made and "and 45 more places" in made


def vars_of(check: CheckResult) -> dict[str, object]:
    return {
        "id": check.id, "layer": check.layer, "status": check.status, "reason": check.reason, "needs": [],
        "exchanges": [], "ms": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "said",
    ['it\'s $HOME `id` \\ "q" !', "JSON\nJSON_", "\u202eabc\u200b", "漢字 é"],
)
def test_a_shell_sends_the_body_and_headers_as_they_were(said: str) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": said}]}
    line = said.replace("\n", " ").encode("ascii", "ignore").decode().replace("\u202e", "")
    one = exchange(2, asked=asked, sent_headers=(("X-Said", line),))
    fake = 'curl() { for a in "$@"; do printf "%s\\n" "$a"; done; cat; }\n'
    done = subprocess.run(
        ["sh", "-c", fake + command(one)], capture_output=True, text=True, env={"KEY": "k-1", "HOME": "/x"}, check=True
    )
    *words, body = done.stdout.rstrip("\n").split("\n")
    assert json.loads(body) == asked
    assert f"X-Said: {line}" in words and "Authorization: Bearer k-1" in words


def test_a_secret_anywhere_in_the_request_becomes_a_variable() -> None:
    one = exchange(
        2,
        url="https://h.example/v1/chat/completions?api-key=[redacted]&v=1",
        sent_headers=(("X-Team-Token", "[redacted]"),),
    )
    shown = command(one)
    assert '?api-key=$KEY&v=1"' in shown and '-H "X-Team-Token: $X_TEAM_TOKEN"' in shown
    assert '-H "Authorization: Bearer $KEY"' in shown and "redacted" not in shown


@pytest.mark.parametrize("name", codes())
def test_every_code_has_something_that_was_expected_with_its_source(name: str) -> None:
    right = expected(name, codes()[name].layer)
    assert right.text.endswith(".") and right.source.startswith("https://")
    if codes()[name].layer != "any":
        assert right != expected("", "any")


def test_what_changed_between_two_runs() -> None:
    before, _ = run(findings=(finding(), finding(code="usage-missing", subject=None)))
    after, _ = run(findings=(finding(), finding(code="stream-tool-index", subject="changing")))
    after["handshake"]["checks"] = after["handshake"]["checks"][:2]
    difference = compare(before, after)
    keys = {kind: [item["key"] for item in items] for kind, items in difference["findings"].items()}
    assert keys == {
        "gone": ["usage-missing"], "new": ["stream-tool-index:changing"], "same": ["stream-tool-index:missing"],
    }  # fmt: skip
    assert difference["checks"] == [{"id": "second-turn", "status": ["not_run", None], "reason": None}]
