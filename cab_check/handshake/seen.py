"""A recording as the checks look at it: chat completions with their replies read, model lists, what was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from cab_check.chat.errors import read_error
from cab_check.chat.reading import read_reply
from cab_check.chat.reply import Reply
from cab_check.handshake.wording import APART, Wanted, text_of, wanted
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Hop
from cab_check.knowledge.fingerprint import recognise
from cab_check.wire.again import asked_again
from cab_check.wire.exchange import Ask, Exchange, Recording

COMPLETIONS = "/chat/completions"
MODELS = "/models"
SAME_QUESTION = ("model", "messages", "tools", "tool_choice", "stream")
_USUAL = frozenset({"role", "content", "tool_calls", "name", "refusal"})
_USUAL_OF_A_CALL = frozenset({"id", "type", "function", "index"})
ADAPTABLE = ("max_tokens", "max_completion_tokens", "temperature", "stream_options")


@dataclass(frozen=True)
class Turn:
    """One chat completion: what was sent, and the reply as it was read."""

    exchange: Exchange
    request: Mapping[str, Any]
    reply: Reply

    @property
    def number(self) -> int:
        """The exchange's number."""
        return self.exchange.number

    @property
    def answered(self) -> bool:
        """A 2xx status line came, and no error instead of an answer. The form may still be wrong."""
        status = self.exchange.status
        return status is not None and 200 <= status < 300 and self.reply.error is None and not self.stopped_short

    @property
    def stopped_short(self) -> bool:
        """We stopped waiting for it, it was broken off by us, or nobody kept it."""
        ends = ("headers-timeout", "idle-timeout", "total-timeout", "too-large", "interrupted", "unrecorded")
        return self.exchange.end in ends

    @property
    def cut_at_limit(self) -> bool:
        """It ended at the output limit that we set, so it says nothing about what would have come."""
        return self.reply.finish_reason == "length"

    @property
    def streamed(self) -> bool:
        """Whether a stream was asked for."""
        return self.request.get("stream") is True

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        """The messages sent."""
        return [message for message in self.request["messages"] if isinstance(message, dict)]

    @cached_property
    def wanted(self) -> Wanted:
        """What the last message asked for, if it is phrased as we phrase it."""
        return wanted(self.messages)

    @cached_property
    def tools(self) -> dict[str, Mapping[str, Any]]:
        """JSON Schemas of the parameters of the offered tools, by tool name."""
        offered = self.request.get("tools")
        functions = (
            [tool.get("function") for tool in offered if isinstance(tool, dict)] if isinstance(offered, list) else []
        )
        return {
            function["name"]: function.get("parameters") or {}
            for function in functions
            if isinstance(function, dict) and isinstance(function.get("name"), str)
        }

    @property
    def apart(self) -> str | None:
        """The end of a question of ours about the request itself, if it ends in one."""
        last = text_of(self.messages[-1]) if self.messages else ""
        return next((end for end in APART if last.endswith(end)), None)

    @property
    def has_results(self) -> bool:
        """Whether the conversation ends in a tool's result, or holds one at all."""
        return any(message.get("role") == "tool" for message in self.messages)

    @property
    def gives_back_more(self) -> bool:
        """Whether the history holds reasoning, or fields of calls, that most clients leave out."""
        said = [message for message in self.messages if message.get("role") == "assistant"]
        listed = [message["tool_calls"] for message in said if isinstance(message.get("tool_calls"), list)]
        calls = [call for calls in listed for call in calls if isinstance(call, dict)]
        return any(set(message) - _USUAL for message in said) or any(set(call) - _USUAL_OF_A_CALL for call in calls)

    @property
    def limit(self) -> int | None:
        """The output limit that was sent."""
        for name in ("max_completion_tokens", "max_tokens"):
            if isinstance(self.request.get(name), int):
                return int(self.request[name])
        return None


