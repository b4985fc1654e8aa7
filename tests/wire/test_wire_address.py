from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cab_check.base.errors import AddressError
from cab_check.wire.address import read_address


@pytest.mark.parametrize(
    ("typed", "base_url", "notes"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1", ()),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1", ("trailing-slash",)),
        ("https://api.openai.com:443/v1", "https://api.openai.com/v1", ()),
        ("http://localhost:80", "http://localhost", ()),
        ("HTTPS://API.OpenAI.com/V1", "https://api.openai.com/V1", ()),
        ("api.openai.com/v1", "https://api.openai.com/v1", ("scheme-added",)),
        ("localhost:8000", "http://localhost:8000", ("scheme-added",)),
        ("192.168.1.20:1234/v1", "http://192.168.1.20:1234/v1", ("scheme-added",)),
        ("100.101.102.103:1234", "http://100.101.102.103:1234", ("scheme-added",)),
        ("8.8.8.8/v1", "https://8.8.8.8/v1", ("scheme-added",)),
        ("gpu-box:8000/v1", "http://gpu-box:8000/v1", ("scheme-added",)),
        ("gpu.lan/v1", "http://gpu.lan/v1", ("scheme-added",)),
        ("my_service:8000", "http://my_service:8000", ("scheme-added",)),
        (":8000", "http://localhost:8000", ("scheme-added", "host-added")),
        ("8000", "http://localhost:8000", ("scheme-added", "host-added")),
        ("//localhost:8000/v1", "http://localhost:8000/v1", ("scheme-added",)),
        ("http:/localhost:8000/v1", "http://localhost:8000/v1", ("slashes-fixed",)),
        ("http:localhost/v1", "http://localhost/v1", ("slashes-fixed",)),
        ("[::1]:8000/v1", "http://[::1]:8000/v1", ("scheme-added",)),
        ("::1", "http://[::1]", ("scheme-added", "brackets-added")),
        ("::1:8000", "http://[::1]:8000", ("scheme-added", "brackets-added")),
        ("https://2606:4700::1111/v1", "https://[2606:4700::1111]/v1", ("brackets-added",)),
        ("http://[2606:4700:0:0::1111]:1/v1", "http://[2606:4700::1111]:1/v1", ()),
        ("bücher.example/v1", "https://xn--bcher-kva.example/v1", ("scheme-added",)),
        ("https://example.com./v1", "https://example.com/v1", ()),
        (' "https://example.com/v1"\n', "https://example.com/v1", ("trimmed",)),
        ("<https://example.com/v1>", "https://example.com/v1", ("trimmed",)),
        ("\ufeffhttps://example.com/v1", "https://example.com/v1", ("trimmed",)),
        ("https://example.com//api///v1", "https://example.com/api/v1", ("slashes-fixed",)),
        ("https://example.com/a/../v1", "https://example.com/v1", ()),
        ("https://example.com/größe/v1", "https://example.com/gr%C3%B6%C3%9Fe/v1", ()),
        ("https://example.com/v1#top", "https://example.com/v1", ("fragment-removed",)),
        ("https://example.com/v1/chat/completions", "https://example.com/v1", ("route-removed:/chat/completions",)),
        ("https://example.com/v1/completions", "https://example.com/v1", ("route-removed:/completions",)),
        ("https://example.com/v1/responses", "https://example.com/v1", ("route-removed:/responses",)),
        ("https://example.com/v1/messages", "https://example.com/v1", ("route-removed:/messages",)),
        ("https://example.com/v1/models/", "https://example.com/v1", ("trailing-slash", "route-removed:/models")),
        ("https://example.com/v1/embeddings", "https://example.com/v1", ("route-removed:/embeddings",)),
        ("https://example.com/v1/Chat/Completions", "https://example.com/v1", ("route-removed:/chat/completions",)),
        ("https://example.com/supermodels", "https://example.com/supermodels", ()),
        ("https://user:pass@example.com/v1", "https://example.com/v1", ("userinfo-removed",)),
        ("https://example.com/v1?api_key=abc", "https://example.com/v1", ("query-key-removed",)),
    ],
)
def test_what_people_type_is_understood(typed: str, base_url: str, notes: tuple[str, ...]) -> None:
    address = read_address(typed)
    assert (address.base_url, address.notes) == (base_url, notes)
    assert address.scheme_guessed == ("scheme-added" in notes)
    assert read_address(base_url).base_url == base_url


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "empty"),
        ("  ''", "empty"),
        ("ftp://example.com/v1", "ftp"),
        ("wss://example.com/v1", "wss"),
        ("my-secret://example.com", "not http"),
        ("https://", "no host"),
        ("https:///", "no host"),
        ("https://?x=1", "no host"),
        ("https://exa mple.com", "space"),
        ("https://example.com/\u202ev1", "invisible"),
        ("https:\\\\example.com", "backslash"),
        ("https://example.com:http/v1", "port"),
        ("https://example.com:0/v1", "port"),
        ("https://example.com:65536/v1", "port"),
        ("https://example.com:٣/v1", "port"),
        ("https://-example-.com", "host name"),
        ("https://exa$mple.com", "host name"),
        ("https://a..b", "host name"),
        ("https://" + "a" * 64 + ".com", "host name"),
        ("https://1.2.3", "IPv4"),
        ("https://1.2.3.256", "IPv4"),
        ("https://[::1", "brackets"),
        ("https://[::1]x", "brackets"),
        ("https://1:2:3:zz", "IPv6"),
        ("https://[fe80::1%eth0]", "zone"),
        ("https://\u2603\u2603..example", "host name"),
        ("https://example.com/" + "a" * 3000, "longer"),
    ],
)
def test_what_cannot_be_an_address_is_refused_with_a_next_step(typed: str, said: str) -> None:
    with pytest.raises(AddressError) as caught:
        read_address(typed)
    assert said in caught.value.message
    assert caught.value.next_step.endswith(".") and caught.value.message.endswith(".")


