"""Faults of structured output and of the other API surfaces."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.parts import Body, edit, error, on_chat
from cab_check.demo.http import HttpReply, HttpRequest

_FORMATS = ("json_object", "json_schema")


def _format(body: Body) -> str | None:
    given = body.get("response_format")
    kind = given.get("type") if isinstance(given, dict) else None
    return kind if isinstance(kind, str) else None


def _rejected(kind: str) -> Fault:
    other = " or ".join(f"'{known}'" for known in ("text", *_FORMATS) if known != kind)
    return Fault(
        f"structured-output-rejected-{kind}",
        "structured-output-rejected",
        f"A response_format of type {kind} is refused.",
        after=on_chat(
            error(400, f"'response_format.type' must be {other}", param="response_format"),
            lambda body: _format(body) == kind,
        ),
        subject=kind,
    )


def _ignored(kind: str) -> Fault:
    return Fault(
        f"structured-output-ignored-{kind}",
        "structured-output-ignored",
        f"A response_format of type {kind} is accepted and not obeyed.",
        before=edit(lambda body: body.pop("response_format"), lambda body: _format(body) == kind),
        subject=kind,
    )


def _no_route(route: str) -> After:
    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return HttpReply(404, {"detail": "Not Found"}) if request.path.endswith(route) else reply

    return after


def _lacking(route: str, kind: str) -> After:
    """Streams of a route without one of their events."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if reply.events is None or not request.path.endswith(route):
            return reply
        return replace(reply, events=tuple(event for event in reply.events if _type(event) != kind))

    return after


def _type(event: Any) -> Any:
    return event.get("type") if isinstance(event, dict) else None


def _formless(request: HttpRequest) -> HttpRequest:
    """A request to /responses without the format that it wants."""
    if not request.path.endswith("/responses"):
        return request
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return request
    if not isinstance(body, dict) or "text" not in body:
        return request
    return replace(request, body=json.dumps({key: body[key] for key in body if key != "text"}).encode())


FAULTS = (
    *(_rejected(kind) for kind in _FORMATS),
    *(_ignored(kind) for kind in _FORMATS),
    Fault(
        "responses-api-missing",
        "responses-api-missing",
        "There is no /responses route.",
        after=_no_route("/responses"),
    ),
    Fault(
        "responses-api-broken",
        "responses-api-broken",
        "Streams of /responses end without response.completed.",
        after=_lacking("/responses", "response.completed"),
        subject="stream-end",
    ),
    Fault(
        "responses-api-broken-start",
        "responses-api-broken",
        "Streams of /responses begin without response.created.",
        after=_lacking("/responses", "response.created"),
        subject="events",
    ),
    Fault(
        "responses-api-broken-items",
        "responses-api-broken",
        "Streams of /responses have whole items in their last event only.",
        after=_lacking("/responses", "response.output_item.done"),
        subject="events",
    ),
    Fault(
        "responses-api-broken-format",
        "responses-api-broken",
        "A format is asked for on /responses, and prose comes.",
        before=_formless,
        subject="format",
    ),
    Fault(
        "messages-api-missing",
        "messages-api-missing",
        "There is no Anthropic-style /messages route.",
        after=_no_route("/messages"),
    ),
    Fault(
        "messages-api-broken",
        "messages-api-broken",
        "Streams of /messages begin without message_start.",
        after=_lacking("/messages", "message_start"),
        subject="events",
    ),
    Fault(
        "messages-api-broken-blocks",
        "messages-api-broken",
        "No block in streams of /messages is opened: content_block_start never comes.",
        after=_lacking("/messages", "content_block_start"),
        subject="events",
    ),
    Fault(
        "messages-api-broken-stop",
        "messages-api-broken",
        "No block in streams of /messages is closed: content_block_stop never comes.",
        after=_lacking("/messages", "content_block_stop"),
        subject="tools",
    ),
)
