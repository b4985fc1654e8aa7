"""The dialect "tool-calling": actions are tool calls of chat completions, results are messages of the role `tool`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cab_check.agent.dialect import Action, Step, Work
from cab_check.agent.tools import TOOLS
from cab_check.base.text import one_line
from cab_check.chat.build import Message, assistant_calls, system, user
from cab_check.chat.reply import Reply, ToolCall

SYSTEM_PROMPT = """\
You are a coding agent. You work alone, in the directory {workdir}, until the task you are given is done.
Everything you do goes through the tools; the machine has no network, and nobody answers questions.
Look at the files before you change them. Change what the task needs and leave the rest as it is.
Check your work by running it where you can.
When the task is done, answer with a short summary and without a tool call: that ends your work."""


class ToolCalling:
    """The dialect of most agents: four tools, offered in every request."""

    name = "tool-calling"
    malformed_in_a_row = 3

    @property
    def prompt_hash(self) -> str:
        """SHA-256 over the system prompt, before the work directory is filled in, and the tools' JSON."""
        said = SYSTEM_PROMPT + json.dumps(offered(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()

    def begin(self, work: Work) -> ToolTalk:
        """The talk of one run; the model looks at the files itself."""
        return ToolTalk(work)


def offered() -> list[dict[str, Any]]:
    """The tools as they stand in a request."""
    return [tool.as_json() for tool in TOOLS.values()]


class ToolTalk:
    """One run in this dialect."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._called = False

    def opening(self) -> list[Message]:
        """A system message of ours, then the task's instruction as it is."""
        return [system(SYSTEM_PROMPT.format(workdir=self._work.workdir)), user(self._work.instruction)]

    def tools(self) -> list[dict[str, Any]]:
        """All of them, every time."""
        return offered()

    def echo(self, reply: Reply) -> Message:
        """The reply as history, its calls with the ids and arguments that came.

        `reasoning_content` goes back with tool calls only: DeepSeek and Kimi refuse a tool turn without it,
        and no other server gets a field that it did not send itself.
        """
        if not reply.tool_calls:
            return {"role": "assistant", "content": reply.content or ""}
        message = assistant_calls(reply.tool_calls, reply.content)
        if reply.reasoning and reply.reasoning_field == "reasoning_content":
            message["reasoning_content"] = reply.reasoning
        return message

    def read(self, reply: Reply) -> Step:
        """The calls as actions, all of them or, if one is wrong, none. A whole text without a call means done."""
        if unanswerable := _unanswerable(reply.tool_calls):
            return Step(malformed=unanswerable)
        if reply.finish_reason == "length":
            return _refuse_all(reply, "The reply was cut off at the limit of its length. Do less in one reply.")
        if not reply.tool_calls and not reply.content:
            return _refuse_all(reply, "The reply was empty. Call a tool, or answer in text if the task is done.")
        read = {call.id: _action(call) for call in reply.tool_calls}
        wrong = {call_id: action for call_id, action in read.items() if isinstance(action, str)}
        if wrong:
            spared = "Not carried out: another call of the same reply was wrong."
            told = tuple(_result(id_, wrong.get(id_, spared)) for id_ in read)
            return Step(messages=told, malformed=" ".join(wrong.values()))
        how = "said that it was done" if self._called else "answered without ever calling a tool"
        actions = tuple(action for action in read.values() if isinstance(action, Action))
        return Step(actions, last=not actions, detail=f"the model {how}")

    def observe(self, action: Action, outcome: str, ok: bool) -> Message:
        """A message of the role `tool`, under the call's own id."""
        self._called = True
        return _result(action.call_id, outcome)


def _result(call_id: str, text: str) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def _refuse_all(reply: Reply, why: str) -> Step:
    told = tuple(_result(call.id, why) for call in reply.tool_calls) or (user(why),)
    return Step(messages=told, malformed=why)


def _unanswerable(calls: Sequence[ToolCall]) -> str | None:
    """Why no result can be sent for these calls. Not the model's words but the endpoint's form: no use to tell it."""
    ids = [call.id for call in calls]
    if not all(isinstance(id_, str) and id_ for id_ in ids):
        return "the endpoint sent a tool call without an id, so its result cannot be sent back"
    if len(set(ids)) < len(ids):
        return "the endpoint sent two tool calls with the same id, so their results cannot be told apart"
    if not all(isinstance(call.arguments, str) for call in calls):
        return "the endpoint sent the arguments of a tool call as something other than a JSON string"
    return None


def _action(call: ToolCall) -> Action | str:
    """The call as an action, or what is wrong with it in words for the model."""
    tool = TOOLS.get(call.name) if isinstance(call.name, str) else None
    if tool is None:
        return f"There is no tool {one_line(str(call.name), 80)}; there are {', '.join(TOOLS)}."
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError) as failure:
        return f"The arguments of {tool.name} are not JSON: {failure}."
    if not isinstance(arguments, dict):
        return f"The arguments of {tool.name} must be a JSON object."
    return tool.complaint(arguments) or Action(tool.name, arguments, call.id)
