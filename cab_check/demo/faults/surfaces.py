"""Faults of structured output and of the other API surfaces."""

from __future__ import annotations

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
        "messages-api-missing",
        "messages-api-missing",
        "There is no Anthropic-style /messages route.",
        after=_no_route("/messages"),
    ),
)