SECRET = "sk-test-not-a-key-0123456789"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (f"https://user:{SECRET}@example.com/v1", "https://[redacted]@example.com/v1"),
        (f"{SECRET}@example.com/v1", "[redacted]@example.com/v1"),
        (f"https://a@{SECRET}@example.com/v1", "https://[redacted]@example.com/v1"),
        (f"https://example.com/v1?key={SECRET}&x=1", "https://example.com/v1?key=[redacted]&x=1"),
        (f"https://example.com/v1?u={SECRET}", "https://example.com/v1?u=[redacted]"),
        (f"https://example.com/v1?{SECRET}", "https://example.com/v1?[redacted]"),
        (f"https://example.com/v1?%6Bey={SECRET}", "https://example.com/v1?%6Bey=[redacted]"),
        (f"https://example.com/v1#{SECRET}", "https://example.com/v1"),
    ],
)
def test_secrets_are_taken_off_and_kept(typed: str, shown: str) -> None:
    address = read_address(typed)
    assert address.given == shown
    assert SECRET not in repr(address)
    if "#" not in typed:
        assert any(SECRET in secret.reveal() for secret in address.secrets)
        assert address.found_key is not None and SECRET in address.found_key.reveal()


def test_harmless_query_stays_and_goes_out_with_every_request() -> None:
    address = read_address("https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-06-01")
    assert address.query == (("api-version", "2024-06-01"),)
    assert address.base_path == "/openai/deployments/d"
    assert address.secrets == ()


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("http://localhost:8000", "/v1"),
        ("http://localhost:8000/v1/v1", "/v1"),
        ("http://localhost:11434/api", "/v1"),
        ("http://localhost:8080/openai", "/openai/v1"),
        ("http://localhost:8000/v1", ""),
    ],
)
def test_other_base_paths_begin_with_the_likely_one(typed: str, first: str) -> None:
    address = read_address(typed)
    assert address.other_base_paths[0] == first
    assert address.base_path not in address.other_base_paths
    assert len(set(address.other_base_paths)) == len(address.other_base_paths)
    assert {"/v1", "/api/v1", "/openai/v1", "/api/v3"} <= {*address.other_base_paths, address.base_path}


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("localhost", True),
        ("127.0.0.53", True),
        ("0.0.0.0", True),
        ("10.1.2.3", True),
        ("169.254.1.1", True),
        ("[fd00::1]", True),
        ("host.docker.internal", True),
        ("printer.local", True),
        ("93.184.215.14", False),
        ("example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_near_and_far_hosts(host: str, near: bool) -> None:
    assert read_address(f"http://{host}/v1").loopback_or_private is near


PARTS = st.lists(
    st.sampled_from(
        [
            *":/?#@[]%&=.\\ \t",
            "//",
            "http",
            "https",
            "://",
            "localhost",
            "8000",
            "::1",
            "v1",
            "chat/completions",
            "ü",
            "\ud800",
        ]
    )
    | st.text(max_size=4),
    max_size=12,
).map("".join)


@given(PARTS)
@example("http://[")
@example("http://a\u2100b")
@example("https://xn--")
@example("http://a/%zz?%zz#%zz")
def test_nothing_but_an_address_error_is_ever_raised(typed: str) -> None:
    try:
        address = read_address(typed)
    except AddressError as failure:
        assert failure.next_step
        return
    again = read_address(address.base_url)
    assert again.base_url == address.base_url
    assert not again.scheme_guessed and again.notes == ()


@given(PARTS, st.sampled_from(["https://{}@h.example{}", "https://u:{}@h.example{}", "h.example/v1?token={}&y={}"]))
def test_no_secret_is_shown(rest: str, form: str) -> None:
    try:
        address = read_address(form.format(SECRET, rest))
    except AddressError as failure:
        assert SECRET not in failure.message + failure.next_step
        return
    assert SECRET not in address.given + address.base_url + repr(address)
