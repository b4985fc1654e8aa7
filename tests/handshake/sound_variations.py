"""What real servers, gateways and models do differently without harm: one table over the sound demo endpoint."""

from __future__ import annotations

import json
import uuid

from sound_changes import (
    Variation,
    all_arguments,
    answered_by_one,
    call_again,
    chosen,
    counted,
    documents,
    drop,
    end_turn,
    friendly,
    in_every_delta,
    later_delta,
    put,
    rejoined,
    says,
    spoken,
    stop_beside_calls,
    with_calls,
    with_ids,
    without_roles,
)
from sound_routes import (
    jittered,
)
from sound_streams import (
    THOUGHT,
    at_the_end,
    counts_everywhere,
    early_end,
    empty_ends,
    escaped,
    framed,
    on_lines,
    one_chunk,
    rewriting,
    spelled,
    spoken_at_once,
    thinks,
    without,
)
from sound_surroundings import HTTP, ROUTES

from cab_check.demo.faults.calls import each_call
from cab_check.demo.faults.parts import both, chunks, plain

V = Variation

STREAMS = (
    V("a-stream-of-one-chunk", "ends", chunks(one_chunk)),
    V("no-type-in-streamed-calls", "type", chunks(without("type"))),
    V(
        "chunks-called-completions",
        "object-of-chunks",
        chunks(lambda events: [e if e == "[DONE]" else {**e, "object": "chat.completion"} for e in events]),
    ),
    V(
        "chunks-without-object",
        "object-of-chunks",
        chunks(lambda events: [e if e == "[DONE]" else {k: v for k, v in e.items() if k != "object"} for e in events]),
    ),
    V(
        "a-first-chunk-of-filters",
        "role",
        chunks(
            lambda events: [
                {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []},
                *events,
            ]
        ),
    ),
    V("text-a-character-at-a-time", "text-deltas", chunks(spelled)),
    V("text-in-one-delta", "text-deltas", chunks(spoken_at_once)),
    V("reasoning-details-empty", "details", in_every_delta("reasoning_details", [])),
    V("no-done", "done", chunks(lambda events: [e for e in events if e != "[DONE]"])),
    V("comments", "comment", rewriting(lambda event: b": keep-alive\n\n" + event)),
    V("comments-of-a-router", "comment", rewriting(lambda event: b": OPENROUTER PROCESSING\n\n" + event)),
    V("padding-comment", "comment", rewriting(lambda event: b":" + b" " * 2048 + b"\n\n" + event)),
    V("comment-inside-the-event", "comment", rewriting(lambda event: b": x\n" + event)),
    V("crlf", "lines", rewriting(lambda event: event.replace(b"\n", b"\r\n"))),
    V("no-space-after-data", "data", rewriting(lambda event: event.replace(b"data: ", b"data:", 1))),
    V("json-with-spaces-and-escapes", "data", rewriting(escaped)),
    V("one-event-on-many-data-lines", "data", rewriting(on_lines)),
    V("event-id-and-retry-fields", "fields", rewriting(framed)),
    V("more-blank-lines", "blank", rewriting(lambda event: event + b"\n\n")),
    V("blank-lines-after-done", "blank", rewriting(lambda e: e + b"\n\n\r\n" if b"[DONE]" in e else e)),
    V("unknown-sse-field", "fields", rewriting(lambda event: b"trace: 00-ab-cd-01\n" + event)),
    V("usage-in-every-chunk", "usage-place", chunks(counts_everywhere)),
    V("usage-beside-the-finish-reason", "usage-place", chunks(at_the_end)),
    V(
        "usage-null-nowhere",
        "usage-null",
        chunks(
            lambda events: [
                e if e == "[DONE]" or e.get("usage") else {k: v for k, v in e.items() if k != "usage"} for e in events
            ]
        ),
    ),
    V("finish-beside-the-last-text", "ends", chunks(early_end)),
    V("empty-first-and-last-deltas", "ends", chunks(empty_ends)),
    V("role-in-every-delta", "role", in_every_delta("role", "assistant")),
    V("role-null-in-later-deltas", "role", in_every_delta("role", None)),
    V("no-role-in-any-delta", "role", without_roles),
    V("content-null-in-every-delta", "content", in_every_delta("content", None)),
    V("content-empty-in-every-delta", "content", in_every_delta("content", "")),
    V("tool-calls-null-in-every-delta", "tool_calls", in_every_delta("tool_calls", None)),
    V("tool-calls-empty-in-every-delta", "tool_calls", in_every_delta("tool_calls", [])),
    V("reasoning-null-in-every-delta", "reasoning", in_every_delta("reasoning_content", None)),
    V("reasoning-empty-in-every-delta", "reasoning", in_every_delta("reasoning_content", "")),
    V(
        "finish-reason-empty-until-the-end",
        "finish",
        chunks(
            lambda events: [
                e
                if e == "[DONE]"
                else {**e, "choices": [{**c, "finish_reason": c["finish_reason"] or ""} for c in e["choices"]]}
                for e in events
            ]
        ),
    ),
    V("no-system-fingerprint", "fingerprint", documents(drop("system_fingerprint"))),
    V("system-fingerprint-null", "fingerprint", documents(put(system_fingerprint=None))),
    V("system-fingerprint-of-a-server", "fingerprint", documents(put(system_fingerprint="b6190-0a1b2c3d"))),
)

