"""The scripted model: it does what it is told as far as its patterns reach, and says so where they end.

It keeps nothing between requests: all it knows is in the messages. In order: work on files (`solver`), calls that
the user asks for, what a tool returned, text that was ordered, values stated earlier, and else what it is.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from cab_check.demo.arguments import fill
from cab_check.demo.asking import calls_asked
from cab_check.demo.conversation import Answer, Asked, ChatRequest, Message, Tool
from cab_check.demo.exact import exact_reply
from cab_check.demo.history import Step, steps_of
from cab_check.demo.literals import window
from cab_check.demo.longtext import long_text
from cab_check.demo.recall import recall
from cab_check.demo.schema import kind_of, resolve
from cab_check.demo.solver import solve
from cab_check.demo.toolbox import Kind, kinds

WHAT_I_AM = (
    "I am the scripted demo model of cab-check, not a language model. I can repeat text exactly, write text of a "
    "given length, count, do a sum, recall values that were stated, call tools that are offered, and edit files when "
    "told what to put where. I found no such instruction in your message."
)
_SIDE_JOB = re.compile(
    r"(?:generat|writ|creat|produc|summari[sz])\w*[^.\n]{0,80}\b(?:title|commit message|name for|summary)s?\b|"
    r"\btitle generator\b",
    re.IGNORECASE,
)
_SUM = re.compile(r"(?<![\w.])(-?\d{1,15})\s*([-+*x×/])\s*(-?\d{1,15})(?![\w.]\d)")
_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    **dict.fromkeys("*x×", operator.mul),
}
_ONLY = re.compile(r"\b(?:exactly|only|just|nothing else|verbatim|word for word)\b", re.IGNORECASE)
_OF_A_TOOL = re.compile(
    r"\b(?:tool|result|file|output|returned|return|said|say|says|read|contain|contents?)\b", re.IGNORECASE
)
_GREETING = re.compile(r"\s*(?:hi|hello|hey|ping|test|good (?:morning|day|evening))\b[\s,.!?\w]{0,24}$", re.IGNORECASE)


def answer(request: ChatRequest) -> Answer:
    """What the model says to `request`: text or calls, within what the tool choice allows."""
    at = max((index for index, item in enumerate(request.messages) if item.role == "user"), default=-1)
    ask = window(request.messages[at].text) if at >= 0 else ""
    turn = request.messages[at + 1 :]
    said = _freely(request, ask, turn)
    if request.choice == "required" and (not said.calls or _other_than_named(request, said)):
        said = Answer(calls=(_forced(request, ask, said),))
    return said if request.parallel else Answer(said.text, said.calls[:1])


def _freely(request: ChatRequest, ask: str, turn: tuple[Message, ...]) -> Answer:
    tools = request.tools if request.choice != "none" else ()
    if not request.tools and _SIDE_JOB.search(request.system[:600]):
        return Answer("Apply the requested edit")
    worked = solve(request, tools)
    if worked is not None:
        return worked
    asked = calls_asked(ask, tools)
    made = [step.call.name for step in steps_of(turn) if not _refused(step, tools)]
    rest = asked[len(made) :] if made == [call.name for call in asked[: len(made)]] else ()
    if rest:
        return Answer(calls=rest)
    results = [message for message in turn if message.role == "tool"]
    return Answer(_report(request, ask, results) if results else _text(request, ask))


def _refused(step: Step, tools: tuple[Tool, ...]) -> bool:
    """Whether a call came back with an error because it was broken itself: then it is made again."""
    offered = {tool.name: resolve(tool.parameters, tool.parameters) for tool in tools}
    schema = offered.get(step.call.name)
    if not step.failed or schema is None:
        return step.failed
    known, given = schema.get("properties", {}), step.call.arguments
    words = {name for name, item in known.items() if kind_of(item) == "string"}
    mistyped = any(not isinstance(value, str) for name, value in given.items() if name in words)
    return mistyped or not set(schema.get("required", ())) <= set(given)


def _text(request: ChatRequest, ask: str) -> str:
    ordered = exact_reply(ask) or long_text(ask) or _sum(ask) or recall(request, ask)
    if ordered is not None:
        return ordered
    earlier = [message for message in request.messages if message.role == "tool"]
    if earlier and _OF_A_TOOL.search(ask):
        return _report(request, ask, earlier)
    return "Hello! " + WHAT_I_AM if _GREETING.match(ask) else WHAT_I_AM


def _sum(ask: str) -> str | None:
    found = _SUM.search(ask)
    if found is None:
        return None
    left, right = int(found[1]), int(found[3])
    if found[2] == "/":
        return f"{left / right:g}" if right else None
    return str(_OPERATIONS[found[2]](left, right))


def _report(request: ChatRequest, ask: str, results: list[Message]) -> str:
    """What the tools returned, with nothing around it where the user wants only that."""
    if _ONLY.search(ask):
        return "\n".join(result.text.strip() for result in results)
    names = {call.id: call.name for message in request.messages for call in message.calls}
    boxes = kinds(request.tools)
    lines = []
    for result in results:
        name = names.get(result.call_id, "tool")
        source = "file" if boxes.get(name) is Kind.READ else f"{name} tool"
        lines.append(f"The {source} says: {result.text.strip()}")
    return "\n".join(lines)


def _other_than_named(request: ChatRequest, said: Answer) -> bool:
    return request.named is not None and any(call.name != request.named for call in said.calls)


def _forced(request: ChatRequest, ask: str, said: Answer) -> Asked:
    """A call where one must be made: the named tool, else one for finishing, else the first."""
    boxes = kinds(request.tools)
    finishing = [tool for tool in request.tools if boxes[tool.name] is Kind.FINISH]
    named = [tool for tool in request.tools if tool.name == request.named]
    tool: Tool = (named or finishing or list(request.tools))[0]
    asked = [call for call in calls_asked(ask, request.tools) if call.name == tool.name]
    if asked:
        return asked[0]
    finishes = boxes[tool.name] is Kind.FINISH
    return Asked(tool.name, fill(tool.parameters, ask, fallback=said.text if finishes else None))
