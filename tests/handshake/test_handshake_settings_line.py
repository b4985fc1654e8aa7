"""The line to change is the line itself: the base URL that works, as the agent CLI in question wants it, or the setting
of the gateway or the machine that stands in the way. Each cause has a neighbour that it must not be given for.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from faulty_endpoint import KEY, Answer, Fault, always, error, handshake_with, on_chat, raw, record, serving, sound

from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.handshake.judge import judge
from cab_check.handshake.result import Handshake
from cab_check.knowledge.finding import Finding

NGINX_404 = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n"
    b"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)
PAGE = raw(404, NGINX_404, "text/html")


def handshake_at(path: str, profile: str, fault: Fault = sound, scheme: str = "http") -> tuple[Handshake, str]:
    """The judgement for these agent CLIs at that path of the demo endpoint, and its origin."""
    with serving(fault) as server:
        origin = f"{scheme}://127.0.0.1:{server.port}"
        recording, plan = asyncio.run(record(f"{origin}{path}", profile=profile))
    return judge(recording, plan), origin


def finding(found: Handshake, code: str) -> Finding:
    return next(item for item in found.findings if item.code == code)


def word(found: Handshake, tui: str) -> str:
    return next(item.verdict for item in found.tuis if item.tui == tui)


def unprefixed(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return reply if request.path.startswith("/v1/") else Answer(404, {"detail": "Not Found"})


def only(*routes: str) -> Fault:
    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return reply if request.path.startswith(routes) else PAGE

    return after


@pytest.mark.parametrize(
    ("path", "code"), [("", "address-wrong-base-path"), ("/v1/chat/completions", "address-includes-route")]
)
def test_the_base_url_that_works_is_written_out(path: str, code: str) -> None:
    found, origin = handshake_at(path, "opencode", unprefixed)
    assert f"settings: {origin}/v1" in (finding(found, code).fix or "")


def test_a_cli_that_adds_the_version_itself_is_not_told_to_write_it() -> None:
    found, origin = handshake_at("", "claude", unprefixed)
    about = finding(found, "address-wrong-base-path")
    assert (about.severity, word(found, "claude")) == ("info", "works") and word(found, "opencode") != "works"
    assert (about.fix or "").endswith(origin)


def test_such_a_cli_meets_another_wrong_path_and_gets_the_address_without_the_version() -> None:
    found, origin = handshake_at("/llm/v1", "claude", unprefixed)
    about = finding(found, "address-wrong-base-path")
    assert about.severity != "info" and word(found, "claude") != "works"
    assert (about.fix or "").endswith(origin)


def test_a_key_that_is_lost_on_the_way_is_no_key_that_was_forgotten() -> None:
    no_key = always(error(401, "No API key was given; send it as 'Authorization: Bearer KEY'."))
    sent = finding(handshake_with(no_key), "key-missing")
    assert (sent.subject, sent.owner, sent.confidence) == ("sent", "gateway", "medium")
    assert "  proxy_set_header Authorization $http_authorization;" in (sent.fix or "")
    forgotten = finding(handshake_with(no_key, key=None), "key-missing")
    assert forgotten.subject is None and "Authorization $" not in (forgotten.fix or "")


def test_a_slash_that_is_added_is_mended_in_front_and_by_no_base_url() -> None:
    def moved(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return replace(Answer(301), headers=(("Location", f"{request.path}/"),))

    fix = finding(handshake_with(moved), "redirect-drops-request").fix or ""
    assert "adds the slash" in fix and "Base URL" not in fix


@pytest.mark.parametrize(("tui", "api"), [("claude", "messages"), ("codex", "responses")])
def test_a_route_that_nginx_lacks_is_named_where_the_others_answer(tui: str, api: str) -> None:
    found, _ = handshake_at("/v1", tui, only("/v1/models", "/v1/chat/completions"))
    assert found.findings[0].code == f"{api}-api-missing"
    assert f"  location /v1/{api} {{ proxy_pass" in (found.findings[0].fix or "")


def test_nginx_that_has_nothing_of_the_api_is_an_address_without_its_prefix() -> None:
    found, _ = handshake_at("/v1", "codex", only("/llm/"))
    assert found.findings[0].code == "web-page-instead-of-api"
    assert "  location /v1/ { proxy_pass http://SERVER:PORT; }" in (found.findings[0].fix or "")


def test_plain_http_on_an_https_address_gets_the_address_with_the_other_scheme() -> None:
    found, origin = handshake_at("/v1", "opencode", scheme="https")
    assert found.findings[0].code == "tls-failure"
    assert (found.findings[0].fix or "").endswith(f"settings: {origin.replace('https', 'http')}/v1")


def test_a_dead_proxy_is_named_and_not_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    dead = handshake_with(sound).findings[0]
    assert (dead.code, dead.owner) == ("endpoint-unreachable", "user") and "proxy" in dead.title
    assert "  export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1" in (dead.fix or "")
    monkeypatch.delenv("http_proxy")
    refused = judge(*asyncio.run(record("http://127.0.0.1:9/v1", key=KEY))).findings[0]
    assert "NO_PROXY" not in (refused.fix or "") and "proxy" not in refused.title


BEHIND = "litellm.{0}: {0}: OpenAIException - {1}. Received Model Group=m"


@pytest.mark.parametrize(
    ("status", "words", "code", "line"),
    [
        (
            401,
            BEHIND.format("AuthenticationError", "Incorrect API key provided"),
            "key-rejected",
            "api_key: KEY-OF-THAT",
        ),
        (
            404,
            BEHIND.format("NotFoundError", "Not Found"),
            "address-wrong-base-path",
            "api_base: http://SERVER:PORT/v1",
        ),
        (
            400,
            "litellm.BadRequestError: You passed in model=m. There are no healthy deployments for this model",
            "model-not-found",
            "model: openai/MODEL",
        ),
    ],
)
def test_what_fails_behind_litellm_is_mended_in_its_own_settings(status: int, words: str, code: str, line: str) -> None:
    about = finding(handshake_with(on_chat(error(status, words))), code)
    assert line in (about.fix or "") and about.owner == "gateway"


def test_what_litellm_itself_refuses_is_not_laid_to_the_server_behind_it() -> None:
    own = error(401, "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...6789")
    about = finding(handshake_with(always(own)), "key-rejected")
    assert "KEY-OF-THAT-SERVER" not in (about.fix or "")
