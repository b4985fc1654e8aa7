"""What stands in front of an API speaks in pages of its own: whose they are, and what they mean, is told apart.

The replies are those of nginx 1.22 and HAProxy 2.6, set up with each fault on loopback, and read there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import say
from cab_check.handshake.result import Handshake
from cab_check.handshake.seen import Seen
from cab_check.knowledge.finding import Finding
from cab_check.wire.exchange import Exchange, Facts, Got, Piece, Recording, Sent, Times

BASE = "http://127.0.0.1:8080/v1"
HTML = ("Content-Type", "text/html")
JSON = ("Content-Type", "application/json")
LIST = '{"object": "list", "data": [{"id": "m", "object": "model"}]}'


@dataclass(frozen=True)
class Said:
    """A reply: status, body, and the headers that tell."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = (HTML, ("Server", "nginx/1.22.1"))


def nginx(status: str) -> Said:
    page = f"<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
    return Said(int(status[:3]), page + "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n")


def haproxy(status: str, words: str) -> Said:
    return Said(int(status[:3]), f"<html><body><h1>{status}</h1>\n{words}\n</body></html>\n", (HTML,))


LISTED = Said(200, LIST, (JSON,))


def exchange(number: int, method: str, path: str, body: bytes, said: Said, *, keyed: bool = True) -> Exchange:
    sent = Sent(method, f"{BASE}{path}", (("Authorization", "Bearer [redacted]"),), body, path, keyed=keyed)
    data = said.body.encode()
    got = Got(said.status, "", "HTTP/1.1", said.headers, (Piece(0.0, data),))
    return Exchange(number, sent, got, "complete", "", "2026-11-28T00:00:00Z", Times(end=5.0), data)


def judged(to_list: Said, to_chat: Said) -> Handshake:
    plan, facts = Plan("m", "seed"), Facts(base_url=BASE, given=BASE)
    ask = say(plan, Seen(Recording(facts, ())))
    asked = (
        exchange(1, "GET", "/models", b"", to_list),
        exchange(2, "POST", "/chat/completions", ask.payload(), to_chat),
    )
    return judge(Recording(facts, asked), plan)


def found(to_list: Said, to_chat: Said) -> Finding:
    return judged(to_list, to_chat).findings[0]


WAF = Said(
    403,
    "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your "
    "administrator.<br>Your support ID is: 1748</body></html>",
)


