"""What a job may cost: the plan, the ceilings, the price, and that they are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from cli_process import KEY, Run

import cab_check
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.demo.server import DemoServer

SCHEMA = json.loads((Path(cab_check.__file__).parent / "record" / "schema.json").read_text())
ENV = {"CAB_KEY": KEY}


class Watched:
    """The demo endpoint with a price list, and a rate limit on the first `refuse` chats; remembers what was asked."""

    def __init__(self, refuse: int = 0) -> None:
        self.sound, self.refuse = Endpoint(key=KEY), refuse
        self.paths: list[str] = []

    def __call__(self, request: HttpRequest) -> HttpReply:
        self.paths.append(request.path)
        reply = self.sound(request)
        if request.path.endswith("/models") and isinstance(reply.value, dict):
            entry = {**reply.value["data"][0], "pricing": {"prompt": "0.000001", "completion": "0.00001"}}
            return HttpReply(200, {**reply.value, "data": [entry]})
        if request.path.endswith("/completions") and self.refuse > 0:
            self.refuse -= 1
            return HttpReply(429, {"error": {"message": "Slow down"}}, headers=(("Retry-After", "0"),))
        return reply


@pytest.fixture
def priced() -> Iterator[tuple[str, Watched]]:
    """An endpoint whose model list names prices."""
    handler = Watched()
    with DemoServer(handler, host="127.0.0.1", port=0, key=KEY) as server:
        yield server.base_url, handler


def test_the_plan_sends_no_completion_and_says_so(cab: Run, priced: tuple[str, Watched]) -> None:
    url, handler = priced
    done = cab("--endpoint", url, "--plan", env=ENV)
    assert done.returncode == 0, done.stderr
    assert "no completion was sent" in done.stdout and "60 requests, 60,000 tokens" in done.stdout
    assert "1 in, 10 out (USD per million tokens; from the model list)" in done.stdout
    assert handler.paths and set(handler.paths) == {"/v1/models"}


def test_a_real_run_stays_under_every_figure_of_the_plan(cab: Run, priced: tuple[str, Watched]) -> None:
    url, _ = priced
    plan = json.loads(cab("--endpoint", url, "--plan", "--json", env=ENV).stdout)
    real = json.loads(cab("--endpoint", url, "--json", "--no-store", env=ENV).stdout)
    cost, agent = real["handshake"]["cost"], real["task"]["trials"][0]["agent"]
    assert cost["requests"] <= plan["questions"]["usual"]["requests"] <= plan["handshake"]["requests"]
    for tokens in ("prompt_tokens", "completion_tokens"):
        assert 0 < cost[tokens] <= plan["questions"]["usual"][tokens] <= plan["questions"]["worst"][tokens]
    assert 0 < cost["usd"] <= plan["handshake"]["usd"] < plan["total"]["usd"]
    assert agent["model_calls"] <= plan["task"]["requests"]
    assert agent["prompt_tokens"] + agent["completion_tokens"] <= plan["task"]["tokens"]


def test_the_ceilings_are_told_before_and_the_price_of_the_list_counts(cab: Run, priced: tuple[str, Watched]) -> None:
    url, _ = priced
    done = cab("handshake", "--endpoint", url, "--json", env=ENV)
    assert "ceilings: handshake at most 60 requests, 60,000 tokens" in done.stderr
    assert "ceilings: at most 0.6000 USD" in done.stderr
    record = json.loads(done.stdout)
    jsonschema.validate(record, SCHEMA)
    cost = record["handshake"]["cost"]
    assert cost["usd"] == pytest.approx((cost["prompt_tokens"] + 10 * cost["completion_tokens"]) / 1e6)
    assert cost["price"]["source"] == "the model list"


def test_a_typed_price_outweighs_the_list(cab: Run, priced: tuple[str, Watched]) -> None:
    url, _ = priced
    done = cab("handshake", "--endpoint", url, "--price", "0,2", "--json", env=ENV)
    cost = json.loads(done.stdout)["handshake"]["cost"]
    assert cost["usd"] == pytest.approx(2 * cost["completion_tokens"] / 1e6)


@pytest.mark.parametrize(
    ("limit", "by"),
    [
        (("--max-requests", "4"), "max-requests"),
        (("--max-tokens-total", "1500"), "max-tokens-total"),
        (("--max-cost", "0.012"), "max-cost"),
    ],
)
def test_a_ceiling_is_kept_and_named(cab: Run, priced: tuple[str, Watched], limit: tuple[str, str], by: str) -> None:
    url, handler = priced
    done = cab("handshake", "--endpoint", url, *limit, "--json", env=ENV)
    record = json.loads(done.stdout)
    jsonschema.validate(record, SCHEMA)
    assert (done.returncode, record["stopped_by"], record["partial"]) == (4, by, True)
    assert 0 < len(handler.paths) < 11
    cost = record["handshake"]["cost"]
    assert cost["requests"] == len(handler.paths) <= 4 or by != "max-requests"
    assert (cost["usd"] or 0) <= 0.012


def test_a_ceiling_on_money_without_a_price_is_wrong_usage(cab: Run, endpoint: DemoServer) -> None:
    done = cab("handshake", "--endpoint", endpoint.base_url, "--max-cost", "1", env=ENV)
    assert done.returncode == 2 and "--price IN,OUT" in done.stderr
    assert endpoint.requests == 1  # the list of models, which might have named a price
    assert cab("handshake", "--endpoint", endpoint.base_url, "-q", "--price", "cheap", env=ENV).returncode == 2


def test_without_a_price_the_cost_is_not_known(cab: Run, endpoint: DemoServer) -> None:
    cost = json.loads(cab("handshake", "--endpoint", endpoint.base_url, "--json", env=ENV).stdout)["handshake"]["cost"]
    assert cost["usd"] is None and cost["reasons"]["usd"] == "no price is known for this endpoint"


def test_a_rate_limit_slows_the_job_down_and_is_told(cab: Run) -> None:
    with DemoServer(Watched(refuse=2), host="127.0.0.1", port=0, key=KEY) as server:
        done = cab("handshake", "--endpoint", server.base_url, env=ENV)
    assert done.returncode == 0 and done.stdout.startswith("WORKS"), done.stdout
    assert "a rate limit: 2 requests asked again" in done.stdout
    assert "rate limit: waiting 0 s" in done.stderr
