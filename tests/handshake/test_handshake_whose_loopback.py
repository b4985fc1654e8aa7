"""A refused loopback inside a container or WSL 2 is another machine's loopback, and gets advice of its own."""

from __future__ import annotations

import pytest

from cab_check.base.machine import which
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.wire.exchange import End, Exchange, Facts, Recording, Sent, Times


@pytest.mark.parametrize(
    ("system", "release", "in_container", "expected"),
    [
        ("Linux", "6.8.0-45-generic", False, None),
        ("Linux", "6.8.0-45-generic", True, "container"),
        ("Linux", "5.15.153.1-microsoft-standard-WSL2", False, "wsl2"),
        ("Linux", "4.19.104-microsoft-standard", False, "wsl2"),
        ("Linux", "4.4.0-19041-Microsoft", False, "wsl1"),
        ("Linux", "5.15.153.1-microsoft-standard-WSL2", True, "container"),
        ("Darwin", "24.1.0", False, None),
        ("Windows", "11", False, None),
    ],
)
def test_what_it_runs_in(system: str, release: str, in_container: bool, expected: str | None) -> None:
    assert which(system, release, in_container=in_container) == expected


def said(host: str, inside: str | None, end: End = "refused") -> tuple[str, str]:
    """The cause and the fix for one request that ended so."""
    url = f"http://{host}:8080/v1"
    sent = Sent("GET", f"{url}/models", (), b"", "/models", keyed=False)
    exchange = Exchange(1, sent, None, end, "", "2026-11-23T00:00:00Z", Times(end=5.0))
    judged = judge(Recording(Facts(base_url=url, given=url, inside=inside), (exchange,)), Plan("m", "s"))
    finding = judged.findings[0]
    assert finding.code == "endpoint-unreachable"
    return finding.cause or "", finding.fix or ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "api.localhost"])
@pytest.mark.parametrize(
    ("inside", "fix"), [("container", "host.docker.internal"), ("wsl2", "networkingMode=mirrored")]
)
def test_a_refused_loopback_is_not_the_one_around(host: str, inside: str, fix: str) -> None:
    cause, told = said(host, inside)
    assert "own loopback" in cause and fix in told


@pytest.mark.parametrize(
    ("host", "inside", "end"),
    [
        ("127.0.0.1", None, "refused"),
        ("192.168.1.5", "container", "refused"),
        ("llm.example", "wsl2", "refused"),
        ("127.0.0.1", "container", "connect-timeout"),
    ],
)
def test_otherwise_the_usual_is_said(host: str, inside: str | None, end: End) -> None:
    cause, told = said(host, inside, end)
    assert (cause, told) == said(host, None, end)
    assert "own loopback" not in cause and "mirrored" not in told
