"""`--compare`: a sound endpoint behind something that breaks it, and a broken one behind something that does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
from cli_process import KEY, Run

import cab_check
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.demo.server import DemoServer, serve

SCHEMA = json.loads((Path(cab_check.__file__).parent / "record" / "schema.json").read_text())
OTHER = "sk-test-of-the-other-0123456789"


class Between:
    """The demo endpoint seen through a hop that does something to replies; remembers which keys it was shown."""

    def __init__(self, change: Callable[[HttpReply], HttpReply] = lambda reply: reply, key: str | None = KEY) -> None:
        self.sound, self.change = Endpoint(key=key), change
        self.keys: set[str] = set()

    def __call__(self, request: HttpRequest) -> HttpReply:
        self.keys.add(request.headers.get("authorization", ""))
        return self.change(self.sound(request))


def cuts_streams(reply: HttpReply) -> HttpReply:
    """Streams end in the middle, without a finish reason and without [DONE]."""
    if reply.events is None:
        return reply
    return HttpReply(200, events=tuple(reply.events)[:1])


def unpacks_arguments(reply: HttpReply) -> HttpReply:
    """The arguments of tool calls come as objects, not as text that holds JSON."""
    if not isinstance(reply.value, dict) or "choices" not in reply.value:
        return reply
    value = json.loads(json.dumps(reply.value))
    for call in value["choices"][0]["message"].get("tool_calls") or []:
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return HttpReply(200, value)


def served(handler: Between) -> DemoServer:
    return DemoServer(handler, host="127.0.0.1", port=0, key=None)


def compare(cab: Run, gateway: Between, direct: Between, *more: str, **env: str) -> tuple[dict[str, Any], str]:
    """The Record of a handshake with `gateway` compared to `direct`, and what the terminal shows of it."""
    with served(gateway) as here, served(direct) as there:
        options = ("handshake", "--endpoint", here.base_url, "--compare", there.base_url, *more)
        record = json.loads(cab(*options, "--json", env={"CAB_KEY": KEY, **env}).stdout)
        text = cab("report", record["run_id"]).stdout
    jsonschema.validate(record, SCHEMA)
    return record, text


def telling(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [f for f in record["handshake"]["findings"] if f["severity"] != "info" and f["follows_from"] is None]


def test_what_shows_only_through_the_gateway_is_the_gateways(cab: Run) -> None:
    direct = Between(key=None)
    record, text = compare(cab, Between(cuts_streams), direct)
    first = telling(record)[0]
    assert (first["compare"], first["owner"], first["confidence"]) == ("here", "gateway", "high")
    assert first["seen"][0] > 0 and first["seen_there"][0] == 0 < first["seen_there"][1]
    assert record["handshake"]["compared_to"]["verdict"] == "works"
    assert "gateway" in text and "direct" in text and first["code"] in text
    assert direct.keys == {""}  # the key is for the first origin alone


def test_advice_for_the_server_is_not_given_where_the_hop_in_front_is_to_blame(cab: Run) -> None:
    record, _ = compare(cab, Between(unpacks_arguments), Between(key=None))
    first = next(f for f in record["handshake"]["findings"] if f["code"] == "tool-arguments-object")
    assert (first["owner"], first["compare"]) == ("gateway", "here")
    assert "hop in front" in first["cause"] and first["fix"] is None
    record, _ = compare(cab, Between(unpacks_arguments), Between(unpacks_arguments, key=None))
    first = next(f for f in record["handshake"]["findings"] if f["code"] == "tool-arguments-object")
    assert (first["owner"], first["compare"]) == ("server", "both")
    assert first["fix"]


def test_what_shows_at_both_is_the_servers(cab: Run) -> None:
    record, _ = compare(cab, Between(cuts_streams), Between(cuts_streams, key=None))
    first = telling(record)[0]
    assert (first["compare"], first["owner"], first["confidence"]) == ("both", "server", "high")
    assert first["seen_there"] == first["seen"]


def test_what_shows_only_there_is_listed_with_its_evidence_and_does_not_weigh(cab: Run) -> None:
    record, text = compare(cab, Between(), Between(cuts_streams, key=None))
    assert (record["handshake"]["verdict"], record["exit_code"]) == ("works", 0)
    only = [finding for finding in record["handshake"]["findings"] if finding["compare"] == "there"]
    assert only and all(finding["seen"][0] == 0 < finding["seen_there"][0] for finding in only)
    assert all(item["where"].startswith("there, request") for item in only[0]["evidence"])
    assert "only there" in text and text.startswith("WORKS")


def test_two_sound_addresses_have_nothing_to_tell(cab: Run) -> None:
    record, text = compare(cab, Between(), Between(key=None))
    assert record["handshake"]["findings"] == [] and record["handshake"]["compared_to"]["verdict"] == "works"
    assert f"{2 * record['handshake']['cost']['requests']} requests" in text


def test_an_address_that_does_not_answer_proves_nothing(cab: Run) -> None:
    record, _ = compare(cab, Between(cuts_streams), Between(key=OTHER))
    first = telling(record)[0]
    assert (first["compare"], first["seen_there"]) == (None, None)
    assert record["handshake"]["compared_to"]["verdict"] == "unchecked"


def test_the_second_address_gets_its_own_key_only_where_it_is_named(cab: Run) -> None:
    direct = Between(key=OTHER)
    record, _ = compare(cab, Between(), direct, "--compare-key-env", "DIRECT", DIRECT=OTHER)
    assert record["handshake"]["compared_to"]["verdict"] == "works"
    assert direct.keys == {f"Bearer {OTHER}"}
    assert OTHER not in json.dumps(record)


def test_a_key_without_its_address_is_wrong_usage(cab: Run) -> None:
    with serve() as server:
        done = cab("handshake", "--endpoint", server.base_url, "--compare-key-env", "X", env={"X": OTHER})
    assert done.returncode == 2 and "--compare URL" in done.stderr
