"""Error envelopes of many makes come out as one, with the gateway's words and those of the server behind it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.chat.errors import error_in, page_title, read_error

ENVELOPES = {
    "OpenAI": ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, ("m", "t", "c", "p")),
    "numbers as codes": ({"error": {"message": "m", "type": "t", "code": 401}}, ("m", "t", "401", None)),
    "None as text": (
        {"error": {"message": "m", "type": "None", "param": "None", "code": "401"}},
        ("m", None, "401", None),
    ),
    "a string": ({"error": "m"}, ("m", None, None, None)),
    "a string with a type": ({"error": "m", "error_type": "validation"}, ("m", "validation", None, None)),
    "a string with a code": (
        {"code": "Client specified an invalid argument", "error": "m"},
        ("m", None, "Client specified an invalid argument", None),
    ),
    "FastAPI": ({"detail": "m"}, ("m", None, None, None)),
    "FastAPI with an object": (
        {"detail": {"error": "Unauthorized", "msg": "m", "type": "unauthorized"}},
        ("m", "unauthorized", None, None),
    ),
    "FastAPI with a list": (
        {"detail": [{"loc": ["body", "temperature"], "msg": "too hot"}]},
        ("body.temperature: too hot", "validation", None, "temperature"),
    ),
    "Portkey": ({"status": "failure", "message": "m"}, ("m", "failure", None, None)),
    "flat": ({"object": "error", "message": "m", "type": "t", "param": None, "code": 400}, ("m", "t", "400", None)),
    "bare": (
        {"message": "m", "type": "t", "param": "p", "code": "wrong_api_format"},
        ("m", "t", "wrong_api_format", "p"),
    ),
    "Anthropic": ({"type": "error", "error": {"type": "t", "message": "m"}, "request_id": "r"}, ("m", "t", None, None)),
    "Google, in a list": (
        [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
        ("m", "INVALID_ARGUMENT", "400", None),
    ),
    "problem+json": (
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "m"},
        ("m", "about:blank", None, None),
    ),
    "DeepSeek's 404": ({"error_msg": "m"}, ("m", None, None, None)),
    "no message at all": ({"error": {"code": 7}}, ('{"code": 7}', None, "7", None)),
}


@pytest.mark.parametrize(("body", "expected"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_is_unwrapped(body, expected):
    error = read_error(400, json.dumps(body).encode())
    assert (error.message, error.type, error.code, error.param) == expected
    assert error.status == 400


QUOTED = {
    "OpenRouter": {
        "error": {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": '{"error": {"message": "the cause"}}'},
        }
    },
    "OpenRouter, plain text": {
        "error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "the cause"}}
    },
    "LiteLLM, JSON": {
        "error": {"message": 'litellm.BadRequestError: OpenAIException - {"error":{"message":"the cause"}}'}
    },
    "LiteLLM, Python": {
        "error": {
            "message": "OpenAIException - Error code: 501 - {'error': {'message': 'the cause', 'param': None}}\nmore"
        }
    },
    "claude-code-router": {"error": {"message": 'Error from provider(x,m: 400): {"error": {"message": "the cause"}}'}},
    "JSON in a string": {"error": '{"error": {"message": "the cause"}}'},
    "twice": {
        "error": {
            "message": 'XException - {"error":{"message":"YException - {\\"error\\":{\\"message\\":\\"the cause\\"}}"}}'
        }
    },
}


@pytest.mark.parametrize("body", QUOTED.values(), ids=QUOTED)
def test_the_error_behind_a_gateway_is_found(body):
    error = read_error(400, json.dumps(body).encode())
    assert error.chain[0].message == "the cause"
    assert error.chain[-1] is error


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "see {docs} - {'a'"}},
        {"error": "OpenAIException - {broken"},
        {"error": {"message": "set {} first"}},
    ],
)
def test_brackets_in_a_message_are_not_an_error_behind_it(body):
    assert read_error(400, json.dumps(body).encode()).inner is None


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": "x"}}], "error": None},
        {"choices": [{"message": {"content": "x"}}], "detail": "y"},
        {"object": "list", "data": []},
        {"error": None},
        {"error": {}},
        {"id": "chatcmpl-1", "message": "m", "code": "c"},
        [],
        [{"a": 1}, {"error": "x"}],
        "error",
        7,
        None,
    ],
)
def test_what_is_no_error_is_none(body):
    assert error_in(body) is None
    assert read_error(200, json.dumps(body).encode()) is None


def test_pages_text_and_nothing():
    commented = read_error(
        403, b"<!--# Id: x -->\n<!DOCTYPE HTML PUBLIC '-//W3C'>\n<html><title>Blocked</title></html>"
    )
    assert (commented.message, commented.type) == ("Blocked", "html")
    page = read_error(502, b"<html>\r\n<head><title>502 Bad &amp; Gateway</title></head><body><h1>x</h1></body></html>")
    assert (page.message, page.type) == ("502 Bad & Gateway", "html")
    assert (read_error(404, b"404 page not found").message, read_error(404, b"404 page not found").type) == (
        "404 page not found",
        "text",
    )
    assert (read_error(500, b"").message, read_error(500, b"").type) == ("", "empty")
    assert read_error(200, b"") is None
    assert read_error(500, b'data: {"error": {"message": "late"}}\n\ndata: [DONE]\n\n').message == "late"
    assert page_title("<body><h1>Only a <b>heading</b></h1></body>") == "Only a heading"


def test_hostile_words_are_cleaned_and_cut():
    error = read_error(400, json.dumps({"error": {"message": "\x1b[2J" + "a" * 100_000}}).encode())
    assert "\x1b" not in error.message
    assert len(error.message) <= 8000


@given(st.binary(max_size=300), st.sampled_from([200, 400, 500]))
def test_no_bytes_make_it_fail(data, status):
    error = read_error(status, data)
    assert status == 200 or error is not None


@given(st.text(alphabet="{}[]'\"\\:,a1 -Exception", max_size=60))
def test_no_quotation_makes_it_fail(text):
    assert read_error(400, json.dumps({"error": {"message": "OpenAIException - " + text}}).encode()) is not None