FIELDS = (
    V(
        "counts-with-a-prompt-of-the-gateway",
        "counts",
        counted(
            lambda usage: usage.update(
                prompt_tokens=usage["prompt_tokens"] + 3000, total_tokens=usage["total_tokens"] + 3000
            )
        ),
    ),
    V("finish-reason-of-another-api", "finish", documents(end_turn)),
    V("a-second-choice-of-words", "alternatives", chosen(put(native_finish_reason="STOP", content_filter_results={}))),
    V(
        "unknown-fields-on-top",
        "top",
        documents(put(provider="Acme", x_trace={"id": 1, "spans": []}, timings={"n": 1})),
    ),
    V(
        "unknown-fields-in-choices",
        "choice",
        chosen(put(matched_stop=None, stop_reason=None, token_ids=[1, 2], x=None)),
    ),
    V("unknown-fields-in-messages", "message", spoken(put(annotations=[], audio=None, provider_specific_fields={}))),
    V("unknown-fields-in-usage", "usage", counted(put(cost=0.0, queue_time=0.01, prompt_tokens_details=None))),
    V("unknown-fields-in-calls", "call", each_call(put(extra={"a": 1}, status="completed"))),
    V(
        "an-index-on-plain-calls",
        "call",
        plain(
            lambda value: [
                call.update(index=n) for n, call in enumerate(value["choices"][0]["message"].get("tool_calls") or [])
            ]
        ),
    ),
    V("null-fields", "message", spoken(put(refusal=None, function_call=None, audio=None, name=None))),
    V("no-refusal-field", "message", spoken(drop("refusal"))),
    V("no-logprobs-field", "choice", chosen(drop("logprobs"))),
    V(
        "tool-calls-null-in-messages",
        "no-calls",
        plain(lambda value: value["choices"][0]["message"].setdefault("tool_calls", None)),
    ),
    V(
        "tool-calls-empty-in-messages",
        "no-calls",
        plain(lambda value: value["choices"][0]["message"].setdefault("tool_calls", [])),
    ),
    V("content-empty-beside-calls", "beside", with_calls(put(content=""))),
    V("content-missing-beside-calls", "beside", with_calls(drop("content"))),
    V("content-a-line-end-beside-calls", "beside", with_calls(put(content="\n\n"))),
    V("created-a-float", "created", documents(put(created=1767225600.25))),
    V("created-zero", "created", documents(put(created=0))),
    V("completion-id-a-uuid", "id", documents(put(id="3f0c6f6e-0b7b-4c53-9d0e-0f6e2f9a4c11"))),
    V("completion-id-empty", "id", documents(put(id=""))),
    V("service-tier", "tier", documents(put(service_tier="default"))),
    V("no-object-in-plain-replies", "object", plain(drop("object"))),
    V(
        "cached-prompt",
        "usage",
        counted(
            put(
                prompt_tokens_details={"cached_tokens": 5, "audio_tokens": 0},
                completion_tokens_details={"reasoning_tokens": 0, "accepted_prediction_tokens": 0},
            )
        ),
    ),
    V("cache-counts-of-deepseek", "usage", counted(put(prompt_cache_hit_tokens=0, prompt_cache_miss_tokens=9))),
    V("counts-wander", "counts", counted(jittered)),
    V(
        "counts-as-floats",
        "counts",
        counted(lambda usage: usage.update({k: float(v) for k, v in usage.items() if isinstance(v, int)})),
    ),
    V("no-total", "counts", counted(drop("total_tokens"))),
    V(
        "total-with-hidden-reasoning",
        "counts",
        counted(lambda usage: usage.update(total_tokens=usage["total_tokens"] + 64)),
    ),
)

