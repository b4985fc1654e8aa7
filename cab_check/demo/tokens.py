"""How the demo counts tokens: a stated estimate, since there is no tokenizer, and the same one everywhere.

A text costs one token per four bytes of UTF-8, rounded up. A message costs its text, its tool calls (name and
arguments) and 4 tokens of frame; the offered tools cost their definitions as compact JSON; a request costs 3 more.
Four bytes per token is the usual rule of thumb for English:
https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them
"""

from __future__ import annotations

from collections.abc import Iterable

from cab_check.demo.conversation import Call, ChatRequest
from cab_check.demo.http import compact

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
REQUEST_TOKENS = 3


def count(text: str) -> int:
    """Tokens of `text`."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def count_calls(calls: Iterable[Call]) -> int:
    """Tokens of tool calls in a reply or in the history."""
    return sum(count(call.name) + count(call.arguments) for call in calls)


def count_prompt(request: ChatRequest) -> int:
    """Tokens of everything that the request puts before the model."""
    messages = sum(MESSAGE_TOKENS + count(item.text) + count_calls(item.calls) for item in request.messages)
    tools = sum(
        count(compact({"name": tool.name, "description": tool.description, "parameters": tool.parameters}))
        for tool in request.tools
    )
    return REQUEST_TOKENS + messages + tools


def cut(text: str, tokens: int) -> str:
    """The longest beginning of `text` that costs at most `tokens`, never through the middle of a character."""
    return text.encode("utf-8", "surrogatepass")[: tokens * BYTES_PER_TOKEN].decode("utf-8", "ignore")
