"""The plain parameters of a request: their types and ranges, as one table.

Ranges are those of https://platform.openai.com/docs/api-reference/chat/create; the scripted model takes no
notice of sampling parameters beyond that.
"""

from __future__ import annotations

from typing import Any

from cab_check.demo.errors import invalid

NUMBERS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
WHOLE_NUMBERS = {"max_tokens": 1, "max_completion_tokens": 1, "seed": None, "n": 1}
BOOLEANS = ("stream", "parallel_tool_calls", "logprobs", "store")
UNSUPPORTED = ("functions", "function_call")


def check_parameters(body: dict[str, Any]) -> None:
    """Raises ApiError 400 for the first parameter of the wrong type, out of range, or not supported here."""
    for name, (low, high) in NUMBERS.items():
        value = body.get(name, low)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise invalid(name, f"'{name}' must be a number.", "invalid_type")
        if not low <= value <= high:
            raise invalid(name, f"'{name}' is {value}; it must lie between {low} and {high}.", "invalid_value")
    for name in WHOLE_NUMBERS:
        whole_number(body, name)
    for name in BOOLEANS:
        if not isinstance(body.get(name, False), bool):
            raise invalid(name, f"'{name}' must be true or false.", "invalid_type")
    if body.get("n", 1) != 1:
        raise invalid("n", f"'n' is {body['n']}; this model gives one choice per request.", "unsupported_value")
    if body.get("logprobs"):
        raise invalid("logprobs", "This model has no probabilities to report.", "unsupported_parameter")
    for name in UNSUPPORTED:
        if name in body:
            raise invalid(name, f"'{name}' is not supported; use 'tools' instead.", "unsupported_parameter")


def whole_number(body: dict[str, Any], name: str) -> int | None:
    """The whole number in field `name`, or None if it is absent. Raises ApiError 400 if it is something else."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(name, f"'{name}' must be a whole number.", "invalid_type")
    low = WHOLE_NUMBERS[name]
    if low is not None and value < low:
        raise invalid(name, f"'{name}' is {value}; it must be at least {low}.", "integer_below_min_value")
    return value