class Seen:
    """One recording, read once. `memo` keeps the replies by exchange number while a recording grows."""

    def __init__(self, recording: Recording, memo: dict[int, Turn] | None = None) -> None:
        self.recording = recording
        self.facts = recording.facts
        self.exchanges = recording.exchanges
        self.unrecorded = sum(exchange.end == "unrecorded" for exchange in recording.exchanges)
        """How many replies another program's recording does not hold: nothing is judged of them."""
        self._memo = {} if memo is None else memo

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The chat completions that count: at the base path that answers, not those that were asked again better."""
        every = tuple(turn for turn in self.all_turns if turn.apart is None)
        if self.base_path != self.given_base_path:
            every = tuple(turn for turn in every if path_of(turn.exchange) == self.base_path + COMPLETIONS)
        every = tuple(turn for turn in every if turn.wanted.about is None)
        return tuple(turn for turn in every if not any(_replaces(other, turn) for other in every))

    def about(self, name: str) -> list[Turn]:
        """The chat completions that one check alone can judge, by its name for them; not those asked again better."""
        return [turn for turn in self.all_turns if turn.wanted.about == name and refused_param(turn) is None]

    @cached_property
    def apart(self) -> tuple[Turn, ...]:
        """The questions about the request itself, which only their own checks look at."""
        return tuple(turn for turn in self.all_turns if turn.apart is not None)

    @cached_property
    def all_turns(self) -> tuple[Turn, ...]:
        """Every chat completion that was asked for, whatever came of it; not redirects that were followed, nor what was
        refused for its rate and asked again, nor what was broken off here: that tells nothing of the endpoint."""
        followed = {exchange.follows_redirect for exchange in self.exchanges} | self._refused_for_rate.keys()
        kept = (e for e in self.exchanges if e.number not in followed and e.end not in ("unrecorded", "interrupted"))
        found = map(self._turn, kept)
        return tuple(turn for turn in found if turn is not None)

    @cached_property
    def lists(self) -> tuple[Exchange, ...]:
        """The requests for the list of models."""
        told = (e for e in self.exchanges if e.number not in self._refused_for_rate and e.end != "unrecorded")
        return tuple(e for e in told if e.sent.method == "GET" and path_of(e).endswith(MODELS))

    @cached_property
    def refused_params(self) -> frozenset[str]:
        """Parameters of our own questions that this endpoint has refused, so that they are left out from then on."""
        usual = (turn for turn in self.all_turns if turn.apart is None and turn.wanted.about != "limit")
        return frozenset(name for turn in usual if (name := refused_param(turn)))

    @cached_property
    def base_path(self) -> str:
        """The base path that questions go to: the one given, or the one found when that one did not answer."""
        given = self.given_base_path
        if any(turn.answered for turn in self.all_turns if path_of(turn.exchange) == given + COMPLETIONS):
            return given
        if not self.lists_at_given or any(speaks_api(exchange) for exchange in self.lists_at_given):
            return given
        elsewhere = [e for e in self.lists if path_of(e) != given + MODELS and e.follows_redirect is None]
        found = [exchange for exchange in elsewhere if speaks_api(exchange)]
        return path_of(found[0]).removesuffix(MODELS) if found else given

    @cached_property
    def lists_at_given(self) -> tuple[Exchange, ...]:
        """Those under the base path as it was given, with the key where one went out: the trial without it, before a
        guessed scheme is trusted with a key, may be refused for the want of it whatever the path."""
        here = tuple(e for e in self.lists if path_of(e) == self.given_base_path + MODELS)
        return tuple(e for e in here if e.sent.keyed) or here

    @cached_property
    def given_base_path(self) -> str:
        """The base path as it was given."""
        return unquote(urlsplit(self.facts.base_url).path).rstrip("/")

    @cached_property
    def hops(self) -> tuple[Hop, ...]:
        """What the requests went through, as far as it was recognised."""
        return recognise(self.recording)

    def answer_to(self, ask: Ask) -> Exchange | None:
        """The exchange in which `ask` went out (same method, path and bytes), or that its redirect led to."""
        base = self.base_path if ask.base_path is None else ask.base_path.rstrip("/")
        body = ask.payload()
        for exchange in self.exchanges:
            if exchange.number in self._refused_for_rate or (ask.with_key and self._lacked_key(exchange)):
                continue
            if (
                exchange.sent.method == ask.method
                and exchange.sent.body == body
                and path_of(exchange) == base + ask.route
            ):
                return next((other for other in self.exchanges if other.follows_redirect == exchange.number), exchange)
        return None

    @cached_property
    def _refused_for_rate(self) -> Mapping[int, int]:
        """Exchanges that a later one replaces: the same question, asked again after the wait that the refusal named."""
        return asked_again(self.exchanges)

    def _lacked_key(self, exchange: Exchange) -> bool:
        """Whether it went out and was answered before there was a key: then the same question is a new one."""
        return self.facts.key_given and not exchange.sent.keyed and exchange.status is not None

    def turn_for(self, ask: Ask) -> Turn | None:
        """The chat completion that `ask` led to."""
        exchange = self.answer_to(ask)
        return self._turn(exchange) if exchange else None

    def _turn(self, exchange: Exchange) -> Turn | None:
        if exchange.number not in self._memo:
            request = exchange.sent.json
            chat = exchange.sent.method == "POST" and path_of(exchange).endswith(COMPLETIONS)
            if not chat or not isinstance(request, dict) or not isinstance(request.get("messages"), list):
                return None
            self._memo[exchange.number] = Turn(exchange, request, read_reply(exchange))
        return self._memo[exchange.number]


def path_of(exchange: Exchange) -> str:
    """The path of the request, without a trailing slash."""
    return unquote(urlsplit(exchange.sent.url).path).rstrip("/")


def speaks_api(exchange: Exchange) -> bool:
    """Whether the reply to a request for the model list comes from such an API: a list, or its refusal in JSON."""
    if exchange.status is None or exchange.json is None:
        return False
    if exchange.ok:
        return listed(exchange) is not None
    return exchange.status in (401, 403) or (
        exchange.status in (400, 402, 429, 500, 503) and read_error(None, exchange.body) is not None
    )


def listed(exchange: Exchange) -> tuple[str, ...] | None:
    """The model ids in a reply to GET /models; None if it holds no such list."""
    entries = model_entries(exchange)
    return None if entries is None else tuple(entries)


def model_entries(exchange: Exchange) -> dict[str, Mapping[str, Any]] | None:
    """The entries of a reply to GET /models by id, in either of the shapes in use; None if it holds no such list."""
    value = exchange.json
    rows = value if isinstance(value, list) else None
    if isinstance(value, dict):
        rows = next((value[key] for key in ("data", "models") if isinstance(value.get(key), list)), None)
    if not exchange.ok or rows is None:
        return None
    named = ((row.get("id") or row.get("model") or row.get("name"), row) for row in rows if isinstance(row, dict))
    return {name: row for name, row in named if isinstance(name, str) and name}


def refused_param(turn: Turn) -> str | None:
    """The adaptable parameter of this request that its reply refuses."""
    if turn.reply.error is None or turn.exchange.status is None or turn.exchange.status < 400:
        return None
    headers = turn.exchange.got.headers if turn.exchange.got else ()
    found = classify_error(turn.reply.error, turn.exchange.status, headers, keyed=turn.exchange.sent.keyed)
    if found is None or found[0] != "param-rejected" or found[1] is None:
        return None
    name = found[1].split("=")[0].split(".")[0]
    return name if name in ADAPTABLE and name in turn.request else None


def _replaces(other: Turn, turn: Turn) -> bool:
    """Whether `other` tells what `turn` was to tell: the same question, without what was refused, or with more room.

    A request with more room that is itself refused (the context is too small for it) tells nothing and is replaced.
    """
    if other is turn or any(other.request.get(key) != turn.request.get(key) for key in SAME_QUESTION):
        return False
    if turn.exchange.status in (401, 403):
        return other.answered and other.number > turn.number  # another key has come since
    refused = refused_param(turn)
    if refused is not None:
        return refused not in other.request
    if turn.cut_at_limit:
        return other.answered and (other.limit or 0) > (turn.limit or 0)
    return other.cut_at_limit and not turn.answered and (turn.limit or 0) > (other.limit or 0)
