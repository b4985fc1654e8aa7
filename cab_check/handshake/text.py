"""What can be wrong with the text of a reply, whatever was asked."""

from __future__ import annotations

import re
import unicodedata

from cab_check.chat.markup import find_special_tokens, find_think
from cab_check.handshake.seen import Turn
from cab_check.handshake.wording import text_of
from cab_check.knowledge.finding import Evidence, Finding
from cab_check.knowledge.vocabulary import evidence, make

LOOPS = 8
_LOOP = re.compile(rf"(.{{1,60}}?)\1{{{LOOPS - 1},}}\s*\S{{0,60}}$", re.DOTALL)
_NOISE_SHARE = 0.1
_NOISE_SCRIPTS = 4
_CONTENT = "reply.choices[0].message.content"


def text_faults(turn: Turn) -> list[Finding]:
    """Template tokens, open reasoning and noise in the text of a reply."""
    text = turn.reply.content or ""
    sent = "".join(text_of(message) for message in turn.messages)
    found = []
    tokens = [mark.token for mark in find_special_tokens(text) if mark.token not in sent]
    if tokens:
        found.append(make("special-tokens-in-text", subject=tokens[0], evidence=[_at(turn, text)], confidence="high"))
    think = find_think(text)
    if think is not None and think.token not in sent and (_closes(think.token) or not text[: think.start].strip()):
        found.append(make("reasoning-in-text", evidence=[_at(turn, text)], confidence="high"))
    if is_noise(text, sent):
        found.append(make("text-garbled", evidence=[_at(turn, text)]))
    elif loops(text):
        found.append(make("repetition-loop", evidence=[_at(turn, text[-300:])]))
    return found


def _closes(token: str) -> bool:
    """A closing tag with no opening one is usual: many templates put the opening one into the prompt."""
    return "/" in token


def loops(text: str) -> bool:
    """Whether the text ends in the same short piece again and again."""
    return len(text) >= 80 and _LOOP.search(text[-1000:]) is not None


def is_noise(text: str, sent: str) -> bool:
    """Whether the text cannot be meant: undecodable or control characters, or letters of many scripts, unasked."""
    if len(text) < 8:
        return False
    broken = sum(_is_broken(char) for char in text)
    return broken / len(text) > _NOISE_SHARE or len(_scripts(text) - _scripts(sent)) >= _NOISE_SCRIPTS


def _is_broken(char: str) -> bool:
    return char == "\ufffd" or (char not in "\n\t\r" and unicodedata.category(char) in ("Cc", "Cn", "Co"))


def _scripts(text: str) -> set[str]:
    """The scripts of the letters, by the first word of their Unicode names."""
    letters = (char for char in text if char.isalpha())
    return {unicodedata.name(char, "?").split()[0] for char in letters}


def _at(turn: Turn, words: str) -> Evidence:
    return evidence(turn.number, _CONTENT, words)
