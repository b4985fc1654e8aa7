"""Tool calls, reasoning and special tokens that stand in the text because the server did not take them out."""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from cab_check.base.text import one_line
from cab_check.chat.problems import EXCERPT

_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`[^`\n]+`")
_WRAPPED = re.compile(r"\A\s*```(?:json|python|tool_call|xml|text)?[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)
_CLOSERS = frozenset("}>])")
Spans = list[tuple[int, int]]

SPECIAL_TOKENS = (
    *(
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|eot_id|>",
        "<|eom_id|>",
    ),
    *(
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|python_tag|>",
        "<|user|>",
        "<|assistant|>",
        "<|system|>",
        "<|end|>",
    ),
    *("<|observation|>", "<|return|>", "<|start|>", "<|channel|>", "<|message|>", "<|call|>", "[gMASK]", "<sop>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<end_of_turn>", "<|turn>", "<turn|>", "<eos>", "<bos>"),
    *(
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
        "<｜User｜>",
        "<｜Assistant｜>",
        "[e~[",
        "]~b]",
        "<|im_sep|>",
    ),
    *("<|eot|>", "<|eom|>", "<|header_start|>", "<|header_end|>", "<|python_start|>", "<|python_end|>"),
    *("<|start_of_role|>", "<|end_of_role|>", "<seed:eos>", "<seed:bos>", "<|END_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"),
    *("<|im_user|>", "<|im_assistant|>", "<|im_middle|>", "<|END_RESPONSE|>", "<|START_RESPONSE|>", "[|endofturn|]"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_sep|>", "<|repo_name|>", "<|role_sep|>"),
    *("<｜tool▁calls▁end｜>", "<｜tool▁call▁end｜>", "<|tool_calls_section_end|>", "<|tool_call_end|>"),
)
_OPENS_CALL = re.compile(
    r"<[｜|]DSML[｜|]|</?(?:minimax|seed|longcat_?):?tool_calls?>|\]<\]minimax\[>\[|</?tool_calls?>|<function=\w|"
    r"<\|/?tool_calls?\|?>|<\|tool_calls?_(?:section_)?(?:begin|start)\|>|<｜tool▁calls?▁begin｜>|<｜tool_calls?_begin｜>|"
    r"\[TOOL_CALLS\]|</?TOOLCALL>|<start_function_call>|<\|START_ACTION\|>|<\|action_start\|>|<\|tools_prefix\|>|<steptml:"
)
"""Marks with which calls begin, in any family; some of them end it too."""
_ENDS_CALL = re.compile(r"</parameter>\s*</(?:function|invoke)>|</(?:function|arg_value)>\s*</tool_call>")
"""Marks with which calls end, two together: what is left where a parser has eaten the beginning."""
_THINK = re.compile(r"</?think(?:ing)?>|\[/?THINK\]|[◁](?:/)?think[▷]|<\|channel\|>analysis|<seed:think>")
_BARE_HARMONY = re.compile(r"\Aanalysis(?=[A-Z]).*?assistant(?:final|commentary)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Markup:
    """A tool call written as text: the family of its form, the tool's name, the words, and where they begin.

    `well_formed` False: its JSON cannot be read, so that a parser of this very family would have left it in the text.
    """

    family: str
    name: str
    excerpt: str
    start: int
    well_formed: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """A token that should not have reached the text, and where it stands."""

    token: str
    start: int


def find_call_markup(text: str, tool_names: Iterable[str]) -> Markup | None:
    """The first tool call that is written into `text`, None if there is none.

    It takes the form of a known family and, but for unmistakable special tokens, the name of a tool that was offered.
    Text that only talks about calls is left alone: what stands in a code block or between backticks, and what stands in
    the middle of a line of prose that goes on after it.
    """
    names = tuple(sorted({name for name in tool_names if name}, key=len, reverse=True))
    found = list(_candidates(text, names))
    return min(found, key=lambda markup: markup.start) if found else None


def find_special_tokens(text: str) -> tuple[Mark, ...]:
    """Template and stop tokens outside code, by place. `</s>` counts at the very end only: elsewhere it is HTML."""
    quoted = _code_spans(text)
    marks = [Mark(token, start) for token in SPECIAL_TOKENS if (start := _outside(text, token, quoted)) is not None]
    ending = text.rstrip()
    if ending.endswith("</s>") and "<s>" not in text:
        marks.append(Mark("</s>", len(ending) - 4))
    return tuple(sorted(marks, key=lambda mark: mark.start))


def find_call_mark(text: str) -> Mark | None:
    """The first mark that opens a call, outside code and not in the middle of a line of prose that goes on after it.

    It says that something of a call stands there, whole or not; `find_call_markup` says which call.
    """
    quoted = _code_spans(text)
    for match in _OPENS_CALL.finditer(text):
        if not _within(match.start(), quoted) and _stands_alone(text, match.start()):
            return Mark(match.group(), match.start())
    return None


def find_call_end(text: str) -> Mark | None:
    """The end of a call whose beginning is gone, outside code."""
    quoted = _code_spans(text)
    found = (match for match in _ENDS_CALL.finditer(text) if not _within(match.start(), quoted))
    return next((Mark(match.group(), match.start()) for match in found), None)


def find_think(text: str) -> Mark | None:
    """Where reasoning stands in the text: a think tag outside code, or harmony's channels run together."""
    quoted = _code_spans(text)
    for match in _THINK.finditer(text):
        if not _within(match.start(), quoted):
            return Mark(match.group(), match.start())
    return Mark("assistantfinal", 0) if _BARE_HARMONY.match(text) else None


def _candidates(text: str, names: tuple[str, ...]) -> Iterator[Markup]:
    """The first hit of each pattern. A fence around the whole reply is taken off, in any other it is a quotation."""
    wrapped = _WRAPPED.match(text)
    inside, offset = (wrapped.group(1), wrapped.start(1)) if wrapped else (text, 0)
    quoted: Spans = [] if wrapped else _code_spans(text)
    for family in _families(names):
        for pattern in (*family.certain, *family.named):
            for match in pattern.finditer(inside):
                mention = pattern in family.named and not _stands_alone(inside, match.start())
                if not mention and not _within(match.start(), quoted):
                    yield _markup(family.name, match, offset)
                    break
        for pattern in family.whole:
            whole = pattern.fullmatch(inside.strip()) or pattern.fullmatch(text.strip())
            if whole:
                yield _markup(family.name, whole, offset)


def _markup(family: str, match: re.Match[str], offset: int) -> Markup:
    words = match.string[match.start() : match.start() + EXCERPT]
    brace = match.string.find("{", match.start(), match.end())
    well_formed = brace < 0 or _begins_json(match.string, brace)
    return Markup(family, match.group("name"), one_line(words, EXCERPT), match.start() + offset, well_formed)


def _begins_json(text: str, start: int) -> bool:
    """Whether a JSON object begins at `start` and ends where it should, with no brace too many."""
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(
            text, start
        )  # models write line ends into strings as they are
    except (ValueError, RecursionError):
        return False
    return text[end:].lstrip()[:1] not in ("}", '"')


def _stands_alone(text: str, start: int) -> bool:
    """Whether what begins at `start` is a call and no mention: it begins its line, or the text ends with it."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return not line.strip() or line.rstrip().endswith(">") or text.rstrip()[-1:] in _CLOSERS


def _code_spans(text: str) -> Spans:
    """Start and end of each code block and of each piece of inline code, in order and apart."""
    fences = [match.span() for match in _FENCE.finditer(text)]
    inline = [match.span() for match in _INLINE.finditer(text) if not _within(match.start(), fences)]
    return sorted(fences + inline)


def _within(position: int, spans: Spans) -> bool:
    place = bisect_right(spans, position, key=lambda span: span[0]) - 1
    return place >= 0 and position < spans[place][1]


def _outside(text: str, token: str, spans: Spans) -> int | None:
    """The first place of `token` outside `spans`."""
    start = text.find(token)
    while start >= 0 and _within(start, spans):
        start = text.find(token, start + 1)
    return start if start >= 0 else None


@dataclass(frozen=True, slots=True)
class _Family:
    name: str
    certain: tuple[re.Pattern[str], ...]
    named: tuple[re.Pattern[str], ...]
    whole: tuple[re.Pattern[str], ...]


@cache
def _families(names: tuple[str, ...]) -> tuple[_Family, ...]:
    """The families with `names` filled into their patterns; without names only the certain patterns are left."""
    table = tomllib.loads(resources.files("cab_check.chat").joinpath("markup.toml").read_text("utf-8"))
    group = "(?P<name>" + "|".join(map(re.escape, names)) + ")"

    def compiled(patterns: Sequence[str], needs_name: bool) -> tuple[re.Pattern[str], ...]:
        if needs_name and not names:
            return ()
        return tuple(re.compile(pattern.replace("NAME", group), re.DOTALL) for pattern in patterns)

    return tuple(
        _Family(
            name=family,
            certain=compiled(forms.get("certain", ()), False),
            named=compiled(forms.get("named", ()), True),
            whole=compiled(forms.get("whole", ()), True),
        )
        for family, forms in table.items()
    )
