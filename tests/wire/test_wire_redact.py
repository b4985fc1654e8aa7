from __future__ import annotations

import base64
import json
import time
from itertools import pairwise
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.wire.exchange import Exchange, Got, Piece, Sent, Times
from cab_check.wire.redact import Redactor
from cab_check.wire.secret import Secret, looks_secret, secret_name

KEY = "sk-test/not+a=key&\"012'345<6>7 é"
MARK = "[redacted]"

SPELLINGS = st.sampled_from(
    [
        lambda char: char,
        lambda char: char.swapcase() if char.isascii() else char,
        lambda char: "".join(f"%{byte:02x}" for byte in char.encode()),
        lambda char: "".join(f"%2525{byte:02X}" for byte in char.encode()),
        lambda char: f"\\u{ord(char):04X}",
        lambda char: f"\\\\\\u{ord(char):04x}",
        lambda char: f"\\x{ord(char):02x}",
        lambda char: f"&#{ord(char)};",
        lambda char: f"&amp;#x00{ord(char):X};",
        lambda char: f"\\{char}" if char in "\"'/\\" else char,
    ]
)


@given(st.lists(SPELLINGS, min_size=len(KEY), max_size=len(KEY)), st.booleans())
def test_any_mixture_of_spellings_is_found(spellings: list, backwards: bool) -> None:
    key = KEY[::-1] if backwards else KEY
    written = "".join(spell(char) for spell, char in zip(spellings, key, strict=True))
    assert Redactor([Secret(KEY)]).text(f"before ({written}) after") == f"before ({MARK}) after"


@given(st.binary(max_size=20), st.binary(max_size=20), st.booleans(), st.sampled_from(["/", "\\/", "%2F"]))
def test_base64_is_found_wherever_the_key_stands_in_it(before: bytes, after: bytes, safe: bool, slash: str) -> None:
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    written = encode(before + KEY.encode() + after).decode().replace("/", slash)
    clean = Redactor([Secret(KEY)]).text(f"({written})")
    assert MARK in clean
    # Of the key itself no three bytes in a row are left that could be decoded.
    around = clean.replace(slash, "/").strip("()").split(MARK)
    assert len(around[0]) <= len(before) / 3 * 4 + 1 and len(around[1]) <= len(after) / 3 * 4 + 4


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_a_key_with_a_backslash_is_found_however_often_it_is_quoted(times: int) -> None:
    written = key = 'sk-test\\not-a-key"0123456789'
    for _ in range(times):
        written = json.dumps(written)[1:-1]
    assert Redactor([Secret(key)]).text(f"({written})") == f"({MARK})"


def test_a_space_may_be_a_plus_sign() -> None:
    key = "sk-test not a key 0123456789"
    assert Redactor([Secret(key)]).text(quote_plus(key)) == MARK


@given(st.binary(max_size=200))
def test_what_holds_no_secret_is_left_alone(data: bytes) -> None:
    assert Redactor([Secret("sk-test-not-a-key-0123456789")]).data(data) == (data, False)
    assert Redactor([]).data(data) == (data, False)


@pytest.mark.parametrize("unit", [b"\\", b"%25", b"&amp;", b"\\u0073", b"sk-test-not-a-ke"])
def test_a_hostile_body_is_searched_in_linear_time(unit: bytes) -> None:
    redactor = Redactor([Secret("sk-test-not-a-key-0123456789")])

    def seconds(size: int) -> float:
        began = time.process_time()
        redactor.data(unit * (size // len(unit)))
        return time.process_time() - began

    seconds(1000)
    assert seconds(1_600_000) < 60 * max(seconds(100_000), 0.002)


@given(st.lists(st.integers(0, 60), max_size=6))
def test_the_pieces_of_a_redacted_body_keep_their_times(cuts: list[int]) -> None:
    key = "sk-test-not-a-key-0123456789"
    body = f"data: {key}\n\ndata: {key}\n\n".encode()
    borders = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = tuple(Piece(float(n), body[a:b]) for n, (a, b) in enumerate(pairwise(borders)))
    exchange = Exchange(
        number=1,
        sent=Sent("POST", "http://127.0.0.1/v1/chat", (), b"", "/chat", True),
        got=Got(200, "OK", "HTTP/1.1", (), pieces),
        end="complete",
        detail="",
        started_at="",
        times=Times(),
        body=body,
    )
    clean = Redactor([Secret(key)]).exchange(exchange)
    assert clean.got is not None and clean.redacted
    assert clean.body == clean.got.raw == b"data: [redacted]\n\ndata: [redacted]\n\n"
    assert [piece.at_ms for piece in clean.got.pieces] == [piece.at_ms for piece in pieces]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p?a=1&b=2", "https://h/p?a=1&b=2"),
        ("https://u:p@h/p", "https://[redacted]@h/p"),
        ("https://h/p?access_token=x&a=1", "https://h/p?access_token=[redacted]&a=1"),
        ("https://h/p#id_token=x", "https://h/p#id_token=[redacted]"),
        ("/login?next=/v1&sig=abc", "/login?next=/v1&sig=[redacted]"),
        ("/login?max_tokens=5", "/login?max_tokens=5"),
    ],
)
def test_urls_lose_what_names_itself_a_secret(url: str, shown: str) -> None:
    assert Redactor([]).url(url) == shown
    assert dict(Redactor([]).headers((("Location", url), ("Authorization", "Bearer x")))) == {
        "Location": shown,
        "Authorization": "Bearer [redacted]",
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("X-API-Key", True),
        ("apikey", True),
        ("access_token", True),
        ("Ocp-Apim-Subscription-Key", True),
        ("X-Auth-Token", True),
        ("max_tokens", False),
        ("x-ratelimit-remaining-tokens", False),
        ("api-version", False),
        ("keyboard", False),
        ("X-Author", False),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert secret_name(name) is secret


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("sk-abcdefgh1234", True),
        ("Bearer abcdefgh", True),
        ("a1" * 16, True),
        ("2024-06-01-preview", False),
        ("blue", False),
    ],
)
def test_values_that_look_like_a_secret(value: str, secret: bool) -> None:
    assert looks_secret(value) is secret
