"""No model is named and no list of models comes: what stands in the way is found, and is no missing option."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cli_process import KEY, Run

from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.demo.server import DemoServer

ENV = {"CAB_KEY": KEY}
Handler = Callable[[HttpRequest], HttpReply]


def page(status: str) -> HttpReply:
    text = f"<html><head><title>{status}</title></head><body><hr><center>nginx/1.22.1</center></body></html>"
    return HttpReply(int(status[:3]), body=text.encode(), headers=(("Content-Type", "text/html"),))


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    with DemoServer(handler, host="127.0.0.1", port=0, key=KEY) as server:
        yield server.base_url


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("502 Bad Gateway", "gateway-timeout"),
        ("403 Forbidden", "client-refused-by-firewall"),
        ("503 Service Temporarily Unavailable", "server-overloaded"),
    ],
)
def test_a_gateway_that_lets_nothing_through_is_the_finding(cab: Run, status: str, code: str) -> None:
    with serving(lambda request: page(status)) as url:
        done = cab("handshake", "--endpoint", url, "--json", "--no-store", env=ENV)
    record = json.loads(done.stdout)
    assert done.returncode == 4
    assert [finding["code"] for finding in record["handshake"]["findings"]] == [code]
    assert record["model"]["requested"] is None


def test_a_gateway_that_keeps_only_the_list_to_itself_wants_the_model_named(cab: Run) -> None:
    sound = Endpoint(key=KEY)
    with serving(lambda request: page("403 Forbidden") if request.path.endswith("/models") else sound(request)) as url:
        done = cab("handshake", "--endpoint", url, env=ENV)
        named = cab("handshake", "--endpoint", url, "--model", "cab-check-demo", "--no-store", "-q", env=ENV)
    assert done.returncode == 2
    assert "HTTP 403" in done.stderr and "--model" in done.stderr
    assert named.returncode == 0, named.stdout


def test_the_plan_still_sends_no_completion(cab: Run) -> None:
    asked: list[str] = []

    def refuse(request: HttpRequest) -> HttpReply:
        asked.append(request.path)
        return page("403 Forbidden")

    with serving(refuse) as url:
        assert cab("handshake", "--endpoint", url, "--plan", env=ENV).returncode == 0
    assert asked and not [path for path in asked if path.endswith("/completions")]


def test_a_key_is_sent_to_an_address_without_scheme_and_path(cab: Run) -> None:
    """The trial without the key is refused for the want of it; that does not make the typed path the right one."""
    with serving(Endpoint(key=KEY)) as url:
        bare = url.removeprefix("http://").removesuffix("/v1")
        done = cab("handshake", "--endpoint", bare, "--json", "--no-store", env=ENV)
    found = [finding["code"] for finding in json.loads(done.stdout)["handshake"]["findings"]]
    assert (done.returncode, found) == (0, ["address-wrong-base-path"])


@pytest.mark.parametrize("key", ["abc", "none"])
def test_a_short_key_that_is_refused_is_not_called_malformed(cab: Run, key: str) -> None:
    with serving(Endpoint(key=KEY)) as url:
        done = cab("handshake", "--endpoint", url, "--json", "--no-store", env={"CAB_KEY": key})
    assert [finding["code"] for finding in json.loads(done.stdout)["handshake"]["findings"]] == ["key-rejected"]


def test_a_malformed_key_is_told_by_what_is_wrong_with_it(cab: Run) -> None:
    with serving(Endpoint(key=KEY)) as url:
        done = cab("handshake", "--endpoint", url, "--no-store", "-q", env={"CAB_KEY": f'"{KEY}"'})
    assert done.stdout.startswith("NOT CHECKED  The key carries quotes.")
