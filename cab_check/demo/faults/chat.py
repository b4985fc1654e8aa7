"""Faults of plain chat and of token counts: what a reply to one user message can have wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.network import delivered
from cab_check.demo.faults.parts import (
    both,
    calls,
    choice_deltas,
    choices,
    chunks,
    deltas,
    error,
    has_tools,
    is_usage,
    message,
    on_chat,
    plain,
    said,
    speak,
    written,
)

_NOISE = "д漢א\ufffdก\ufffdअ가\ufffdЖ"


def text_only(text: str | None) -> After:
    """This text in place of the model's, plain and streamed; calls stay."""

    def in_plain(value: Any) -> None:
        if not calls(value):
            speak(value, text)

    return both(
        plain(in_plain),
        chunks(lambda events: events if list(deltas(events)) else said(events, text or "")),
    )


def around(before: str, after: str) -> After:
    """The model's text between these two; calls stay."""

    def in_plain(value: Any) -> None:
        if not calls(value) and isinstance(message(value).get("content"), str):
            message(value)["content"] = before + message(value)["content"] + after

    def in_stream(events: list[Any]) -> list[Any]:
        spoken = [delta for delta in choice_deltas(events) if delta.get("content")]
        if spoken and not list(deltas(events)):
            spoken[0]["content"] = before + spoken[0]["content"]
            spoken[-1]["content"] += after
        return events

    return both(plain(in_plain), chunks(in_stream))


def _drop(name: str) -> After:
    """Plain completions whose choices lack a field, or which lack it themselves."""

    def change(value: Any) -> None:
        for holder in (value, *choices(value)):
            holder.pop(name, None)

    return plain(change)


def _counts(prompt: int, output: int) -> After:
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    return plain(lambda value: value.update(usage=dict(usage)))


FAULTS = (
    Fault(
        "response-not-json",
        "response-not-json",
        "A completion's body ends in the middle of its JSON.",
        after=on_chat(written(200, b'{"id": "x", "choices": [')),
    ),
    Fault(
        "response-not-json-empty",
        "response-not-json",
        "A completion's body is empty, under status 200.",
        after=on_chat(written(200, b"")),
    ),
    Fault(
        "response-not-json-broken-off",
        "response-not-json",
        "The connection breaks in the middle of a completion's body.",
        after=delivered(lambda how: replace(how, breaks_off=True), lambda body: not body.get("stream")),
    ),
    Fault(
        "response-shape",
        "response-shape",
        "A completion comes without its choices.",
        after=_drop("choices"),
        subject="choices",
    ),
    Fault(
        "response-shape-message",
        "response-shape",
        "A completion's choice comes without its message.",
        after=_drop("message"),
        subject="message",
    ),
    Fault(
        "error-in-success",
        "error-in-success",
        "An error object comes under status 200.",
        after=on_chat(error(200, "something broke inside")),
    ),
    Fault("empty-reply", "empty-reply", "Replies hold no text where text was asked for.", after=text_only(None)),
    Fault(
        "safety-blocked",
        "safety-blocked",
        "A content filter refuses ordinary questions.",
        after=on_chat(error(400, "The response was filtered by the content management policy.", code="content_filter")),
    ),
    Fault(
        "special-tokens-in-text",
        "special-tokens-in-text",
        "The template's end token stands at the end of the text.",
        after=around("", "<|im_end|>"),
        subject="<|im_end|>",
    ),
    Fault(
        "repetition-loop",
        "repetition-loop",
        "The model repeats one sentence until the output limit.",
        after=text_only("I will now read the file again. " * 120),
    ),
    Fault("text-garbled", "text-garbled", "The text is noise in many scripts.", after=text_only(_NOISE)),
    Fault(
        "instruction-ignored",
        "instruction-ignored",
        "The model answers with small talk, whatever it is told to say.",
        after=both(
            plain(lambda value: speak(value, "Sure, happy to help!"), lambda body: not has_tools(body)),
            chunks(lambda events: said(events, "Sure, happy to help!"), lambda body: not has_tools(body)),
        ),
    ),
    Fault(
        "unrecognised",
        "unrecognised",
        "Completions are refused in words that nobody knows.",
        after=on_chat(error(400, "Flux capacitor misaligned")),
    ),
    Fault(
        "usage-missing",
        "usage-missing",
        "Plain replies carry no token counts.",
        after=_drop("usage"),
        subject="plain",
    ),
    Fault(
        "usage-missing-stream",
        "usage-missing",
        "Streams carry no token counts, although they were asked for.",
        after=chunks(lambda events: [event for event in events if not is_usage(event)]),
        subject="stream",
    ),
    Fault("usage-implausible", "usage-implausible", "All token counts are zero.", after=_counts(0, 0)),
    Fault(
        "usage-implausible-constant",
        "usage-implausible",
        "The token counts are the same for every request.",
        after=_counts(11, 9),
    ),
)
