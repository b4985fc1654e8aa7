"""What is known of one agent CLI: the dataclasses behind `profiles/NAME.toml`.

Only what was measured on the wire, or read in the CLI's own source, stands in a profile. What is not there is not
known, and a verdict that would need it is `unknown`. `docs/tuis.md` describes the file for those who write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Wire = Literal["chat", "responses", "messages"]
Does = Literal[
    "recovers",
    "tells the model",
    "stops with a message",
    "stops in silence",
    "repeats without end",
    "acts on damaged arguments",
    "damages files",
    "takes it as the answer",
]
How = Literal["measured", "source"]
Case = Literal["one-chunk", "empty", "reasoning-only", "passing", "always", "malformed", "no-start", "no-stream"]
Content = Literal["text", "null", "missing", "empty", "empty-list", "parts"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a request, its text given by length: `chars` of one string, or `parts` of a list of text parts."""

    role: str
    chars: int | None = None
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request. `bytes`: of their JSON together. `keywords`: JSON Schema keywords beyond type,
    properties, required, description and how often each stands there; `depth` counts every level of a schema.
    """

    count: int
    bytes: int
    depth: int
    names: tuple[str, ...] = ()
    keywords: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    extra_keys: tuple[str, ...] = ()
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """The output limit that it asks for: the field's name, and its value in tokens without any setting."""

    field: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Echo:
    """How the turn after a tool's result gives back the call and the result.

    `assistant` and `tool` are the forms of the two contents; the extras are further keys of the two messages and of
    each call, with their values.
    """

    assistant: Content
    tool: Content
    assistant_extra: Mapping[str, Any] = field(default_factory=dict)
    tool_extra: tuple[str, ...] = ()
    call_extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """The shape of one request. `params` are those beside model, messages, tools, stream and the output limit."""

    stream: bool
    head: tuple[Message, ...]
    body_bytes: int
    params: Mapping[str, Any] = field(default_factory=dict)
    tools: Tools | None = None
    output_limit: OutputLimit | None = None
    echo: Echo | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """Another way in which the same CLI speaks, and the setting that makes it do so."""

    name: str
    how: str
    wire: Wire
    request: Request


@dataclass(frozen=True, slots=True)
class Aside:
    """A request that it makes besides the conversation: a title, a summary, a look at the model list."""

    what: str
    request: Request | None = None
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What it does to its user when the endpoint shows one fault.

    `code` and `subject` are those of the finding (`subject` None: whatever the subject). `also` names further findings,
    each `code` or `code:subject`, that reach it as the same reply in other words. `says` continues a sentence that
    begins with the CLI's name. `mode` names the measurement; `exit` is the exit code that was seen, None where the time
    limit ended it; `requests` how many were made, all asides included.

    `case` narrows the finding further than its subject does: the call came in one chunk; the id was there and empty;
    the reply held reasoning only; the fault passed after a few requests, or came in every reply; the format was
    followed, with a mistake; all that a stream lacks is its first event; what came is no reply of that API.
    `variant` is the variant of the CLI that was measured, None for its usual way. `loses_call`: the model is told of a
    mistake that it did not make, so nothing that it does next helps.
    """

    code: str
    does: Does
    says: str
    subject: str | None = None
    also: tuple[str, ...] = ()
    case: Case | None = None
    variant: str | None = None
    loses_call: bool = False
    how: How = "measured"
    mode: str | None = None
    exit: int | None = None
    requests: int | None = None

    @property
    def findings(self) -> tuple[tuple[str, str | None], ...]:
        """The findings that it is an effect of, as (code, subject)."""
        further = (name.partition(":") for name in self.also)
        return ((self.code, self.subject), *((code, subject or None) for code, _, subject in further))


@dataclass(frozen=True, slots=True)
class Reply:
    """What it did with a reply that no finding stands for; `what` describes the reply, the rest is as in Effect."""

    mode: str
    what: str
    does: Does
    says: str
    variant: str | None = None
    exit: int | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """A failure of the CLI's own set-up, in which no model is called: when it comes, what it shows, what mends it."""

    when: str
    shows: str
    mend: str
    exit: int | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """Where it is installed from, and the command that it puts on the path."""

    registry: Literal["npm", "pypi"]
    name: str
    command: str


@dataclass(frozen=True)
class Profile:
    """One agent CLI. `dialect` names the dialect of cab-check's own loop that is nearest, None where none is built.

    `edit_formats` are the text protocols that it relies on instead of tools (subjects of `edit-format-unfollowed`).
    `litellm_ids`: LiteLLM cuts the first segment of the model id before it is sent.
    """

    name: str
    title: str
    product: str
    version: str
    measured_on: str
    wire: Wire
    request: Request
    package: Package | None = None
    dialect: str | None = None
    edit_formats: tuple[str, ...] = ()
    litellm_ids: bool = False
    user_agent: str | None = None
    aliases: tuple[str, ...] = ()
    asides: tuple[Aside, ...] = ()
    variants: tuple[Variant, ...] = ()
    effects: tuple[Effect, ...] = ()
    replies: tuple[Reply, ...] = ()
    setups: tuple[Setup, ...] = ()
    not_measured: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def uses_tools(self) -> bool:
        """Whether its requests offer tools."""
        return self.request.tools is not None