CALLS = (
    V("call-ids-of-digits", "call-id", with_ids(lambda number, call: str(10**9 + number))),
    V("call-ids-very-long", "call-id", with_ids(lambda number, call: f"call_{number}_" + "x" * 500)),
    V("call-ids-uuid", "call-id", with_ids(lambda number, call: f"chatcmpl-tool-{uuid.UUID(int=number + 7)}")),
    V("call-ids-of-kimi", "call-id", with_ids(lambda number, call: f"functions.{call['function']['name']}:{number}")),
    V("call-ids-of-nine-characters", "call-id", with_ids(lambda number, call: f"a1B2c3D4{number}")),
    V("arguments-with-blanks", "arguments", all_arguments(lambda text: json.dumps(json.loads(text), indent=2) + "\n")),
    V(
        "arguments-with-escapes",
        "arguments",
        all_arguments(lambda text: json.dumps(json.loads(text), ensure_ascii=True)),
    ),
    V(
        "arguments-in-another-order",
        "arguments",
        all_arguments(lambda text: json.dumps(dict(reversed(json.loads(text).items())), ensure_ascii=False)),
    ),
    V("arguments-in-one-delta", "deltas", rejoined(0)),
    V("arguments-a-character-at-a-time", "deltas", rejoined(1)),
    V("id-empty-in-later-deltas", "later", later_delta(put(id=""))),
    V("id-null-in-later-deltas", "later", later_delta(put(id=None))),
    V("id-again-in-later-deltas", "later", later_delta(lambda entry: None, again=True)),
    V("type-in-every-delta", "later-type", later_delta(put(type="function"))),
    V("type-null-in-later-deltas", "later-type", later_delta(put(type=None))),
    V("name-empty-in-later-deltas", "later-name", later_delta(lambda entry: entry["function"].update(name=""))),
    V("name-null-in-later-deltas", "later-name", later_delta(lambda entry: entry["function"].update(name=None))),
    V("stop-beside-a-call", "finish", documents(stop_beside_calls)),
    V("one-call-where-two-were-asked-for", "one", answered_by_one()),
)

MODELS = (
    V("a-word-of-thinking-before-each-call", "beside", friendly("<thinking> no, simply: I call it now.")),
    V("the-word-in-a-heading", "word", says(lambda text: f"## Answer\n\n- `{text}`\n\nLet me know if you need more!")),
    V("a-friendly-sentence-beside-the-call", "beside", friendly("Sure, I will look at that file now.")),
    V("the-word-in-quotes", "word", says(lambda text: f'"{text}"')),
    V("the-word-in-bold", "word", says(lambda text: f"**{text}**")),
    V("the-word-with-a-full-stop", "word", says(lambda text: f"{text}.")),
    V("the-word-in-a-fence", "word", says(lambda text: f"```\n{text}\n```\n")),
    V("the-word-after-a-sentence", "word", says(lambda text: f"Certainly! Here it is: {text}")),
    V("the-word-capitalised", "word", says(str.capitalize)),
    V("the-word-with-a-typographic-hyphen", "word", says(lambda text: text.replace("-", "\u2011"))),
    V("the-word-after-line-ends", "word", says(lambda text: f"\n\n{text}\n")),
    V("an-emoji-and-another-script", "word", says(lambda text: f"好的 👍 {text}")),
    V(
        "thinks-at-length",
        "reasoning",
        both(plain(lambda value: value["choices"][0]["message"].update(reasoning_content=THOUGHT)), chunks(thinks)),
    ),
    V("calls-once-more-before-it-answers", "again", call_again()),
)


VARIATIONS = {v.name: v for v in (*FIELDS, *CALLS, *MODELS, *STREAMS, *ROUTES, *HTTP)}
