"""Whether an agent CLI meets a fault at all, from the shape of what it sends. Pure.

A server that refuses `store` is nothing to a CLI that never sends it. What is not known of a CLI counts as met.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from cab_check.handshake.tuis.address import WRONG_PATH, meets
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.profile import Profile, Request

Touches = Callable[[Profile, str], bool]

GATES = frozenset({"address", "network", "auth", "model"})
CHARS_PER_TOKEN = 4
"""Bytes of a request for one token: a rough rule, good for English prose; schemas can be denser."""

_OF_THE_MODEL = frozenset(
    {
        "tools-ignored",
        "model-lacks-tools",
        "tool-parser-disabled",
        "no-route-supports-tools",
        "tool-call-missing",
        "tool-call-as-text",
        "tool-call-in-reasoning",
        "tool-call-swallowed",
        "tool-call-parse-failure",
        "tool-name-wrong",
        "tool-arguments-invalid-json",
        "tool-arguments-double-encoded",
        "tool-arguments-schema-mismatch",
        "tool-arguments-unfaithful",
        "tool-result-ignored",
        "reasoning-exhausts-limit",
    }
)
"""Faults of the model and its parser: seen on one API, they are to be expected on another that was not seen to work."""
_REFUSES_TOOLS = frozenset({"tool-parser-disabled", "model-lacks-tools", "no-route-supports-tools"})
"""Those of them that are told in a refusal: an API that answers does not refuse."""
_OF_ITS_SIZE = frozenset({"first-token-slow", "context-truncated-silently", "context-too-small"})
"""Faults of a long prompt, which short turns over another API cannot rule out."""

_OF_THE_WAY = frozenset({"request-too-large"})
"""Refused by what stands in front for the bytes alone, whichever API they are for."""


def touches(profile: Profile, finding: Finding, *, api_works: bool | None = None, calls_judged: bool = False) -> bool:
    """Whether this CLI meets `finding`. `api_works`: its own API, where that is not chat completions, passed a turn
    with a tool call and its result (None: nobody knows). `calls_judged`: something was found there in answers to
    requests with tools.
    """
    layer, subject = code(finding.code).layer, finding.subject or ""
    if layer in GATES and finding.layer in GATES:
        return finding.code != WRONG_PATH or meets(profile.name, finding)
    if finding.code in _OF_THE_WAY:
        return _BY_CODE[finding.code](profile, subject)
    if layer == "other-apis":
        return finding.code.startswith(profile.wire)
    if finding.apis and profile.wire not in finding.apis and not _expected(profile, finding, api_works, calls_judged):
        return False
    rule = _BY_CODE.get(finding.code) or _BY_LAYER.get(layer) or _BY_LAYER.get(finding.layer)
    return rule(profile, subject) if rule is not None else True


def _expected(profile: Profile, finding: Finding, api_works: bool | None, calls_judged: bool) -> bool:
    """Whether what was seen over another API only is to be expected over this CLI's own. vLLM without a parser refuses
    tools over chat completions, and takes them over /responses: then what came there is what counts.
    """
    if calls_judged and finding.code in _REFUSES_TOOLS:
        return False
    if profile.wire == "chat" or "chat" not in finding.apis:
        return False
    return finding.code in _OF_ITS_SIZE or (not api_works and finding.code in _OF_THE_MODEL)


def first_tokens(profile: Profile) -> int:
    """About how many tokens its first request has: bytes by four."""
    return profile.request.body_bytes // CHARS_PER_TOKEN


def tokens_wanted(profile: Profile) -> int:
    """First request and the output limit that it asks for: what a server that adds the two must have room for."""
    limit = profile.request.output_limit
    return first_tokens(profile) + (limit.tokens if limit else 0)


def sends_param(request: Request, subject: str) -> bool:
    """Whether the parameter that `subject` names (`name`, `name=value` or `name.inner`) goes out."""
    name, _, value = subject.partition("=")
    top, _, inner = name.partition(".")
    limit = request.output_limit
    if limit is not None and top == limit.field:
        return not value
    if top == "include_usage":
        top, inner = "stream_options", "include_usage"
    if top == "stream":
        return request.stream
    if top not in request.params:
        return False
    sent = request.params[top]
    if inner:
        return isinstance(sent, Mapping) and inner in sent
    return not value or _same(sent, value)


def _same(sent: Any, value: str) -> bool:
    if sent == "<null>":
        return value in ("null", "None")
    try:
        return float(sent) == float(value)
    except (TypeError, ValueError):
        return str(sent).lower() == value.lower()


def _tools(profile: Profile, subject: str) -> bool:
    return profile.uses_tools


def _stream(profile: Profile, subject: str) -> bool:
    return profile.request.stream


def _stream_tools(profile: Profile, subject: str) -> bool:
    return profile.request.stream and profile.uses_tools


def _way(profile: Profile, subject: str) -> bool:
    """For findings whose subject is the way of asking: `plain` or `stream`."""
    return subject not in ("plain", "stream") or (subject == "stream") == profile.request.stream


def _call_way(profile: Profile, subject: str) -> bool:
    return profile.uses_tools and _way(profile, subject)


def _param(profile: Profile, subject: str) -> bool:
    return not subject or sends_param(profile.request, subject)


def _heads(profile: Profile) -> list[list[str]]:
    asides = [aside.request for aside in profile.asides if aside.request is not None]
    return [[message.role for message in request.head] for request in (profile.request, *asides)]


def _role(profile: Profile, subject: str) -> bool:
    heads = _heads(profile)
    if subject == "many-systems":
        return any(head.count("system") > 1 for head in heads)
    if subject == "tool":
        return profile.uses_tools
    return not subject or any(subject in head for head in heads)


def _order(profile: Profile, subject: str) -> bool:
    heads = _heads(profile)
    if subject == "user-user":
        return any(("user", "user") in pairwise(head) for head in heads)
    if subject == "late-system":
        return any("system" in head[1:] for head in heads)  # templates that want it first refuse any other place
    return not subject


def _content(profile: Profile, subject: str) -> bool:
    echo = profile.request.echo
    if subject == "parts":
        return any(message.parts for message in profile.request.head)
    if subject == "tool-parts":
        return echo is not None and profile.uses_tools and echo.tool == "parts"
    if subject in ("null", "missing", "empty", "empty-list"):
        return echo is not None and profile.uses_tools and echo.assistant == subject
    return not subject


def _field(profile: Profile, subject: str) -> bool:
    echo = profile.request.echo
    if echo is None or not subject:
        return not subject
    return subject in echo.assistant_extra or subject in echo.tool_extra or subject in echo.call_extra


def _schema(profile: Profile, subject: str) -> bool:
    tools = profile.request.tools
    if tools is None:
        return False
    return not subject or any(keyword.partition(":")[0] == subject.partition(":")[0] for keyword in tools.keywords)


def _choice(profile: Profile, subject: str) -> bool:
    sent = profile.request.params.get("tool_choice")
    return sent is not None and (not subject or sent == subject)


def _many(profile: Profile, subject: str) -> bool:
    limit, tools = number(subject), profile.request.tools
    return tools is not None and (limit is None or tools.count > limit)


def _limit(profile: Profile, subject: str) -> bool:
    allowed, limit = number(subject), profile.request.output_limit
    return limit is not None and (allowed is None or limit.tokens > allowed)


def _no_limit(profile: Profile, subject: str) -> bool:
    return profile.request.output_limit is None


def _has_limit(profile: Profile, subject: str) -> bool:
    return profile.request.output_limit is not None


def _prompt(profile: Profile, subject: str) -> bool:
    arrived = number(subject)
    return arrived is None or first_tokens(profile) > arrived


def _body(profile: Profile, subject: str) -> bool:
    allowed = number(subject)
    return allowed is None or profile.request.body_bytes > allowed


def _format(profile: Profile, subject: str) -> bool:
    return subject in profile.edit_formats


def _never(profile: Profile, subject: str) -> bool:
    return False


def number(subject: str) -> int | None:
    """The first whole number in a subject such as `8192` or `8,192 tokens`."""
    found = re.search(r"\d[\d,_ ]*", subject)
    return int(re.sub(r"\D", "", found[0])) if found else None


_BY_CODE: dict[str, Touches] = {
    "request-too-large": _body,
    "param-rejected": _param,
    "param-ignored": _param,
    "output-cap-low": _no_limit,
    "output-limit-refused": _limit,
    "role-rejected": _role,
    "role-ignored": _role,
    "role-order-rejected": _order,
    "content-form-rejected": _content,
    "message-field-rejected": _field,
    "history-arguments-rejected": _tools,
    "tool-call-id-rejected": _tools,
    "tool-schema-rejected": _schema,
    "tool-choice-rejected": _choice,
    "tool-choice-ignored": _choice,
    "too-many-tools": _many,
    "tool-call-id-missing": _call_way,
    "stream-tool-index": _stream_tools,
    "stream-tool-name": _stream_tools,
    "stream-differs": _stream_tools,
    "usage-missing": _way,
    "usage-implausible": _way,
    "reasoning-must-be-echoed": _tools,
    "reasoning-echo-refused": _tools,
    "opaque-field-must-be-echoed": _tools,
    "context-truncated-silently": _prompt,
    "context-too-small": _prompt,
    "context-counts-output": _has_limit,
    "edit-format-unfollowed": _format,
}
_BY_LAYER: dict[str, Touches] = {
    "tools-request": _tools,
    "tools-response": _tools,
    "streaming": _stream,
    "structured-output": _never,
    "text-protocol": _format,
}
