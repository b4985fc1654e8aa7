"""Faults of key, account and model: who may ask, for what, and which model answers."""

from __future__ import annotations

from cab_check.demo.encode import MODEL
from cab_check.demo.faults.fault import Fault, Given
from cab_check.demo.faults.parts import edit, error, everywhere, on_chat
from cab_check.demo.http import HttpReply, HttpRequest

_NO_KEY = error(401, "No API key was given; send it as 'Authorization: Bearer KEY'.", code="invalid_api_key")
_BAD_KEY = error(401, "Incorrect API key provided.", type="invalid_request_error", code="invalid_api_key")
_BROKE = error(
    429, "You exceeded your current quota, please check your plan and billing details.", code="insufficient_quota"
)
_WRONG_NAME = error(404, "The model `gpt-9` does not exist.", type="NotFoundError", code=404)
_TOO_FAST = HttpReply(429, {"error": {"message": "Rate limit reached for requests", "type": "requests"}})


def _wants_a_key(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return reply if request.headers.get("authorization") else _NO_KEY


def _dislikes_quotes(request: HttpRequest, reply: HttpReply) -> HttpReply:
    return _BAD_KEY if '"' in request.headers.get("authorization", "") else reply


def _wants_api_key_header(request: HttpRequest, reply: HttpReply) -> HttpReply:
    if request.headers.get("api-key"):
        return reply
    return error(401, "Missing API key: send it in the header 'api-key'.", code="invalid_api_key")


_any_id = edit(lambda body: body.update(model=MODEL))


FAULTS = (
    Fault(
        "key-missing",
        "key-missing",
        "The endpoint wants a key and none is sent.",
        after=_wants_a_key,
        given=Given(key=None),
    ),
    Fault(
        "key-missing-sent",
        "key-missing",
        "A proxy in front takes the Authorization header away, so that the endpoint sees no key.",
        after=everywhere(_NO_KEY),
        subject="sent",
    ),
    Fault("key-rejected", "key-rejected", "The key is refused, whatever it is.", after=everywhere(_BAD_KEY)),
    Fault(
        "key-malformed",
        "key-malformed",
        "The key is sent with the quotes that stood around it in a settings file, and refused.",
        after=_dislikes_quotes,
        given=Given(key='"{key}"'),
    ),
    Fault(
        "key-wrong-header",
        "key-wrong-header",
        "The endpoint takes the key in the header api-key only, and refuses a bearer token.",
        after=_wants_api_key_header,
        subject="api-key",
    ),
    Fault(
        "key-lacks-permission",
        "key-lacks-permission",
        "The key is known, and not allowed to ask this model.",
        after=on_chat(error(403, "You have insufficient permissions for this operation.")),
    ),
    Fault(
        "clock-skew",
        "clock-skew",
        "The gateway finds the signature expired, as it does when this machine's clock is wrong.",
        after=everywhere(error(403, "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z")),
    ),
    Fault(
        "billing-exhausted",
        "billing-exhausted",
        "The account has no quota left, which a 429 says that looks like a rate limit.",
        after=on_chat(_BROKE),
    ),
    Fault(
        "billing-exhausted-under-200",
        "billing-exhausted",
        "The account has no balance left, and a 200 says so.",
        after=on_chat(error(200, "Insufficient balance", code="insufficient_balance")),
    ),
    Fault(
        "rate-limited",
        "rate-limited",
        "Every completion is turned away with a 429: too many requests for now.",
        after=on_chat(_TOO_FAST),
    ),
    Fault(
        "request-exceeds-tier",
        "request-exceeds-tier",
        "The account's allowance per minute is smaller than one request of an agent.",
        after=on_chat(
            error(
                413,
                "Request too large for model `cab-check-demo` on tokens per minute (TPM): Limit 6000, Requested 12000.",
                type="tokens",
                code="rate_limit_exceeded",
            )
        ),
        subject="6000",
    ),
    Fault(
        "data-policy-excludes-model",
        "data-policy-excludes-model",
        "The account's privacy settings leave no route to this model.",
        after=on_chat(error(404, "No endpoints found matching your data policy (Free model training).", code=404)),
    ),
    Fault(
        "model-not-found",
        "model-not-found",
        "The model's name was given with a typing error.",
        subject="cab-check-demo",
        given=Given(model="cab-chek-demo"),
    ),
    Fault(
        "model-not-found-on-chat",
        "model-not-found",
        "The list names the model, and completions say that it does not exist.",
        after=on_chat(_WRONG_NAME),
        subject="cab-check-demo",
    ),
    Fault(
        "model-id-prefix",
        "model-id-prefix",
        "A router wants the provider's name before the model's.",
        after=on_chat(error(400, "litellm.BadRequestError: LLM Provider NOT provided.")),
    ),
    Fault(
        "model-not-loaded",
        "model-not-loaded",
        "The model is listed and cannot be loaded.",
        after=on_chat(error(400, "Failed to load model: insufficient system resources")),
    ),
    Fault(
        "model-retired",
        "model-retired",
        "The model was taken out of service.",
        after=on_chat(error(410, "The model `cab-check-demo` has been decommissioned and is no longer supported.")),
    ),
    Fault(
        "model-id-ignored",
        "model-id-ignored",
        "Any model id is accepted, and the one model that is loaded answers.",
        before=_any_id,
        given=Given(model="any-model-at-all"),
    ),
)
