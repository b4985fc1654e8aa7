"""The agent loop: ask the model, do what it wants, tell it what came of it, until it is done or a ceiling is met.

The list of messages is the trajectory. Nothing is retried: a request that fails ends the run, in words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cab_check.agent.dialect import Action, Dialect, Step, Work
from cab_check.agent.hands import perform, working_directory
from cab_check.agent.meter import Ending, Meter
from cab_check.agent.result import AgentEnd, AgentLimits, AgentResult, ModelCall
from cab_check.base.plain import plain
from cab_check.base.progress import Progress
from cab_check.base.spans import Trace
from cab_check.base.text import one_line
from cab_check.chat.build import Message, chat
from cab_check.chat.reading import read_reply
from cab_check.chat.reply import ApiError, Reply, Usage
from cab_check.sandbox.box import Box
from cab_check.wire.budget import BudgetReached
from cab_check.wire.exchange import Ask, Asker, Exchange

_CEILINGS: dict[str, AgentEnd] = {"max-requests": "requests", "max-tokens-total": "tokens", "max-cost": "cost"}
_FIRST_TOKENS = ("content", "reasoning", "tool")


class AgentRun:
    """One model at work on one instruction. What endpoint or model do wrong is a result, not an error.

    Whoever cancels `work` can still have `result_so_far`.
    """

    def __init__(
        self,
        asker: Asker,
        box: Box,
        dialect: Dialect,
        *,
        model: str,
        limits: AgentLimits,
        trace: Trace,
        progress: Progress,
        stream: bool = True,
    ) -> None:
        self._asker, self._box, self._dialect = asker, box, dialect
        self._model, self._limits, self._stream = model, limits, stream
        self._trace, self._progress = trace, progress
        self._meter = Meter(limits, dialect.malformed_in_a_row)
        self._talk = dialect.begin(Work("", ""))
        self._messages: list[Message] = []
        self._calls: list[ModelCall] = []
        self._active_s = 0.0
        self._final_text = ""

    async def work(
        self, instruction: str, files: Mapping[str, bytes] | None = None, editable: Sequence[str] = ()
    ) -> AgentResult:
        """Work until there is an ending. Raises CannotRun if the box does not work; cancelling unwinds.

        `files` is what the work directory holds, for a dialect that shows files to the model; `editable` are those
        that the task is about.
        """
        workdir = await working_directory(self._box, self._limits.command_s)
        self._talk = self._dialect.begin(Work(instruction, workdir, files or {}, tuple(editable)))
        self._say(*self._talk.opening())
        self._meter = Meter(self._limits, self._dialect.malformed_in_a_row)
        while True:
            if ending := self._meter.reached() or await self._turn():
                return self._result(ending)

    def result_so_far(self) -> AgentResult:
        """What a run that was cancelled had done by then."""
        return self._result(Ending("interrupted", f"interrupted in turn {self._meter.turns}"))

    async def _turn(self) -> Ending | None:
        """One request and everything that its reply asks for."""
        self._meter.turns += 1
        try:
            exchange, reply = await self._query()
        except BudgetReached as reached:
            self._meter.turns -= 1  # it was not sent
            return Ending(_CEILINGS[reached.stopped_by], reached.message)
        if failure := _failure(exchange, reply):
            return self._meter.out_of_time() or Ending("endpoint", failure)
        self._say(self._talk.echo(reply))
        return await self._take(self._talk.read(reply))

    async def _take(self, step: Step) -> Ending | None:
        """Do what a reply comes to. An action that fails on the last step keeps it from being the last."""
        said = str(self._messages[-1]["content"])
        done, ending = await self._act(step.actions)
        self._say(*step.messages)
        if ending is not None:
            return ending
        if step.malformed is not None:
            ending = self._meter.ill_formed(step.malformed)
            return ending if step.messages else Ending("malformed", step.malformed)
        if step.last and not done:
            return self._meter.ill_formed("what it asked for could not be done")
        self._meter.well_formed()
        if step.last:
            self._final_text = said
            return Ending("finished", step.detail)
        return None

    async def _query(self) -> tuple[Exchange, Reply]:
        """Send the conversation as it stands, and account for it."""
        body = chat(
            self._model,
            self._messages,
            tools=self._talk.tools(),
            stream=self._stream,
            max_tokens=self._limits.completion_tokens,
        )
        ask = Ask("POST", "/chat/completions", body)
        payload = ask.payload()
        request_hash = hashlib.sha256(payload).hexdigest()
        facts = {"model": self._model, "request_hash": request_hash}
        total_s = min(self._limits.request_s, self._meter.left_s())
        with (
            watched(self._progress, f"turn {self._meter.turns}: waiting for the model"),
            self._trace.span("model_call", self._model, **facts) as attributes,
        ):
            exchange = await self._asker.send(ask, total_s=total_s)
            reply = read_reply(exchange)
            call = _model_call(exchange, reply, request_hash)
            attributes.update(plain(call))
            if _answered(reply):
                self._calls.append(call)
                self._meter.charge(call.tokens, len(payload) + len(exchange.body))
        return exchange, reply

    async def _act(self, actions: Sequence[Action]) -> tuple[bool, Ending | None]:
        """Carry out the actions in their order, as long as there is time: whether all went well, and any end."""
        all_well = True
        for action in actions:
            if ending := self._meter.out_of_time():
                return all_well, ending
            about = one_line(str(action.arguments.get("command", action.arguments.get("path", ""))), 120)
            with (
                watched(self._progress, f"turn {self._meter.turns}: {action.name} {one_line(about, 60)}"),
                self._trace.span("tool_call", action.name, call_id=action.call_id, about=about) as attributes,
            ):
                outcome = await perform(action, self._box, min(self._limits.command_s, self._meter.left_s()))
                attributes.update(ok=outcome.ok, exit_code=outcome.exit_code, limit=outcome.limit)
                attributes["active_ms"] = outcome.active_s * 1000
            all_well &= outcome.ok
            self._active_s += outcome.active_s
            told = self._talk.observe(action, outcome.text, outcome.ok)
            self._say(*([told] if told is not None else []))
        return all_well, None

    def _say(self, *messages: Message) -> None:
        self._messages += map(_encodable, messages)

    def _result(self, ending: Ending) -> AgentResult:
        return AgentResult(
            end=ending.end,
            detail=ending.detail,
            turns=self._meter.turns,
            calls=tuple(self._calls),
            messages=tuple(self._messages),
            prompt_hash=self._dialect.prompt_hash,
            malformed=self._meter.malformed,
            final_text=self._final_text,
            active_s=self._active_s,
        )


@contextmanager
def watched(progress: Progress, label: str) -> Iterator[None]:
    """Show one step of the loop while it lasts; there is never more than one."""
    progress.begin("agent", label)
    try:
        yield
    finally:
        progress.end("agent")


def _encodable(message: Message) -> Message:
    """`message` with halves of surrogate pairs joined or, where the other half is missing, replaced.

    JSON may hold them, and streams cut pairs in two; as UTF-8 they could be neither sent nor stored.
    """
    text = json.dumps(message, ensure_ascii=False)
    whole: Message = json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    return whole


def _answered(reply: Reply) -> bool:
    """Whether a model produced anything at all: only then was it called."""
    return reply.error is None and (reply.whole or reply.usage is not None or reply.finish_reason is not None)


def _failure(exchange: Exchange, reply: Reply) -> str | None:
    """Why there is no reply to act on, with the server's own words; None if there is one."""
    status = f"HTTP {exchange.status}" if exchange.status is not None else "no reply"
    if reply.error is not None:
        return f"{status}: {_words(reply.error)}"
    if exchange.end != "complete":
        return f"{status}, {exchange.end}: {one_line(exchange.detail, 300)}"
    if not exchange.ok:
        return f"{status}: {one_line(exchange.text, 300)}"
    if not _answered(reply):
        return f"{status}, but no chat completion: {one_line(exchange.text, 200) or 'an empty body'}"
    if reply.finish_reason == "content_filter":
        return f"{status}, but the endpoint's content filter stopped the reply"
    return None


def _words(error: ApiError) -> str:
    """The server's own message, and that of the hop behind it where it does not repeat it."""
    said: list[str] = []
    for hop in reversed(error.chain):
        words = one_line(hop.message or hop.type or "an error without words", 300)
        if not any(words in before for before in said):
            said.append(words)
    return "; behind it: ".join(said)


def _model_call(exchange: Exchange, reply: Reply, request_hash: str) -> ModelCall:
    usage = reply.usage or Usage()
    return ModelCall(
        exchange=exchange.number,
        timestamp=exchange.started_at,
        request_hash=request_hash,
        prompt_tokens=_count(usage.prompt),
        completion_tokens=_count(usage.completion),
        latency_ms=exchange.times.end,
        first_token_ms=next((delta.at_ms for delta in reply.deltas if delta.kind in _FIRST_TOKENS), None),
        finish_reason=reply.finish_reason,
    )


def _count(tokens: int | None) -> int | None:
    """A count that can be true: less than nothing is no count."""
    return tokens if tokens is not None and tokens >= 0 else None
