"""A call written as text is told from text that talks about calls."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.chat.markup import find_call_end, find_call_mark, find_call_markup, find_special_tokens, find_think
from cab_check.knowledge.vocabulary import code

TOOLS = ["read_file", "get_weather"]

CALLS = {
    "hermes": [
        '<tool_call>\n{"name": "read_file", "arguments": {"path": "a"}}\n</tool_call>',
        'I will look.<tool_call>{"arguments": {"path": "a"}, "name": "read_file"}</tool_call>',
        '<think>hm</think><tool_call>\n{"name": "read_file", "argum',
    ],
    "qwen-xml": [
        "<tool_call>\n<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>\n</tool_call>",
        "Let me see.\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>",
        "<function=read_file></function>",
    ],
    "glm": [
        "<tool_call>read_file\n<arg_key>path</arg_key>\n<arg_value>a</arg_value>\n</tool_call>",
        "<tool_call>get_weather</tool_call>",
    ],
    "harmony": [
        '<|channel|>commentary to=functions.read_file <|constrain|>json<|message|>{"path":"a"}<|call|>',
        'commentary to=functions.read_filejson{"path":"a"}',
        'assistantcommentary to=functions.get_weather json{"city":"Paris"}',
        '<|channel|>commentary to=read_file <|constrain|>json<|message|>{"path":"a"}',
    ],
    "kimi": [
        "Now.<|tool_calls_section_begin|><|tool_call_begin|>functions.bash:0<|tool_call_argument_begin|>{}",
        'functions.read_file:0{"path": "a"}',
        '<|open|>tools<|sep|><|open|>call name="read_file"<|sep|><|open|>argument name="path"<|sep|>a',
    ],
    "mistral": [
        '[TOOL_CALLS][{"name": "read_file", "arguments": {"path": "a"}}]',
        '[TOOL_CALLS]read_file{"path": "a"}',
        '[TOOL_CALLS]read_file[ARGS]{"path": "a"}',
        'read_file[ARGS]{"path": "a"}',
    ],
    "deepseek": [
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>read_file\n```json\n{}\n```<｜tool▁call▁end｜>",
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>anything<｜tool▁sep｜>{"path": "a"}<｜tool▁call▁end｜>',
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="read_file">\n<｜DSML｜parameter name="path" string="true">a',
        'Now.\n<|DSML|tool_calls>\n<|DSML|invoke name="anything">',
        "function<｜tool▁sep｜>read_file\n```json\n{}\n```",
    ],
    "minimax": [
        '<minimax:tool_call>\n<invoke name="read_file">\n<parameter name="path">a</parameter>\n</invoke>',
        '<tool_calls>\n{"name": "read_file", "arguments": {"path": "a"}}\n</tool_calls>',
        ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="read_file">]<]minimax[>[<path>a',
    ],
    "pythonic": [
        "[read_file(path='a')]",
        '[get_weather(city="Paris"), read_file(path="a")]',
        "<|python_start|>[read_file(path='a')]<|python_end|>",
        "<|python_start|>read_file(path='a')<|python_end|>",
        "I will look at it.\n\n[read_file(path='a'), get_weather(city='Paris')]<|eot|>",
    ],
    "llama-json": [
        '{"name": "read_file", "parameters": {"path": "a"}}',
        '<|python_tag|>{"name": "read_file", "parameters": {"path": "a"}}',
        '```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```',
        '{"type": "function", "name": "read_file", "parameters": {}}',
    ],
    "gemma": [
        '<|tool_call>call:read_file{path:<|">a<|">}<tool_call|>',
        "<start_function_call>call:read_file{path:<escape>a<escape>}<end_function_call>",
        "```tool_code\nprint(default_api.read_file(path='a'))\n```",
    ],
    "other": [
        "<|tool_call_start|>[read_file(path='a')]<|tool_call_end|>",
        "<function_calls>\nread_file(path='a')\n</function_calls>",
        '<function_calls>\n<invoke name="read_file">\n<parameter name="path">a</parameter>\n</invoke>',
        '<|tool_call|>[{"name": "read_file", "arguments": {"path": "a"}}]',
        'functions.read_file:\n{ "path": "a" }',
        '<tool_calls>[{"name": "read_file", "arguments": {"path": "a"}}]</tool_calls>',
        "<tool_calls><tool_call>read_file<tool_sep><arg_key>path</arg_key><arg_value>a</arg_value></tool_call>",
        '<function_call> {"name": "read_file", "arguments": {"path": "a"}}',
        '<TOOLCALL>[{"name": "read_file", "arguments": {"path": "a"}}]</TOOLCALL>',
        'functools[{"name": "read_file", "arguments": {"path": "a"}}]',
        '<|action_start|><|plugin|>\n{"name": "read_file", "parameters": {"path": "a"}}<|action_end|>',
        '<longcat_tool_call>\n{"name": "read_file", "arguments": {"path": "a"}}\n</longcat_tool_call>',
        'function call<|role_sep|>\n{"name": "read_file", "arguments": {"path": "a"}}',
        '<|tools_prefix|>[{"read_file": {"path": "a"}}]<|tools_suffix|>',
        '<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="read_file">'
        '<steptml:parameter name="path">a</steptml:parameter></steptml:invoke>',
        "✿FUNCTION✿: read_file\n✿ARGS✿: {}",
        'Thought: I need it.\nAction: read_file\nAction Input: {"path": "a"}',
        "print(default_api.read_file(path='a'))",
        '[Calling tool: read_file({"path": "a"})]',
        '[{"name": "read_file", "arguments": {"path": "a"}}]',
    ],
}
SOUND = {
    "hermes": [
        'Hermes models write `<tool_call>{"name": "read_file"}</tool_call>` when they want a tool.',
        'The form is:\n```\n<tool_call>\n{"name": "read_file", "arguments": {}}\n</tool_call>\n```\nand nothing else.',
        'A call such as <tool_call>{"name": "read_file"}</tool_call> would be parsed by the server.',
        '<tool_call>\n{"name": "not_offered", "arguments": {}}\n</tool_call>',
    ],
    "qwen-xml": [
        "Qwen3-Coder opens a call with `<function=read_file>`.",
        "<function=other_tool>\n<parameter=path>\na\n</parameter>\n</function>",
        "In C++ you would write std::function=read_file there.",
    ],
    "glm": ["GLM puts <arg_key> tags around names.", "Use read_file for that."],
    "harmony": [
        "Harmony addresses a tool with to=functions.NAME in its header.",
        "I sent the commentary to=you, read_file is next.",
    ],
    "kimi": [
        "Kimi begins with the token <|tool_calls_section_begin|>, then the calls follow.",
        "functions.other:0{}",
        "See functions.read_file for more.",
    ],
    "mistral": [
        "Mistral marks calls with [TOOL_CALLS], and read_file would come after it.",
        "`[TOOL_CALLS]read_file{}` is the form.",
    ],
    "deepseek": [
        "The token <｜tool▁calls▁begin｜> opens the section.",
        'DeepSeek V3.2 writes `<｜DSML｜invoke name="read_file">` there.',
        '```\n<｜DSML｜function_calls>\n<｜DSML｜invoke name="read_file">\n```\nis the form.',
    ],
    "minimax": [
        "MiniMax wraps its calls in <minimax:tool_call>.",
        'M3 has `]<]minimax[>[<invoke name="read_file">` in place of that.',
    ],
    "pythonic": [
        "[see read_file(path)]",
        "Call read_file(path='a') and then get_weather(city='Paris').",
        "[1, 2, 3]",
        "As in [read_file(path='a')], which is a list.\nThat is all.",
        "Python:\n\n    [read_file(p) for p in paths]\n\nreads all of them.",
        "```python\n[read_file(p) for p in paths]\n```\ndoes it.",
    ],
    "llama-json": [
        'The tool takes {"name": "read_file", "parameters": {}} as its call.',
        '{"name": "hello.txt", "parameters": {"size": 3}}',
        'Here is the file:\n```json\n{"name": "read_file", "arguments": {"path": "a"}}\n```\nas you asked.',
        '{"path": "a"}',
    ],
    "gemma": ["```python\nprint(read_file(path='a'))\n```", "Gemma writes tool_code blocks that call read_file()."],
    "other": [
        "The function read_file: it reads a file.",
        "functions.other_tool:\n{}",
        '<invoke name="read_file"> begins such a call, they say.',
        "Action: read_file the notes, then answer.",
        'Hunyuan writes `<tool_calls>[{"name": "read_file"}]</tool_calls>` for it.',
        "functools.reduce(read_file, paths)",
        '[{"name": "read_me.txt", "arguments": 3}]',
        "The tool call: read_file was not made.",
    ],
}


@pytest.mark.parametrize(("family", "text"), [(family, text) for family, texts in CALLS.items() for text in texts])
def test_a_call_in_the_text_is_found(family, text):
    markup = find_call_markup(text, TOOLS)
    assert markup is not None
    assert markup.family == family
    assert markup.excerpt and 0 <= markup.start < len(text)


@pytest.mark.parametrize("text", [text for texts in SOUND.values() for text in texts])
def test_text_that_talks_about_calls_is_left_alone(text):
    assert find_call_markup(text, TOOLS) is None


def test_every_family_is_a_subject_of_the_vocabulary_and_has_both_kinds_of_test():
    subject = code("tool-call-as-text").subject
    assert set(CALLS) == set(SOUND) == set(subject.split(" | "))


def test_without_offered_tools_only_unmistakable_tokens_count():
    assert find_call_markup(CALLS["hermes"][0], []) is None
    assert find_call_markup(CALLS["deepseek"][0], []).name == "read_file"


def test_a_name_with_signs_of_a_regex_is_taken_as_it_is():
    assert find_call_markup('<tool_call>{"name": "mcp.f+1"}</tool_call>', ["mcp.f+1"]).name == "mcp.f+1"
    assert find_call_markup('<tool_call>{"name": "mcpxff1"}</tool_call>', ["mcp.f+1"]) is None


MARKS = [
    ("Let me look.\n\n<｜DSML｜function_calls", "<｜DSML｜"),
    ("<tool_call>\n<function=read_file>\n", "<tool_call>"),
    ("Now.<minimax:tool_call>", "<minimax:tool_call>"),
    ("[TOOL_CALLS]", "[TOOL_CALLS]"),
    ("I read it.\n</tool_call>", "</tool_call>"),
]


@pytest.mark.parametrize(("text", "token"), MARKS)
def test_the_mark_of_a_call_is_found_whole_or_not(text, token):
    assert find_call_mark(text).token == token


WHOLE_CALLS_OF_OTHER_TOOLS = ("not_offered", "other_tool>")
TALK = [
    text for texts in SOUND.values() for text in texts if not any(name in text for name in WHOLE_CALLS_OF_OTHER_TOOLS)
]


@pytest.mark.parametrize("text", TALK)
def test_talk_of_calls_holds_no_mark_of_one(text):
    assert find_call_mark(text) is None


SPECIAL = [
    ("Done.<|im_end|>", "<|im_end|>"),
    ("Done.</s>", "</s>"),
    ("ok<|eot_id|>\n", "<|eot_id|>"),
    ("[/INST] ok", "[/INST]"),
    ("x<end_of_turn>", "<end_of_turn>"),
]
PLAIN = [
    "Done.",
    "`<|im_end|>` ends a turn.",
    "```\n<|im_start|>user\n```",
    "<s>struck</s>",
    "</s> closes it, she said.",
    "a < b | c > d",
    "[INSTALL] now",
]


@pytest.mark.parametrize(("text", "token"), SPECIAL)
def test_special_tokens_are_found(text, token):
    assert [mark.token for mark in find_special_tokens(text)] == [token]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_has_no_special_tokens(text):
    assert find_special_tokens(text) == ()


@pytest.mark.parametrize(
    "text",
    ["<think>hm</think>ok", "hm\n</think>\n\nok", "[THINK]hm[/THINK]", "analysisWe need four.assistantfinalfour"],
)
def test_reasoning_in_the_text_is_found(text):
    assert find_think(text) is not None


@pytest.mark.parametrize(
    "text", ["I think so.", "Use `<think>` tags.", "analysis of the assistantfinal report", "```\n<think>\n```\n"]
)
def test_thinking_aloud_is_no_reasoning(text):
    assert find_think(text) is None


@given(st.text(alphabet='<tool_call>{}"name:rd|`\n[]', max_size=200))
def test_no_text_makes_it_fail(text):
    find_call_markup(text, TOOLS)
    find_special_tokens(text)
    find_think(text)


@pytest.mark.parametrize(
    "piece",
    [
        '<tool_call>{"arguments": ',
        "`<|im_end|>` ",
        "[read_file(",
        "```\n",
        "<function=read_file",
        "functions.read_file:",
    ],
)
def test_a_long_hostile_text_takes_no_long_time(piece):
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    find_call_markup(text, TOOLS)
    find_special_tokens(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "well_formed"),
    [
        ('<tool_call>\n{"name": "read_file", "arguments": {"path": "a"}}\n</tool_call>', True),
        ('<tool_call>\n{"name": "read_file", "arguments": {"path": "line\none"}}', True),
        ('<tool_call>\n{"name": "read_file", "arguments": {"path": "a"}}}}\n</tool_call>', False),
        ('<tool_call>\n{"name": "read_file", "arguments": {"path": "a\n</tool_call>', False),
        ('[TOOL_CALLS] [{"name": "read_file", "arguments": {}}]', True),
        ("<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>", True),
    ],
)
def test_a_call_that_its_own_parser_could_not_read_is_told_apart(text, well_formed):
    found = find_call_markup(text, ["read_file"])
    assert found is not None and found.well_formed is well_formed


@pytest.mark.parametrize("text", ["a.md\n</parameter>\n</function>", "x</function>\n</tool_call>"])
def test_the_end_of_a_call_is_known_without_its_beginning(text: str) -> None:
    assert find_call_end(text) is not None


@pytest.mark.parametrize("text", ["Close it with `</parameter></function>`.", "<b></b>", "</parameter> alone", ""])
def test_an_end_that_is_talked_about_is_none(text: str) -> None:
    assert find_call_end(text) is None
