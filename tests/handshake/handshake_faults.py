"""Every named fault and what must be found of it, and faults of a test's own: code, subject, owner, exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from faulty_endpoint import KEY, Laid, sound

from cab_check.demo.faults.calls import hermes
from cab_check.demo.faults.parts import said
from cab_check.demo.faults.table import FAULTS

__all__ = ["CASES", "EXPECTED", "NOT_YET", "Case", "hermes", "said"]

NOT_YET = None
"""No question of the handshake brings this fault out yet: see tests/demo/test_demo_faults.py for what it does."""


@dataclass(frozen=True)
class Case:
    """`root` is code or code:subject of the first finding; `setting` goes to `handshake_with`."""

    fault: Laid
    root: str
    owner: str
    exit_code: int
    setting: dict[str, Any] = field(default_factory=dict)


def setting_of(name: str) -> dict[str, Any]:
    """What the user of the endpoint with this fault has set, as far as it is not the usual."""
    given = FAULTS[name].given
    setting: dict[str, Any] = {"path": given.path}
    if given.key != "{key}":
        setting["key"] = given.key and given.key.format(key=KEY)
    if given.model is not None:
        setting["model"] = given.model
    return setting


def root_of(name: str) -> str:
    """The key of the finding that a named fault must show."""
    fault = FAULTS[name]
    return fault.code if fault.subject is None else f"{fault.code}:{fault.subject}"


EXPECTED: dict[str, tuple[str, int] | None] = {
    "address-wrong-base-path": ("user", 0),
    "address-wrong-base-path-doubled": ("user", 0),
    "address-includes-route": ("user", 0),
    "web-page-instead-of-api": ("user", 4),
    "redirect-drops-request": ("gateway", 4),
    "server-crashed": ("server", 4),
    "server-crashed-on-chat": ("server", 4),
    "server-crashed-on-tools": ("server", 3),
    "server-crashed-on-result": ("server", 3),
    "server-loading": ("server", 4),
    "server-overloaded": ("server", 4),
    "gateway-timeout": ("gateway", 4),
    "request-too-large": ("gateway", 4),
    "request-too-large-for-agents": NOT_YET,
    "client-refused-by-firewall": ("gateway", 4),
    "host-header-refused": ("server", 4),
    "reply-timeout": ("server", 4),
    "reply-timeout-first-token": ("server", 3),
    "endpoint-unreachable": ("network", 4),
    "key-missing": ("user", 4),
    "key-rejected": ("user", 4),
    "key-malformed": ("user", 4),
    "key-wrong-header": NOT_YET,
    "key-lacks-permission": ("account", 4),
    "clock-skew": ("user", 4),
    "billing-exhausted": ("account", 4),
    "billing-exhausted-under-200": ("account", 4),
    "rate-limited": ("account", 4),
    "request-exceeds-tier": ("account", 4),
    "data-policy-excludes-model": ("account", 4),
    "model-not-found": ("user", 3),
    "model-not-found-on-chat": ("user", 3),
    "model-id-prefix": ("client", 3),
    "model-not-loaded": ("server", 3),
    "model-retired": ("account", 3),
    "model-id-ignored": ("server", 0),
    "response-not-json": ("gateway", 3),
    "response-not-json-empty": ("gateway", 3),
    "response-not-json-broken-off": ("gateway", 3),
    "response-shape": ("server", 3),
    "response-shape-message": ("server", 3),
    "error-in-success": ("gateway", 3),
    "empty-reply": ("model", 3),
    "safety-blocked": ("account", 3),
    "special-tokens-in-text": ("server", 0),
    "repetition-loop": ("model", 3),
    "text-garbled": ("server", 3),
    "instruction-ignored": ("model", 0),
    "unrecognised": ("server", 3),
    "usage-missing": ("server", 0),
    "usage-missing-stream": ("server", 0),
    "usage-implausible": ("server", 0),
    "usage-implausible-constant": ("server", 0),
    "param-rejected-temperature": ("server", 0),
    "param-rejected-max_tokens": ("server", 0),
    "param-rejected-max_completion_tokens": NOT_YET,
    "param-rejected-stream_options": ("server", 0),
    "param-rejected-parallel_tool_calls": NOT_YET,
    "param-rejected-store": NOT_YET,
    "param-rejected-reasoning_effort": NOT_YET,
    "param-rejected-stop": NOT_YET,
    "param-rejected-top_p": NOT_YET,
    "param-rejected-seed": NOT_YET,
    "param-rejected-temperature-0": NOT_YET,
    "param-ignored-max_tokens": NOT_YET,
    "param-ignored-stop": NOT_YET,
    "output-cap-low": NOT_YET,
    "output-limit-refused": NOT_YET,
    "template-error": ("server", 3),
    "role-rejected-developer": NOT_YET,
    "role-rejected-system": NOT_YET,
    "role-rejected-tool": NOT_YET,
    "role-rejected-many-systems": NOT_YET,
    "role-ignored-system": NOT_YET,
    "role-ignored-developer": NOT_YET,
    "role-order-rejected-user-user": NOT_YET,
    "role-order-rejected-user-after-tool": NOT_YET,
    "role-order-rejected-trailing-assistant": NOT_YET,
    "role-order-rejected-late-system": NOT_YET,
    "role-order-rejected-tool-unanswered": NOT_YET,
    "content-form-rejected-null": ("server", 3),
    "content-form-rejected-missing": NOT_YET,
    "content-form-rejected-empty": NOT_YET,
    "content-form-rejected-empty-list": NOT_YET,
    "content-form-rejected-blank-text-part": NOT_YET,
    "content-form-rejected-parts": NOT_YET,
    "content-form-rejected-tool-parts": NOT_YET,
    "message-field-rejected-name": NOT_YET,
    "message-field-rejected-refusal": NOT_YET,
    "history-arguments-rejected": NOT_YET,
    "tool-call-id-rejected": NOT_YET,
    "tools-rejected": ("server", 3),
    "tool-parser-disabled": ("server", 3),
    "model-lacks-tools": ("model", 3),
    "tools-ignored": ("server", 3),
    "no-route-supports-tools": ("gateway", 3),
    "tools-need-other-api": ("server", 3),
    "tool-name-rejected": NOT_YET,
    "too-many-tools": NOT_YET,
    "tool-choice-rejected-auto": NOT_YET,
    "tool-choice-rejected-none": NOT_YET,
    "tool-choice-rejected-required": NOT_YET,
    "tool-choice-rejected-named": NOT_YET,
    "tool-choice-ignored-none": NOT_YET,
    "tool-choice-ignored-required": ("server", 0),
    "tool-choice-ignored-named": NOT_YET,
    "tool-schema-rejected-anyOf": NOT_YET,
    "tool-schema-rejected-ref": NOT_YET,
    "tool-schema-rejected-additionalProperties": NOT_YET,
    "tool-schema-rejected-pattern": NOT_YET,
    "tool-schema-rejected-minimum": NOT_YET,
    "tool-call-missing": ("model", 3),
    "tool-call-as-text": ("server", 3),
    "tool-call-in-reasoning": ("server", 3),
    "tool-call-swallowed": ("server", 3),
    "tool-call-parse-failure": ("server", 3),
    "tool-name-wrong": ("model", 3),
    "tool-arguments-invalid-json": ("model", 3),
    "tool-arguments-object": ("server", 3),
    "tool-arguments-double-encoded": ("model", 3),
    "tool-arguments-empty": ("server", 0),
    "tool-arguments-schema-mismatch": ("model", 0),
    "tool-arguments-unfaithful": ("model", 0),
    "tool-call-id-missing": ("server", 3),
    "tool-call-id-missing-stream": ("server", 3),
    "tool-call-id-repeated": ("server", 0),
    "parallel-calls-unsupported": ("model", 0),
    "finish-reason-wrong": ("server", 0),
    "finish-reason-wrong-without-calls": ("server", 0),
    "truncation-hidden": NOT_YET,
    "tool-result-rejected": ("server", 3),
    "tool-result-ignored": ("model", 3),
    "tool-result-ignored-unheard": ("model", 3),
    "stream-rejected": ("server", 3),
    "stream-not-streamed": ("gateway", 3),
    "stream-wrong-content-type": ("gateway", 0),
    "stream-buffered": NOT_YET,
    "stream-compressed": NOT_YET,
    "stream-error-event": ("server", 3),
    "stream-cut": ("gateway", 3),
    "stream-cut-broken-off": ("gateway", 3),
    "stream-done-missing": ("server", 0),
    "stream-event-malformed": ("server", 3),
    "stream-event-malformed-choices": ("server", 3),
    "stream-event-malformed-delta": ("server", 3),
    "stream-event-malformed-framing": ("server", 3),
    "stream-comments": ("server", 0),
    "stream-empty-choices": ("server", 0),
    "stream-tool-index": ("server", 3),
    "stream-tool-index-reused": NOT_YET,
    "stream-tool-index-offset": ("server", 3),
    "stream-tool-name": ("server", 0),
    "stream-tool-name-null": ("server", 0),
    "stream-tool-name-late": ("server", 0),
    "stream-differs": ("server", 3),
    "stream-differs-plain": ("server", 3),
    "stream-differs-arguments": ("server", 3),
    "reasoning-in-text": ("server", 0),
    "reasoning-field-reasoning_content": ("server", 0),
    "reasoning-field-reasoning": ("server", 0),
    "reasoning-must-be-echoed": ("client", 3),
    "reasoning-echo-refused": NOT_YET,
    "reasoning-history-dropped": NOT_YET,
    "opaque-field-must-be-echoed": ("client", 3),
    "reasoning-exhausts-limit": NOT_YET,
    "context-truncated-silently": NOT_YET,
    "context-truncated-silently-middle": NOT_YET,
    "context-too-small": NOT_YET,
    "context-counts-output": NOT_YET,
    "context-overflow-unclear": NOT_YET,
    "first-token-slow": NOT_YET,
    "structured-output-rejected-json_object": NOT_YET,
    "structured-output-rejected-json_schema": NOT_YET,
    "structured-output-ignored-json_object": NOT_YET,
    "structured-output-ignored-json_schema": NOT_YET,
    "responses-api-missing": NOT_YET,
    "messages-api-missing": NOT_YET,
}
"""Name of a fault -> the owner and the exit code of its finding."""

CASES: dict[str, Case] = {
    **{
        name: Case(FAULTS[name], root_of(name), *found, setting_of(name))
        for name, found in EXPECTED.items()
        if found is not None
    },
    "base path, key wanted": Case(
        FAULTS["address-wrong-base-path"],
        "address-wrong-base-path:/v1",
        "user",
        0,
        {"path": "/api", "server_key": KEY},
    ),
    "another key": Case(sound, "key-rejected", "user", 4, {"key": "sk-test-another-0123456789"}),
    "no key": Case(sound, "key-missing", "user", 4, {"key": None}),
    "key with quotes": Case(sound, "key-malformed", "user", 4, {"key": f'"{KEY}"'}),
}
