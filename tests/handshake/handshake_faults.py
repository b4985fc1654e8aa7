"""Every named fault and what must be found of it, and faults of a test's own: code, subject, owner, exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from faulty_endpoint import KEY, Laid, sound

from cab_check.demo.faults.calls import hermes
from cab_check.demo.faults.parts import said
from cab_check.demo.faults.table import FAULTS

__all__ = ["CASES", "EXPECTED", "NOT_ASKED", "NOT_YET", "Case", "hermes", "said"]

NOT_YET = None
"""No question of the handshake brings this fault out: `NOT_ASKED` says why."""

OTHERWISE = None
"""Its code is found, with a subject or beside a second finding that the fault's own entry does not name."""


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
    "request-too-large-for-agents": ("gateway", 3),
    "client-refused-by-firewall": ("gateway", 4),
    "host-header-refused": ("server", 4),
    "reply-timeout": ("server", 4),
    "reply-timeout-first-token": ("server", 3),
    "endpoint-unreachable": ("network", 4),
    "key-missing": ("user", 4),
    "key-missing-sent": ("gateway", 4),
    "key-rejected": ("user", 4),
    "key-malformed": ("user", 4),
    "key-wrong-header": ("client", 4),
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
    "param-rejected-max_completion_tokens": ("server", 0),
    "param-rejected-stream_options": ("server", 0),
    "param-rejected-parallel_tool_calls": ("server", 0),
    "param-rejected-store": ("server", 0),
    "param-rejected-reasoning_effort": ("server", 0),
    "param-rejected-stop": ("server", 0),
    "param-rejected-top_p": ("server", 0),
    "param-rejected-seed": NOT_YET,
    "param-rejected-temperature-0": OTHERWISE,
    "param-ignored-max_tokens": ("server", 0),
    "param-ignored-max_completion_tokens": ("server", 0),
    "param-ignored-parallel_tool_calls": NOT_YET,
    "param-ignored-stop": ("server", 0),
    "output-cap-low": ("server", 0),
    "output-limit-refused": ("client", 0),
    "template-error": ("server", 3),
    "role-rejected-developer": ("server", 0),
    "role-rejected-system": ("server", 3),
    "role-rejected-tool": OTHERWISE,
    "role-rejected-many-systems": ("server", 0),
    "role-ignored-system": ("server", 0),
    "role-ignored-developer": ("server", 0),
    "role-order-rejected-user-user": ("server", 0),
    "role-order-rejected-user-after-tool": ("server", 0),
    "role-order-rejected-trailing-assistant": NOT_YET,
    "role-order-rejected-late-system": ("server", 0),
    "role-order-rejected-tool-unanswered": NOT_YET,
    "content-form-rejected-null": ("server", 3),
    "content-form-rejected-missing": ("server", 3),
    "content-form-rejected-empty": ("server", 3),
    "content-form-rejected-empty-list": ("server", 0),
    "content-form-rejected-blank-text-part": ("server", 0),
    "content-form-rejected-parts": OTHERWISE,
    "content-form-rejected-tool-parts": ("server", 3),
    "message-field-rejected-name": ("server", 3),
    "message-field-rejected-refusal": ("server", 0),
    "message-field-rejected-provider_specific_fields": ("server", 0),
    "message-field-rejected-index": ("server", 0),
    "message-field-rejected-tool_calls": ("server", 0),
    "history-arguments-rejected": ("server", 0),
    "tool-call-id-rejected": ("server", 3),
    "tools-rejected": ("server", 3),
    "tool-parser-disabled": ("server", 3),
    "model-lacks-tools": ("model", 3),
    "tools-ignored": ("server", 3),
    "no-route-supports-tools": ("gateway", 3),
    "tools-need-other-api": ("server", 3),
    "tool-name-rejected": ("server", 0),
    "too-many-tools": ("server", 0),
    "tool-choice-rejected-auto": ("server", 0),
    "tool-choice-rejected-none": NOT_YET,
    "tool-choice-rejected-required": ("server", 0),
    "tool-choice-rejected-named": ("server", 0),
    "tool-choice-ignored-none": NOT_YET,
    "tool-choice-ignored-required": ("server", 0),
    "tool-choice-ignored-named": ("server", 0),
    "tool-schema-rejected-anyOf": ("server", 3),
    "tool-schema-rejected-ref": ("server", 3),
    "tool-schema-rejected-additionalProperties": OTHERWISE,
    "tool-schema-rejected-pattern": ("server", 3),
    "tool-schema-rejected-minimum": ("server", 3),
    "tool-call-missing": ("model", 3),
    "tool-call-as-text": ("server", 3),
    "tool-call-as-text-end": ("server", 3),
    "tool-call-in-reasoning": ("server", 3),
    "tool-call-swallowed": ("server", 3),
    "tool-call-parse-failure": ("server", 3),
    "tool-name-wrong": ("model", 3),
    "tool-name-wrong-until-told": ("model", 0),
    "tool-arguments-invalid-json": ("model", 3),
    "tool-arguments-invalid-json-until-told": ("model", 0),
    "tool-arguments-object": ("server", 3),
    "tool-arguments-double-encoded": ("model", 3),
    "tool-arguments-empty": ("server", 0),
    "tool-arguments-schema-mismatch": ("model", 0),
    "tool-arguments-schema-mismatch-until-told": ("model", 0),
    "tool-arguments-schema-mismatch-strings": ("model", 0),
    "tool-arguments-unfaithful": ("model", 0),
    "tool-call-id-missing": ("server", 3),
    "tool-call-id-missing-plain": ("server", 3),
    "tool-call-id-missing-stream": ("server", 3),
    "tool-call-id-missing-one-chunk": ("server", 3),
    "tool-call-id-repeated": ("server", 0),
    "parallel-calls-unsupported": ("model", 0),
    "finish-reason-wrong": ("server", 0),
    "finish-reason-wrong-without-calls": ("server", 0),
    "truncation-hidden": ("server", 3),
    "tool-result-rejected": ("server", 3),
    "tool-result-ignored": ("model", 3),
    "tool-arguments-unfaithful-result": ("model", 0),
    "tool-result-ignored-unheard": ("model", 3),
    "stream-rejected": ("server", 3),
    "stream-not-streamed": ("gateway", 3),
    "stream-wrong-content-type": ("gateway", 0),
    "stream-buffered": NOT_YET,
    "stream-compressed": ("gateway", 3),
    "stream-error-event": ("server", 3),
    "stream-cut": ("gateway", 3),
    "stream-cut-broken-off": ("gateway", 3),
    "stream-cut-finish-reason-left-out": ("server", 3),
    "stream-done-missing": ("server", 0),
    "stream-event-malformed": ("server", 3),
    "stream-event-malformed-choices": ("server", 3),
    "stream-event-malformed-index": ("server", 3),
    "stream-event-malformed-delta": ("server", 3),
    "stream-event-malformed-role": ("server", 0),
    "stream-event-malformed-last-delta": ("server", 0),
    "stream-event-malformed-framing": ("server", 3),
    "stream-comments": ("server", 0),
    "stream-empty-choices": ("server", 0),
    "stream-tool-index": ("server", 3),
    "stream-tool-index-one-chunk": ("server", 3),
    "stream-tool-index-reused": ("server", 3),
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
    "reasoning-echo-refused": ("client", 0),
    "reasoning-history-dropped": ("server", 0),
    "opaque-field-must-be-echoed": ("client", 3),
    "empty-reply-reasoning": OTHERWISE,
    "reasoning-exhausts-limit": ("model", 4),
    "context-truncated-silently": OTHERWISE,
    "context-truncated-silently-middle": OTHERWISE,
    "context-too-small": ("server", 3),
    "context-counts-output": ("client", 0),
    "context-overflow-unclear": ("server", 0),
    "first-token-slow": NOT_YET,
    "structured-output-rejected-json_object": ("server", 0),
    "structured-output-rejected-json_schema": ("server", 0),
    "structured-output-ignored-json_object": ("server", 0),
    "structured-output-ignored-json_schema": ("server", 0),
    "responses-api-missing": ("server", 0),
    "responses-api-broken": ("server", 0),
    "responses-api-broken-start": ("server", 0),
    "responses-api-broken-items": ("server", 0),
    "responses-api-broken-format": NOT_YET,
    "messages-api-missing": ("server", 0),
    "messages-api-broken": ("server", 0),
    "messages-api-broken-blocks": ("server", 0),
    "messages-api-broken-stop": ("server", 0),
    "responses-empty-reply": ("model", 0),
    "responses-empty-reply-reasoning": ("model", 0),
    "responses-tool-call-id-missing": ("server", 0),
    "responses-stream-not-streamed": ("gateway", 0),
    "responses-stream-cut": ("gateway", 0),
    "responses-usage-missing": ("server", 0),
    "responses-api-broken-store": ("server", 0),
    "responses-api-broken-include": ("server", 0),
    "responses-param-rejected-parallel_tool_calls": ("server", 0),
    "responses-param-rejected-prompt_cache_key": ("server", 0),
    "responses-param-rejected-reasoning": ("server", 0),
    "responses-tool-arguments-object": ("server", 0),
    "messages-empty-reply": ("model", 0),
    "messages-empty-reply-reasoning": ("model", 0),
    "messages-tool-call-id-missing": ("server", 0),
    "messages-stream-not-streamed": ("gateway", 0),
    "messages-stream-cut": ("gateway", 0),
    "messages-usage-missing": ("server", 0),
    "messages-api-broken-thinking": ("server", 0),
    "messages-param-rejected-context_management": ("server", 0),
    "messages-param-rejected-output_config": ("server", 0),
    "messages-stream-done-missing": ("server", 0),
    "messages-stream-tool-index": ("server", 0),
    "messages-finish-reason-wrong": ("server", 0),
    "edit-format-unfollowed-marks": NOT_YET,
    "edit-format-unfollowed-search": NOT_YET,
    "edit-format-unfollowed-fence": NOT_YET,
    "edit-format-unfollowed-udiff": NOT_YET,
    "edit-format-unfollowed": NOT_YET,
}
"""Name of a fault -> the owner and the exit code of its finding."""