@pytest.mark.parametrize(
    ("to_list", "to_chat", "code", "owner", "words"),
    [
        (
            nginx("502 Bad Gateway"),
            nginx("502 Bad Gateway"),
            "gateway-timeout",
            "gateway",
            "could not reach the server",
        ),
        (nginx("504 Gateway Time-out"), nginx("504 Gateway Time-out"), "gateway-timeout", "gateway", "waited"),
        (LISTED, nginx("503 Service Temporarily Unavailable"), "server-overloaded", "gateway", "limit_req"),
        (
            haproxy("503 Service Unavailable", "No server is available to handle this request."),
            haproxy("503 Service Unavailable", "No server is available to handle this request."),
            "server-overloaded",
            "gateway",
            "no live server",
        ),
        (LISTED, nginx("429 Too Many Requests"), "rate-limited", "gateway", "limit_req"),
        (nginx("403 Forbidden"), nginx("403 Forbidden"), "client-refused-by-firewall", "gateway", "allow list"),
        (
            haproxy("403 Forbidden", "Request forbidden by administrative rules."),
            haproxy("403 Forbidden", "Request forbidden by administrative rules."),
            "client-refused-by-firewall",
            "gateway",
            "http-request deny",
        ),
        (LISTED, WAF, "client-refused-by-firewall", "gateway", "web application firewall"),
        (
            nginx("400 The plain HTTP request was sent to HTTPS port"),
            nginx("400 The plain HTTP request was sent to HTTPS port"),
            "tls-failure",
            "network",
            "speaks TLS",
        ),
        (
            nginx("400 No required SSL certificate was sent"),
            nginx("400 No required SSL certificate was sent"),
            "tls-failure",
            "network",
            "client certificate",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_page_of_a_proxy_names_its_own_cause(to_list: Said, to_chat: Said, code: str, owner: str, words: str) -> None:
    finding = found(to_list, to_chat)
    assert (finding.code, finding.owner) == (code, owner)
    assert words in (finding.cause or "")


def test_a_page_alone_is_not_said_to_be_sure() -> None:
    assert found(nginx("502 Bad Gateway"), nginx("502 Bad Gateway")).confidence == "medium"
    assert found(nginx("403 Forbidden"), nginx("403 Forbidden")).confidence == "medium"


def test_a_web_interface_that_refuses_a_post_is_no_firewall() -> None:
    page = Said(403, "<html><head><title>403 Forbidden</title></head><body>CSRF verification failed.</body></html>")
    assert found(nginx("404 Not Found"), page).code == "web-page-instead-of-api"


def test_an_api_that_refuses_in_json_is_no_firewall() -> None:
    refused = Said(403, '{"error": {"message": "This key may not use the model m.", "code": "forbidden"}}', (JSON,))
    assert found(LISTED, refused).code != "client-refused-by-firewall"


def test_a_user_name_and_a_password_are_no_key() -> None:
    page = nginx("401 Authorization Required")
    basic = Said(401, page.body, (*page.headers, ("WWW-Authenticate", 'Basic realm="gateway"')))
    bearer = Said(401, '{"error": {"message": "Invalid API Key"}}', (JSON, ("WWW-Authenticate", "Bearer")))
    finding = found(basic, basic)
    assert finding.key == "key-wrong-header:Authorization: Basic" and "HTTP Basic" in finding.title
    assert found(bearer, bearer).code == "key-rejected"


@pytest.mark.parametrize(
    ("location", "subject", "fix"),
    [
        ("https://127.0.0.1:8443/v1/chat/completions", "https://127.0.0.1:8443/v1", "https://127.0.0.1:8443/v1"),
        ("https://llm.example/v1/chat/completions?key=x", "https://llm.example/v1", "https://llm.example/v1"),
        ("https://sso.example/login?next=/v1", "https://sso.example/login", "without sign-in"),
    ],
)
def test_a_redirect_names_the_base_url_that_it_leads_to(location: str, subject: str, fix: str) -> None:
    moved = nginx("301 Moved Permanently")
    finding = found(LISTED, Said(301, moved.body, (*moved.headers, ("Location", location))))
    assert (finding.code, finding.subject) == ("redirect-drops-request", subject)
    assert (finding.fix or "").endswith(fix) or fix in (finding.fix or "")
    assert "/chat/completions" not in (finding.fix or "")


def test_a_trial_without_the_key_says_nothing_about_the_path() -> None:
    """A guessed scheme is tried without the key; the refusal of that trial comes from any path of such a server."""
    base = "http://127.0.0.1:8080"
    refused, nowhere = '{"error": {"message": "No API key was given."}}', '{"error": {"message": "Not Found"}}'

    def asked(number: int, path: str, said: Said, *, keyed: bool) -> Exchange:
        one = exchange(number, "GET", path, b"", said)
        return replace(one, sent=replace(one.sent, url=f"{base}{path}", keyed=keyed))

    trial = asked(1, "/models", Said(401, refused, (JSON,)), keyed=False)
    at_given = asked(2, "/models", Said(404, nowhere, (JSON,)), keyed=True)
    elsewhere = asked(3, "/v1/models", Said(401, refused, (JSON,)), keyed=False)
    facts = Facts(base_url=base, given="127.0.0.1:8080", key_given=True)
    assert Seen(Recording(facts, (trial, at_given, elsewhere))).base_path == "/v1"
    assert Seen(Recording(facts, (trial,))).base_path == ""
