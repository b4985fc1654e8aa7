"""Faults of address and network: another base path, pages, redirects, silence, a dead or busy server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cab_check.demo.faults.fault import After, Fault, Given
from cab_check.demo.faults.parts import (
    PAGE,
    When,
    always,
    asked,
    error,
    everywhere,
    has_result,
    has_tools,
    on_chat,
    written,
)
from cab_check.demo.http import NEVER, Delivery, HttpReply, HttpRequest

_CRASH = written(500, b"Internal Server Error", "text/plain")
_DIED = {"error": {"message": "CUDA error: an illegal memory access was encountered", "code": 500}}
_BODY_BYTES = 16_384


def delivered(how: Callable[[Delivery], Delivery], when: When = always, *, streams: bool = False) -> After:
    """Change how the replies to chat completions are delivered; only streamed ones if `streams`."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if not body or (streams and reply.events is None) or not when(body):
            return reply
        return replace(reply, delivery=how(reply.delivery))

    return after


def _only_under_v1(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return reply if request.path.startswith("/v1/") else HttpReply(404, {"detail": "Not Found"})


def _hang_up(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return replace(reply, delivery=replace(reply.delivery, hangs_up=True))


def _too_large(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return written(413, PAGE, "text/html") if len(request.body) > _BODY_BYTES else reply


FAULTS = (
    Fault(
        "address-wrong-base-path",
        "address-wrong-base-path",
        "The address was given without the /v1 under which the API answers.",
        after=_only_under_v1,
        subject="/v1",
        given=Given(path=""),
    ),
    Fault(
        "address-wrong-base-path-doubled",
        "address-wrong-base-path",
        "The address was given with /v1 twice, as happens where a client appends it by itself.",
        after=_only_under_v1,
        subject="/v1",
        given=Given(path="/v1/v1"),
    ),
    Fault(
        "address-includes-route",
        "address-includes-route",
        "The address was given with /chat/completions at its end, which clients append once more.",
        after=_only_under_v1,
        given=Given(path="/v1/chat/completions"),
    ),
    Fault(
        "web-page-instead-of-api",
        "web-page-instead-of-api",
        "Every request gets a sign-in page under status 200.",
        after=everywhere(written(200, PAGE, "text/html")),
    ),
    Fault(
        "redirect-drops-request",
        "redirect-drops-request",
        "Every request is redirected to another host with a 301, which turns POST into GET and loses the key.",
        after=everywhere(written(301, b"", "text/html", ("Location", "https://other.example/v1"))),
        subject="https://other.example/v1",
    ),
    Fault(
        "server-crashed",
        "server-crashed",
        "The server answers 500 to everything.",
        after=everywhere(_CRASH),
    ),
    Fault(
        "server-crashed-on-chat",
        "server-crashed",
        "The model list comes, but the engine behind it is dead: every completion is a 500 in the words of its crash.",
        after=on_chat(HttpReply(500, _DIED)),
    ),
    Fault(
        "server-crashed-on-tools",
        "server-crashed",
        "Plain chat works; any request that offers tools ends in a 500.",
        after=on_chat(_CRASH, has_tools),
    ),
    Fault(
        "server-crashed-on-result",
        "server-crashed",
        "The first turn works; the one that brings the tool's result ends in a 500.",
        after=on_chat(_CRASH, has_result),
    ),
    Fault(
        "server-loading",
        "server-loading",
        "The model is still being loaded, and stays so: completions get a 503 that says it.",
        after=on_chat(error(503, "Loading model", type="unavailable_error")),
    ),
    Fault(
        "server-overloaded",
        "server-overloaded",
        "The server is full and turns completions away with a 503.",
        after=on_chat(error(503, "server busy, please try again")),
    ),
    Fault(
        "gateway-timeout",
        "gateway-timeout",
        "A proxy in front gives up on every completion with a 504 and its error page.",
        after=on_chat(written(504, PAGE, "text/html")),
    ),
    Fault(
        "request-too-large",
        "request-too-large",
        "A proxy in front refuses every completion request for its size with a 413.",
        after=on_chat(written(413, PAGE, "text/html")),
    ),
    Fault(
        "request-too-large-for-agents",
        "request-too-large",
        f"A proxy in front refuses bodies above {_BODY_BYTES} bytes with a 413: only small questions pass.",
        after=_too_large,
    ),
    Fault(
        "client-refused-by-firewall",
        "client-refused-by-firewall",
        "A bot filter in front refuses this client with a 403 and its page.",
        after=everywhere(written(403, PAGE, "text/html", ("CF-RAY", "1-FRA"), ("Server", "cloudflare"))),
    ),
    Fault(
        "host-header-refused",
        "host-header-refused",
        "The server refuses the host name it is called by.",
        after=everywhere(error(403, "Invalid host header")),
    ),
    Fault(
        "reply-timeout",
        "reply-timeout",
        "Completions are accepted and never answered.",
        after=delivered(lambda how: replace(how, wait_s=NEVER)),
        subject="headers",
        given=Given(patience_s=3.0),
    ),
    Fault(
        "reply-timeout-first-token",
        "reply-timeout",
        "Streams begin with their head, and then nothing comes.",
        after=delivered(lambda how: replace(how, first_s=NEVER), streams=True),
        subject="first-token",
        given=Given(patience_s=3.0),
    ),
    Fault(
        "endpoint-unreachable",
        "endpoint-unreachable",
        "The connection is made, and closed without a reply.",
        after=_hang_up,
        subject="reset",
    ),
)
