"""The routes of the demo endpoint: what is asked of which address, and who may ask."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from cab_check.demo.completion import complete
from cab_check.demo.encode import MODEL, as_chunks, as_completion, model_entry
from cab_check.demo.errors import ApiError, invalid
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.demo.messages import COUNT_TOKENS, MESSAGES, count_tokens, refusal, reply_to
from cab_check.demo.request import read_body, read_request
from cab_check.demo.responses import RESPONSES, respond

CONTEXT_TOKENS = 131_072
MODELS = "/v1/models"
CHAT = "/v1/chat/completions"


class Endpoint:
    """Answers one request at a time, and remembers nothing between them.

    `key` is the bearer token that every request must carry, None for no check. `context_tokens` is the limit on
    prompt and output together, in the tokens of `tokens.count`.
    """

    def __init__(self, *, key: str | None = None, context_tokens: int = CONTEXT_TOKENS) -> None:
        self._key = key
        self._context_tokens = context_tokens

    def __call__(self, request: HttpRequest) -> HttpReply:
        """The reply to `request`, refusals included; never raises for what a client sent."""
        try:
            return self._answer(request)
        except ApiError as error:
            return refusal(error) if request.path.startswith(MESSAGES) else error.reply()

    def _answer(self, request: HttpRequest) -> HttpReply:
        routes = self._routes(request.path)
        if request.method == "OPTIONS" and routes:
            return HttpReply(204, headers=(("Allow", ", ".join([*routes, "OPTIONS"])),))
        self._authorise(request)
        if not routes:
            raise ApiError(
                404, f"There is no {request.method} {request.path}; the API is under /v1.", code="unknown_url"
            )
        if request.method not in routes:
            allow = ", ".join([*routes, "OPTIONS"])
            raise ApiError(
                405,
                f"{request.path} does not take {request.method}, but {allow}.",
                code="method_not_allowed",
                headers=(("Allow", allow),),
            )
        return routes[request.method](request)

    def _routes(self, path: str) -> dict[str, Callable[[HttpRequest], HttpReply]]:
        if path == MODELS:
            return dict.fromkeys(("GET", "HEAD"), self._models)
        if path.startswith(f"{MODELS}/"):
            return dict.fromkeys(("GET", "HEAD"), self._model)
        posts = {CHAT: self._chat, RESPONSES: self._respond, MESSAGES: self._message, COUNT_TOKENS: self._count}
        return {"POST": posts[path]} if path in posts else {}

    def _authorise(self, request: HttpRequest) -> None:
        if self._key is None:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if "x-api-key" in request.headers and not token and request.path.startswith(MESSAGES):
            scheme, token = "bearer", request.headers["x-api-key"]
        if scheme.lower() != "bearer" or not token.strip():
            message = "No API key was given; send it as 'Authorization: Bearer KEY'."
        elif not hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._key.encode("utf-8", "replace")):
            message = "The API key that was given is not the one of this endpoint."
        else:
            return
        raise ApiError(401, message, code="invalid_api_key", headers=(("WWW-Authenticate", "Bearer"),))

    def _models(self, request: HttpRequest) -> HttpReply:
        return HttpReply(200, {"object": "list", "data": [model_entry(self._context_tokens)]})

    def _model(self, request: HttpRequest) -> HttpReply:
        _known(request.path.removeprefix(f"{MODELS}/"))
        return HttpReply(200, model_entry(self._context_tokens))

    def _chat(self, request: HttpRequest) -> HttpReply:
        body = _body(request)
        asked = read_request(body)
        completion = complete(asked, self._context_tokens)
        if asked.stream:
            return HttpReply(200, events=as_chunks(completion, include_usage=asked.include_usage))
        return HttpReply(200, as_completion(completion))

    def _respond(self, request: HttpRequest) -> HttpReply:
        return respond(_body(request), self._context_tokens)

    def _message(self, request: HttpRequest) -> HttpReply:
        return reply_to(_body(request), self._context_tokens)

    def _count(self, request: HttpRequest) -> HttpReply:
        return count_tokens(_body(request))


def _body(request: HttpRequest) -> dict[str, Any]:
    """The body of a request that names the one model."""
    body = read_body(request.body)
    model = body.get("model")
    if not isinstance(model, str):
        raise invalid("model", "'model' is missing, or not a string.", "missing_required_parameter")
    _known(model)
    return body


def _known(model: str) -> None:
    if model != MODEL:
        raise ApiError(
            404,
            f"The model {model!r} does not exist; this endpoint serves {MODEL!r}.",
            param="model",
            code="model_not_found",
        )