_SLOW = "It takes longer than a test may; tests/handshake/test_handshake_context.py judges it with other times."
_FOR_AIDER = "Edits in text are asked for where aider is asked about: test_handshake_edit_format.py."
NOT_ASKED: dict[str, str] = {
    "param-rejected-seed": "None of the measured agent CLIs sends it.",
    "param-ignored-parallel_tool_calls": "None sends false; an agent's own recording is judged for it.",
    "role-order-rejected-trailing-assistant": "None sends it unasked; an agent's own recording is judged for it.",
    "role-order-rejected-tool-unanswered": "OpenAI refuses it by contract; an agent's own recording is judged for it.",
    "tool-choice-rejected-none": "None of the measured agent CLIs sends it with tools.",
    "tool-choice-ignored-none": "None of the measured agent CLIs sends it with tools.",
    "responses-api-broken-format": "Clients of /responses send no format; an agent's own recording is judged for it.",
    "stream-buffered": _SLOW,
    "first-token-slow": _SLOW,
    "edit-format-unfollowed-marks": _FOR_AIDER,
    "edit-format-unfollowed-search": _FOR_AIDER,
    "edit-format-unfollowed-fence": _FOR_AIDER,
    "edit-format-unfollowed-udiff": _FOR_AIDER,
    "edit-format-unfollowed": _FOR_AIDER,
}
"""Name of a fault that no handshake of the suite brings out -> why."""

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
