"""Harmless changes around completions: lists of models, other routes, names, headers, delays."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faulty_endpoint import MODEL
from sound_changes import Variation, documents, put

from cab_check.demo.faults.fault import After, Before
from cab_check.demo.faults.parts import (
    asked,
    both,
    error,
)
from cab_check.demo.http import HttpReply, HttpRequest


def listed(change: Callable[[dict[str, Any]], Any]) -> After:
    """Change the reply to GET /models."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if not request.path.endswith("/models") or reply.status != 200 or not isinstance(reply.value, dict):
            return reply
        return replace(reply, value=change(copy.deepcopy(reply.value)))

    return after


def answered(route: str, with_: HttpReply) -> After:
    """This reply to everything that is asked of `route`."""
    return lambda request, reply: with_ if request.path.endswith(route) else reply


def many_models(value: dict[str, Any]) -> dict[str, Any]:
    more = [{**value["data"][0], "id": f"vendor-{n % 40}/model-{n}:{n % 7}b", "created": None} for n in range(400)]
    return {**value, "data": [*more, *value["data"]]}


def served_as(model: str, answers: str | None = None) -> tuple[Before, After]:
    """The demo's model under another id, answering under `answers`."""

    def before(request: HttpRequest) -> HttpRequest:
        try:
            body = json.loads(request.body)
        except ValueError:
            return request
        if not isinstance(body, dict) or body.get("model") != model:
            return request
        return replace(request, body=json.dumps({**body, "model": MODEL}).encode())

    def entry(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "data": [{**row, "id": answers or model} for row in value["data"]]}

    return before, both(listed(entry), documents(put(model=answers or model)))


def renamed(name: str, model: str, answers: str | None = None) -> Variation:
    """The model under another id."""
    before, after = served_as(model, answers)
    return Variation(name, "model", after, before, model=model)


def under(name: str, path: str) -> Variation:
    """The API under another base path."""

    def before(request: HttpRequest) -> HttpRequest:
        return replace(request, path=request.path.replace(path, "/v1", 1))

    return Variation(name, "path", before=before, path=path)


def once(reply: HttpReply, when: Callable[[HttpRequest], bool]) -> Callable[[], After]:
    """This reply once, and then never again."""

    def fresh() -> After:
        left = [reply]

        def after(request: HttpRequest, sound: HttpReply) -> HttpReply:
            return left.pop() if left and when(request) else sound

        return after

    return fresh


def busy(*headers: tuple[str, str]) -> Callable[[], After]:
    """One completion refused for its rate."""
    refusal = replace(error(429, "Rate limit reached", type="requests"), headers=headers)
    return once(refusal, lambda request: bool(asked(request)))


def delivered(**changes: Any) -> After:
    """Delays before or in the reply to every completion."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return replace(reply, delivery=replace(reply.delivery, **changes)) if asked(request) else reply

    return after


def headed(*headers: tuple[str, str]) -> After:
    """More headers, or others than the server's own, on every 200."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return replace(reply, headers=(*reply.headers, *headers)) if reply.status == 200 else reply

    return after


def typed(kind: str, *, stream: bool) -> After:
    """Another content type."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if reply.status != 200 or (reply.events is not None) != stream:
            return reply
        return replace(reply, headers=(*reply.headers, ("Content-Type", kind)))

    return after


def jittered(usage: dict[str, Any]) -> None:
    """Prompt counts that wander by a few tokens, as with templates that write the date or pad."""
    usage["prompt_tokens"] += len(str(usage["completion_tokens"])) + usage["completion_tokens"] % 4
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]


def slashed() -> tuple[Before, After]:
    """Routes that end in a slash; one without is redirected to it, as by FastAPI."""

    def before(request: HttpRequest) -> HttpRequest:
        return replace(request, path=request.path.rstrip("/"))

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if request.path.endswith("/"):
            return reply
        return HttpReply(307, headers=(("Location", f"{request.path}/"),), body=b"")

    return before, after


def status(number: int) -> After:
    """Another status of success for completions."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return replace(reply, status=number) if asked(request) and reply.status == 200 else reply

    return after


def is_list(request: HttpRequest) -> bool:
    """Whether the models are asked for."""
    return request.path.endswith("/models")
