"""A key that was sent and never came is told from one that is refused: by the server's own words alone."""

from __future__ import annotations

import pytest
from faulty_endpoint import always, handshake_with, raw

from cab_check.demo.faults.table import FAULTS
from cab_check.knowledge.advice import advise
from cab_check.knowledge.finding import Finding, Hop
from cab_check.knowledge.vocabulary import evidence, make


def told(words: bytes, *headers: tuple[str, str], status: int = 401) -> Finding:
    return handshake_with(always(raw(status, words, "application/json", *headers))).findings[0]


def said(message: str) -> bytes:
    return f'{{"error": {{"message": "{message}", "type": "auth_error"}}}}'.encode()


@pytest.mark.parametrize(
    "message",
    [
        "No API key was given; send it as 'Authorization: Bearer KEY'.",
        "Missing Authorization header",
        "No api key passed in.",
        "Authorization header is missing",
        "You didn't provide an API key.",
    ],
)
def test_a_key_that_was_sent_and_did_not_come_is_the_gateways_and_not_sure(message: str) -> None:
    first = told(said(message))
    assert (first.key, first.owner, first.confidence) == ("key-missing:sent", "gateway", "medium")
    assert "was sent" in first.title and "proxy" in (first.fix or "")


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided.",
        "Invalid API key",
        "authentication key is missing or invalid",
        "Missing or invalid API key.",
        "The API key that was given is not the one of this endpoint.",
        "Unauthorized",
    ],
)
def test_a_key_that_is_refused_is_still_called_refused(message: str) -> None:
    assert told(said(message)).code == "key-rejected"


@pytest.mark.parametrize(
    ("challenge", "code"),
    [
        ('Bearer realm="api"', "key-missing"),
        ('Bearer realm="api", error="invalid_token"', "key-rejected"),
        ("Bearer", "key-rejected"),  # sent for a wrong key as often as for none
    ],
)
def test_a_challenge_without_an_error_says_that_no_token_came(challenge: str, code: str) -> None:
    assert told(said("Unauthorized"), ("WWW-Authenticate", challenge)).code == code


def test_a_proxy_that_takes_the_header_away_is_named() -> None:
    first = handshake_with(FAULTS["key-missing-sent"]).findings[0]
    assert (first.key, first.owner) == ("key-missing:sent", "gateway")


def test_a_server_that_is_recognised_has_no_other_advice_for_it() -> None:
    """What vLLM's own rule tells a user who gave no key does not fit one who gave it."""
    found = make("key-missing", subject="sent", evidence=[evidence(1, "status", "HTTP 401 Missing API key")])
    told = advise(found, [Hop("vLLM", "server", None, "high", "server: uvicorn")])
    assert (told.owner, "a proxy in front" in (told.cause or "")) == ("gateway", True)
    assert "--api-key" in (advise(make("key-missing"), [Hop("vLLM", "server", None, "high", "x")]).cause or "")


def test_without_a_key_the_user_is_asked_for_one() -> None:
    first = handshake_with(FAULTS["key-missing-sent"], key=None).findings[0]
    assert (first.key, first.owner) == ("key-missing", "user")
