"""What is known of the agent CLIs: all of them in a table, and one of them in full. Eighty columns are enough."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from cab_check.base.plain import plain
from cab_check.report.figures import many, short
from cab_check.report.lines import hanging
from cab_check.tuis.effects import by_weight
from cab_check.tuis.profile import Echo, Effect, Message, Profile, Request, Setup
from cab_check.tuis.unmeasured import Unmeasured

Installed = Mapping[str, str | None]

BYTES_PER_TOKEN = 4
"""A rough rule, good for English prose: schemas can be denser."""

_ALL = 99
_TOP = ("name", "API", "stream", "tools", "tokens", "version", "measured", "here")
_WIDTHS = (18, 10, 7, 6, 8, 9, 11)
_API = {"chat": "chat completions", "responses": "responses", "messages": "Anthropic's messages"}
_CONTENT = {"text": "text", "parts": "parts", "null": "null", "missing": "left out", "empty": '""', "empty-list": "[]"}


def first_tokens(request: Request) -> str:
    """About how many tokens a request has, from its bytes."""
    return short(request.body_bytes / BYTES_PER_TOKEN)


def table(profiles: Iterable[Profile], installed: Installed, others: Iterable[Unmeasured], width: int) -> list[Text]:
    """One row for each CLI: what it speaks, about how large its first request is, measured when, installed which."""
    lines = [Text(_row(_TOP), style="bold")]
    lines += [Text(_row(cells(profile, installed.get(profile.name)))) for profile in profiles if profile.version]
    names = ", ".join(one.name for one in others)
    return [
        *lines,
        Text(),
        *hanging(
            "",
            "tools: how many, or a text protocol. tokens: about how many the first request has, bytes by four. "
            "here: the version installed on "
            "this machine, from its package; nothing was run.",
            width,
            limit=_ALL,
        ),
        *hanging("known, not measured: ", names, width, limit=_ALL),
        Text("More of one: cab-check tuis NAME"),
    ]


def cells(profile: Profile, installed: str | None) -> tuple[str, ...]:
    """The cells of one CLI's row, under `_TOP`."""
    tools = str(profile.request.tools.count) if profile.request.tools else "text"
    streamed = "yes" if profile.request.stream else "no"
    tokens = f"~{first_tokens(profile.request)}"
    measured = (profile.version, profile.measured_on)
    return (profile.name, profile.wire, streamed, tools, tokens, *measured, installed or "-")


def page(profile: Profile, installed: str | None, width: int) -> list[Text]:
    """Everything that is known of one CLI."""
    when = f", {profile.version} measured on {profile.measured_on}" if profile.version else ""
    lines = hanging("", f"{profile.name}: {profile.title} ({profile.product}){when}", width, limit=_ALL, style="bold")
    if profile.package:
        here = f"{installed} is installed here" if installed else "not found on this machine"
        lines += _fact("package", f"{profile.package.name} ({profile.package.registry}), {here}", width)
    if profile.aliases:
        lines += _fact("also", ", ".join(profile.aliases), width)
    lines += [Text(), Text("What it sends", style="bold"), *_request(profile.request, profile.wire, width)]
    lines += _further(profile, width)
    return [*lines, *_does(profile, width), *_closing(profile, width)]


def unknown_page(one: Unmeasured, width: int) -> list[Text]:
    """What is said of an agent that nobody measured."""
    return [
        *hanging("", f"{one.title} ({one.what}) was not measured: {one.why}.", width, limit=_ALL),
        *hanging("", one.hint, width, limit=_ALL),
        Text(f"See: cab-check tuis {one.nearest}"),
    ]


def as_row(profile: Profile, installed: str | None) -> dict[str, Any]:
    """One CLI of the table for `--json`."""
    request = profile.request
    return {
        "name": profile.name,
        "title": profile.title,
        "product": profile.product,
        "api": profile.wire,
        "streamed": request.stream,
        "tools": request.tools.count if request.tools else 0,
        "first_request_bytes": request.body_bytes,
        "first_request_tokens_about": request.body_bytes // BYTES_PER_TOKEN,
        "version_measured": profile.version,
        "measured_on": profile.measured_on,
        "version_installed": installed,
    }


def _row(row: Sequence[str]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(row, (*_WIDTHS, 0), strict=True)).rstrip()


def _fact(label: str, text: str, width: int) -> list[Text]:
    return hanging(f"  {label:11}", text, width, limit=_ALL)


