"""Faults of parameters: refused, ignored, capped."""

from __future__ import annotations

from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.parts import Body, edit, error, on_chat, without

_REFUSABLE = (
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "stream_options",
    "parallel_tool_calls",
    "store",
    "reasoning_effort",
    "stop",
    "top_p",
    "seed",
)
_LIMITS = ("max_tokens", "max_completion_tokens")
_CAP = 128
_MOST = 8_192


def _rejected(name: str) -> Fault:
    other = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
    refusal = error(
        400,
        f"Unsupported parameter: '{name}' is not supported with this model.{other}",
        type="invalid_request_error",
        param=name,
        code="unsupported_parameter",
    )
    return Fault(
        f"param-rejected-{name}",
        "param-rejected",
        f"A request that holds the parameter {name} is refused.",
        after=on_chat(refusal, lambda body: body.get(name) is not None),
        subject=name,
    )


def limit_of(body: Body) -> int | None:
    """The output limit that a request sets, None without one."""
    given = [body.get(name) for name in _LIMITS]
    return next((limit for limit in given if isinstance(limit, int)), None)


FAULTS = (
    *(_rejected(name) for name in _REFUSABLE),
    Fault(
        "param-rejected-temperature-0",
        "param-rejected",
        "A temperature other than 1 is refused, as by models that reason.",
        after=on_chat(
            error(
                400,
                "Unsupported value: 'temperature' does not support 0 with this model. Only 1 is supported.",
                type="invalid_request_error",
                param="temperature",
                code="unsupported_value",
            ),
            lambda body: body.get("temperature") not in (None, 1),
        ),
        subject="temperature=0",
    ),
    Fault(
        "param-ignored-max_tokens",
        "param-ignored",
        "The output limit is accepted and has no effect.",
        before=without(*_LIMITS),
        subject="max_tokens",
    ),
    Fault(
        "param-ignored-max_completion_tokens",
        "param-ignored",
        "The output limit has an effect under its old name, max_tokens, and none under its new one.",
        before=without("max_completion_tokens"),
        subject="max_completion_tokens",
    ),
    Fault(
        "param-ignored-parallel_tool_calls",
        "param-ignored",
        "One call at a time is asked for, and several come.",
        before=without("parallel_tool_calls"),
        subject="parallel_tool_calls",
    ),
    Fault(
        "param-ignored-stop",
        "param-ignored",
        "The stop words are accepted and have no effect.",
        before=without("stop"),
        subject="stop",
    ),
    Fault(
        "output-cap-low",
        "output-cap-low",
        f"A request without an output limit gets {_CAP} tokens and no more.",
        before=edit(lambda body: body.update(max_tokens=_CAP), lambda body: limit_of(body) is None),
        subject=str(_CAP),
    ),
    Fault(
        "output-limit-refused",
        "output-limit-refused",
        f"A request is refused when its output limit is above {_MOST} tokens.",
        after=on_chat(
            error(
                400,
                f"max_tokens is too large: this model supports at most {_MOST} completion tokens.",
                type="invalid_request_error",
                param="max_tokens",
                code="invalid_value",
            ),
            lambda body: (limit_of(body) or 0) > _MOST,
        ),
        subject=str(_MOST),
    ),
)
