"""What a user wants to hear word for word: "Reply with exactly: X", "Say X", "Repeat the following: X"."""

from __future__ import annotations

import re

from cab_check.demo.literals import MASK, literals, mask

_VERB = r"(?:reply|respond|answer|say|output|return|print|write|repeat|echo|send|type)"
_OBJECT = (
    r"(?:word|words|text|string|phrase|line|lines|sentence|message|number|token|character|characters|letters?|block)"
)
_ASKED = re.compile(
    rf"\b{_VERB}\b(?:\s+(?:back|me|after|with|in|by|using|exactly|only|just|verbatim|simply|nothing|but|"
    rf"the|this|these|a|one|single|exact|following|json|decoded|{_OBJECT}|for|as|it|is|and|else|no|other|to|letter|saying))*"
    r"(?:,[^:.\n\x00]{1,80}(?=:))?\s*,?\s*",
    re.IGNORECASE,
)
_SAY = re.compile(r"\s*(?:please\s+)?(?:now\s+)?(?:just\s+|simply\s+)?(?:say|echo|repeat)\s+", re.IGNORECASE)
_FIRM = re.compile(r"\b(?:exactly|only|just|verbatim|word|nothing but|after me|following)\b", re.IGNORECASE)
_TAIL = re.compile(
    r"[,.;]?\s*(?:and|with|\()?\s*(?:nothing else|nothing more|no other (?:text|words)|only that|no punctuation)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_REFERS = re.compile(
    r"(?:\d+[ -]|two|three|four|five|ten|the|what|whatever|its|that|your|my|all|any|how|which|whether|an?|json)\b",
    re.IGNORECASE,
)


def exact_reply(ask: str) -> str | None:
    """The text to reply with, if `ask` states it; None if it only describes it, or asks for something else."""
    found = literals(ask)
    masked = mask(ask, found)
    for asked in _ASKED.finditer(masked):
        rest = masked[asked.end() :]
        at = asked.end() + len(rest) - len(rest.lstrip(": \t\r\n"))
        literal = next((item for item in found if item.start <= at < item.end), None)
        if literal is not None and (":" in masked[asked.end() : at] or _FIRM.search(asked[0]) or _SAY.match(asked[0])):
            return literal.value
        if literal is None and (rest.lstrip().startswith(":") or _FIRM.search(asked[0]) or _is_say(masked, asked)):
            stated = _stated(ask[at:], after_colon=":" in masked[asked.end() : at])
            if stated is not None:
                return stated
    return None


def _is_say(masked: str, asked: re.Match[str]) -> bool:
    """A bare "say hello" only counts where it opens the message."""
    said = _SAY.match(masked)
    return said is not None and said.end() >= asked.end() and MASK not in masked


def _stated(rest: str, *, after_colon: bool) -> str | None:
    lines = rest.split("\n\n")[0] if not after_colon else rest
    text = _TAIL.sub("", lines).strip() if "\n" not in lines.strip() else lines.strip("\n")
    if not after_colon:
        if _REFERS.match(text):
            return None
        text = re.split(r"(?<=[.!?])\s", text)[0]
    words = text.split()
    if len(words) == 1 or not after_colon:
        text = text.removesuffix(".")
    return text or None