def _request(request: Request, wire: str, width: int) -> Iterator[Text]:
    tools, limit = request.tools, request.output_limit
    yield from _fact("API", f"{_API[wire]}, {'streamed' if request.stream else 'not streamed'}", width)
    yield from _fact("size", f"about {first_tokens(request)} tokens ({request.body_bytes} bytes)", width)
    asked = f"{limit.field} = {limit.tokens}" if limit else "asks for no output limit"
    yield from _fact("limit", asked, width)
    if request.params:
        yield from _fact("parameters", ", ".join(f"{k}={_value(v)}" for k, v in request.params.items()), width)
    yield from _fact("messages", ", ".join(_message(message) for message in request.head), width)
    if tools:
        size = f"{many(tools.count, 'tool')}, {tools.bytes} bytes, schemas {tools.depth} levels deep"
        yield from _fact("tools", f"{size}: {', '.join(tools.names)}", width)
        kinds = [f"{name} ×{count}" for name, count in tools.types.items() if name != "function"]
        keys = [f"each with {key}" for key in tools.extra_keys]
        strict = [] if tools.strict is None else [f"strict: {str(tools.strict).lower()}"]
        extras = [*kinds, *keys, *strict]
        if extras:
            yield from _fact("", f"besides: {', '.join(extras)}", width)
        if tools.keywords:
            yield from _fact("keywords", ", ".join(f"{k} ×{n}" for k, n in tools.keywords.items()), width)
    if request.echo and tools:
        yield from _fact("next turn", _echo(request.echo), width)


def _message(message: Message) -> str:
    size = f"{message.chars} characters" if message.chars is not None else f"parts of {_sizes(message.parts)}"
    return f"{message.role} ({size})"


def _sizes(parts: Sequence[int]) -> str:
    return " + ".join(map(str, parts))


def _echo(echo: Echo) -> str:
    extras = [
        *(f"assistant: {name}={_value(value)}" for name, value in echo.assistant_extra.items()),
        *(f"result: {name}" for name in echo.tool_extra),
        *(f"call: {name}" for name in echo.call_extra),
    ]
    further = f"; further fields: {', '.join(extras)}" if extras else ""
    return f"the call comes back with content {_CONTENT[echo.assistant]}, its result as {_CONTENT[echo.tool]}{further}"


def _value(value: Any) -> str:
    return "null" if value == "<null>" else json.dumps(plain(value), ensure_ascii=False)


def _further(profile: Profile, width: int) -> Iterator[Text]:
    if profile.litellm_ids:
        yield from _fact("model id", "LiteLLM cuts its first segment: write openai/ before the whole id", width)
    if profile.edit_formats:
        yield from _fact("formats", f"relies on text formats: {', '.join(profile.edit_formats)}", width)
    for aside in profile.asides:
        size = f" (about {first_tokens(aside.request)} tokens)" if aside.request else ""
        routes = f": {', '.join(aside.routes)}" if aside.routes else ""
        yield from _fact("besides", f"{aside.what}{size}{routes}", width)
    for variant in profile.variants:
        tools = many(variant.request.tools.count, "tool") if variant.request.tools else "no tools"
        size = f"about {first_tokens(variant.request)} tokens, {tools}"
        yield from _fact("variant", f"{variant.name}: {_API[variant.wire]}, {size}; {variant.how}", width)


def _does(profile: Profile, width: int) -> Iterator[Text]:
    """What it did with each fault, worst first."""
    if not profile.effects:
        return
    yield from (Text(), Text("What it does when (worst first; in brackets the measurement)", style="bold"))
    last = ""
    for effect in by_weight(profile.effects):
        if effect.does != last:
            yield Text(f"  {effect.does}", style="bold")
            last = effect.does
        yield from hanging("    ", _finding(effect), width, limit=_ALL)
        yield from hanging("      ", f"{effect.says} [{effect.mode or effect.how}]", width, limit=_ALL)
    if profile.replies:
        yield Text("  with replies that no finding stands for", style="bold")
    for reply in profile.replies:
        yield from hanging("    ", reply.what + (f" ({reply.variant})" if reply.variant else ""), width, limit=_ALL)
        yield from hanging("      ", f"{reply.says} [{reply.mode}]", width, limit=_ALL)


def _finding(effect: Effect) -> str:
    """The findings that an effect belongs to, and what narrows them."""
    names = [f"{code}:{subject}" if subject else code for code, subject in effect.findings]
    narrow = ", ".join(filter(None, (effect.case, effect.variant)))
    return ", ".join(names) + (f" ({narrow})" if narrow else "")


def _closing(profile: Profile, width: int) -> Iterator[Text]:
    if profile.setups:
        yield from (Text(), Text("Failures of its own set-up, before a model is asked", style="bold"))
        for setup in profile.setups:
            yield from _setup(setup, width)
    for title, items in (("Not measured", profile.not_measured), ("How it was measured", profile.sources)):
        if items:
            yield from (Text(), Text(title, style="bold"))
            yield from (line for item in items for line in hanging("  ", item, width, limit=_ALL))


def _setup(setup: Setup, width: int) -> Iterator[Text]:
    shows = f"{setup.shows}; exit {setup.exit}" if setup.exit is not None else setup.shows
    yield from _fact("when", setup.when, width)
    yield from _fact("  shows", shows, width)
    yield from _fact("  mend", setup.mend, width)
