"""Faults of the request with tools: refused for what it offers, or accepted and dropped on the way to the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.parts import Body, edit, error, has_tools, on_chat, tools, without
from cab_check.demo.http import HttpReply

_PARSER = HttpReply(
    400,
    {
        "object": "error",
        "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "type": "BadRequestError",
        "code": 400,
    },
)
_MOST_TOOLS = 32
_LONGEST_NAME = 32
_CHOICES = {
    "auto": lambda body: body.get("tool_choice") == "auto",
    "none": lambda body: body.get("tool_choice") == "none",
    "required": lambda body: body.get("tool_choice") == "required",
    "named": lambda body: isinstance(body.get("tool_choice"), dict),
}
_KEYWORDS = ("anyOf", "$ref", "additionalProperties", "pattern", "minimum")


def _keys(value: Any) -> Iterator[str]:
    """Every key in a schema, however deep."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def _uses(keyword: str, body: Body) -> bool:
    return any(keyword in _keys(tool.get("parameters")) for tool in tools(body))


def _choice_rejected(form: str) -> Fault:
    refusal = error(404, "No endpoints found that support the provided 'tool_choice' value.", code=404)
    return Fault(
        f"tool-choice-rejected-{form}",
        "tool-choice-rejected",
        f"A request is refused when its tool_choice is of the form {form}.",
        after=on_chat(refusal, _CHOICES[form]),
        subject=form,
    )


def _choice_ignored(form: str) -> Fault:
    return Fault(
        f"tool-choice-ignored-{form}",
        "tool-choice-ignored",
        f"A tool_choice of the form {form} is accepted, and the model never hears of it.",
        before=edit(lambda body: body.pop("tool_choice"), _CHOICES[form]),
        subject=form,
    )


def _keyword_rejected(keyword: str) -> Fault:
    refusal = error(
        400, f"Invalid schema for function: the keyword '{keyword}' is not supported.", type="invalid_request_error"
    )
    return Fault(
        f"tool-schema-rejected-{keyword.strip('$')}",
        "tool-schema-rejected",
        f"A request is refused when the schema of a tool uses the keyword {keyword}.",
        after=on_chat(refusal, lambda body: _uses(keyword, body)),
        subject=keyword,
    )


FAULTS = (
    Fault(
        "tools-rejected",
        "tools-rejected",
        "A request that offers tools is refused, in words that nobody knows.",
        after=on_chat(error(400, "flux"), has_tools),
    ),
    Fault(
        "tool-parser-disabled",
        "tool-parser-disabled",
        "The server was started without a tool parser, and says so to every request with tools, as vLLM does.",
        after=on_chat(_PARSER, has_tools),
        subject="--enable-auto-tool-choice --tool-call-parser",
    ),
    Fault(
        "model-lacks-tools",
        "model-lacks-tools",
        "The server says that this model has no tool support, as Ollama does.",
        after=on_chat(error(400, "registry.ollama.ai/library/gemma:2b does not support tools"), has_tools),
    ),
    Fault(
        "tools-ignored",
        "tools-ignored",
        "Tools are accepted and dropped before the model sees them, as by a template that knows none.",
        before=without("tools", "tool_choice", "parallel_tool_calls"),
    ),
    Fault(
        "no-route-supports-tools",
        "no-route-supports-tools",
        "A router finds nobody upstream who takes requests with tools.",
        after=on_chat(error(404, "No endpoints found that support tool use.", code=404), has_tools),
    ),
    Fault(
        "tools-need-other-api",
        "tools-need-other-api",
        "Requests with tools are sent off to the /responses route.",
        after=on_chat(
            error(
                400,
                "Function tools with reasoning_effort are not supported for this model in /v1/chat/completions. "
                "Please use /v1/responses instead.",
                type="invalid_request_error",
            ),
            has_tools,
        ),
        subject="responses",
    ),
    Fault(
        "tool-name-rejected",
        "tool-name-rejected",
        f"A request is refused when a tool's name is longer than {_LONGEST_NAME} characters.",
        after=on_chat(
            error(400, "Invalid 'tools[0].function.name': string too long.", param="tools[0].function.name"),
            lambda body: any(len(str(tool.get("name"))) > _LONGEST_NAME for tool in tools(body)),
        ),
    ),
    Fault(
        "too-many-tools",
        "too-many-tools",
        f"A request is refused when it offers more than {_MOST_TOOLS} tools.",
        after=on_chat(
            error(
                400,
                f"Invalid 'tools': array too long. Expected an array with maximum length {_MOST_TOOLS}.",
                param="tools",
                code="array_above_max_length",
            ),
            lambda body: len(tools(body)) > _MOST_TOOLS,
        ),
        subject=str(_MOST_TOOLS),
    ),
    *(_choice_rejected(form) for form in _CHOICES),
    *(_choice_ignored(form) for form in ("none", "required", "named")),
    *(_keyword_rejected(keyword) for keyword in _KEYWORDS),
)
