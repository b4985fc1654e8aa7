"""Each finding gets the cause and the line that fit it, and no other."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from captures.load import capture, captures, recording

from cab_check.chat.errors import read_error
from cab_check.chat.reading import read_reply
from cab_check.knowledge.advice import Rule, advise, read_rule, rules
from cab_check.knowledge.error_rules import classify_error, error_rules
from cab_check.knowledge.finding import Finding, Hop
from cab_check.knowledge.fingerprint import known_hops, recognise
from cab_check.knowledge.parsers import families, family_of, parser_for
from cab_check.knowledge.vocabulary import code, codes, evidence, layer_rank, layers, make

VLLM = Hop("vLLM", "server", "0.32.0", "high", "test")
LLAMA = Hop("llama.cpp", "server", None, "high", "test")
OLLAMA = Hop("Ollama", "server", None, "high", "test")
LITELLM = Hop("LiteLLM", "gateway", None, "high", "test")


def from_capture(server: str, name: str, *, model: str = "tiny") -> Finding:
    """The finding of a recorded error, advised with the hops of the whole recording."""
    exchange = capture(server, name)
    error = read_error(exchange.status, exchange.body)
    named = classify_error(error, exchange.status, exchange.got.headers, keyed=exchange.sent.keyed) or (
        "unrecognised",
        None,
    )
    finding = make(named[0], subject=named[1], evidence=[evidence(exchange.number, "status", error.message)])
    return advise(finding, recognise(recording(server)), model=model)


CAPTURED = [
    ("vllm-no-tool-parser", "05", "tool-parser-disabled", "--enable-auto-tool-choice --tool-call-parser"),
    ("vllm-no-tool-parser", "06", "tool-parser-disabled", "--enable-auto-tool-choice --tool-call-parser"),
    ("vllm", "13", "model-not-found", "--served-model-name tiny"),
    ("vllm", "14", "key-rejected", "VLLM_API_KEY"),
    ("vllm", "15", "key-missing", "VLLM_API_KEY"),
    ("vllm", "20", "context-too-small", "--max-model-len"),
    ("llama-server-no-jinja", "05", "tool-parser-disabled", "llama-server ... --jinja"),
    ("llama-server", "14", "key-rejected", "llama-server was started with"),
    ("llama-server", "20", "context-too-small", "-c 32768"),
    ("litellm-mock", "13", "model-not-found", "model_list"),
    ("litellm-mock", "14", "key-rejected", "database_url"),
    ("litellm-mock", "15", "key-missing", "--key-env"),
    ("litellm-mock", "37", "param-rejected", "drop_params: true"),
    ("litellm-to-llama-server", "20", "context-too-small", "-c 32768"),
    ("portkey-to-llama-server", "14", "key-rejected", "llama-server was started with"),
    ("portkey-no-headers", "02", "unrecognised", "x-portkey-provider"),
    ("llama-cpp-python", "11", "content-form-rejected", "llama-server -m"),
    ("llama-cpp-python", "20", "context-too-small", "--n_ctx"),
]


@pytest.mark.parametrize(("server", "name", "expected", "line"), CAPTURED)
def test_a_real_servers_refusal_gets_its_line(server, name, expected, line):
    finding = from_capture(server, name)
    assert finding.code == expected
    assert line in finding.fix
    assert finding.cause and finding.sources


def test_a_sound_neighbour_gets_another_line():
    vllms = from_capture("vllm-no-tool-parser", "05").fix
    assert "--jinja" not in vllms and "llama-server" not in vllms
    assert "--tool-call-parser" not in from_capture("llama-server-no-jinja", "05").fix
    assert "database_url" not in from_capture("llama-server", "14").fix
    assert from_capture("llama-server", "24").fix is None


def test_tools_dropped_by_a_template_on_llama_server():
    """What `--chat-template chatml` does: status 200, and the prompt is no longer with tools than without."""
    hops = recognise(recording("llama-server-chatml-template"))
    prompts = {
        name: read_reply(x).usage.prompt
        for name, x in captures("llama-server-chatml-template").items()
        if "tools-auto" in name
    }
    assert max(prompts.values()) < read_reply(capture("llama-server", "05")).usage.prompt / 3
    finding = advise(make("tools-ignored"), hops)
    assert finding.fix.startswith("llama-server: drop --chat-template")


PARSERS = [
    (VLLM, "hermes", None, "--tool-call-parser hermes"),
    (VLLM, "qwen-xml", "anything", "--tool-call-parser qwen3_xml"),
    (VLLM, "glm", None, "--tool-call-parser glm45"),
    (VLLM, "mistral", None, "--tokenizer_mode mistral"),
    (VLLM, "harmony", None, "--reasoning-parser openai_gptoss"),
    (VLLM, "other", "Qwen/Qwen2.5-7B-Instruct", "--tool-call-parser hermes"),
    (Hop("SGLang", "server", None, "high", ""), "qwen-xml", None, "--tool-call-parser qwen3_coder"),
    (Hop("TensorRT-LLM", "server", None, "high", ""), "qwen-xml", None, "--tool_parser qwen3_coder"),
    (LLAMA, "qwen-xml", None, "--jinja"),
    (OLLAMA, "qwen-xml", None, "Modelfile"),
]  # fmt: skip


@pytest.mark.parametrize(("hop", "family", "model", "line"), PARSERS)
def test_the_markup_names_the_parser(hop, family, model, line):
    finding = advise(make("tool-call-as-text", subject=family), [hop], model=model)
    assert line in finding.fix
    assert "parser PARSER" not in finding.fix


MODELS = {
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": "qwen3_xml",
    "qwen3.6-35b": "qwen3_xml",
    "Qwen/Qwen2.5-7B-Instruct": "hermes",
    "qwen3:8b": "hermes",
    "NousResearch/Hermes-3-Llama-3.1-70B": "hermes",
    "meta-llama/Llama-3.1-8B-Instruct": "llama3_json",
    "meta-llama/Llama-4-Scout": "pythonic",
    "openai/gpt-oss-120b": "openai",
    "mistralai/Devstral-Small": "mistral",
    "moonshotai/Kimi-K2-Instruct": "kimi_k2",
    "zai-org/GLM-4.6": "glm45",
    "tiny": None,
}


@pytest.mark.parametrize(("model", "parser"), MODELS.items())
def test_the_models_name_tells_the_parser_where_no_markup_was_seen(model, parser):
    assert parser_for("vLLM", None, model) == parser
    refusal = evidence(1, "status", '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser')
    fix = advise(make("tool-parser-disabled", evidence=[refusal]), [VLLM], model=model).fix
    assert f"--tool-call-parser {parser or 'PARSER'}" in fix.splitlines()[0]
    assert ("PARSER is" in fix) == (parser is None)


def test_for_an_unknown_server_the_likely_fixes_are_listed_by_name():
    fix = advise(make("tool-call-as-text", subject="hermes")).fix.splitlines()
    assert fix[1] == "vLLM: vllm serve ... --enable-auto-tool-choice --tool-call-parser hermes"
    assert any(line.startswith("llama.cpp: ") for line in fix)
    assert len(fix) <= 5
    behind_gateway = advise(make("tool-call-as-text", subject="hermes"), [LITELLM]).fix.splitlines()
    assert behind_gateway == fix
    assert len(advise(make("tool-call-as-text", subject="hermes"), [VLLM]).fix.splitlines()) == 1


def test_a_list_by_name_holds_the_command_that_each_fix_begins_with():
    fix = advise(make("tool-call-as-text", subject="deepseek")).fix.splitlines()
    assert fix[1].startswith("vLLM: ") and "--tool-call-parser deepseek_v3 --chat-template" in fix[1]
    context = advise(make("context-truncated-silently")).fix.splitlines()
    assert context[1].startswith("Ollama: OLLAMA_CONTEXT_LENGTH=32768") and "docker" not in "\n".join(context)


def test_of_two_hops_the_near_one_answers_for_the_key_and_the_far_one_for_tools():
    key = advise(make("key-rejected"), [LITELLM, VLLM])
    assert "virtual key" in key.fix
    tools = advise(make("tools-ignored"), [LITELLM, VLLM])
    assert tools.fix.startswith("vllm serve")


def test_a_known_subject_stands_in_the_line():
    assert "Set the model to qwen3:8b" in advise(make("model-not-found", subject="qwen3:8b")).fix
    assert "an id from GET /models" in advise(make("model-not-found")).fix


def test_words_that_show_who_can_mend_it_change_the_owner():
    spent = evidence(1, "status", "Budget has been exceeded! Current cost: 2.0, Max budget: 1.0")
    advised = advise(make("billing-exhausted", evidence=[spent]), [LITELLM])
    assert (advised.owner, "max_budget" in advised.fix) == ("gateway", True)
    empty = evidence(1, "status", "Insufficient balance")
    assert advise(make("billing-exhausted", evidence=[empty]), [LITELLM]).owner == "account"


def test_an_owner_that_is_none_is_refused():
    row = {"code": "rate-limited", "cause": "x.", "fix": "y", "sources": ["https://x.example"], "owner": "nobody"}
    with pytest.raises(ValueError, match="nobody"):
        read_rule(row, "x.toml")


def test_a_finding_without_a_rule_is_left_as_it_was():
    finding = make("unrecognised", evidence=[evidence(1, "status", "HTTP 500 odd")])
    assert advise(finding, [VLLM]) == finding


def test_hostile_words_do_not_reach_the_line():
    fix = advise(make("model-not-found", subject="a\x1b[2J\nb"), model="x\x1b[2J{subject}").fix
    assert "\x1b" not in fix


REPORTED_NOW = [layer for layer in layers() if layer_rank(layer) <= layer_rank("chat")] + [
    *("tools-request", "tools-response", "streaming", "usage")
]
NOT_ASKED_YET = {"unstable-at-zero"}


def test_every_code_that_can_be_reported_now_has_a_general_rule():
    due = {entry.code for entry in codes().values() if entry.layer in REPORTED_NOW} - NOT_ASKED_YET
    general = {rule.code for rule in rules() if rule.hop is rule.text is rule.model is rule.subject is None}
    assert due - general == set()


def test_rules_name_only_what_exists():
    hops = {hop.name for hop in known_hops()}
    for rule in rules():
        assert rule.hop is None or rule.hop in hops
        assert rule.subject is None or code(rule.code).subject
        assert rule.sources and all(re.match(r"https://\S+$", source) for source in rule.sources)
        assert rule.cause.endswith(".") and rule.fix
        assert set(re.findall(r"\{([a-z]+)[|}]", rule.cause + rule.fix)) <= {
            "subject",
            "address",
            "host",
            "model",
            "parser",
        }
    assert {rule.hop for rule in error_rules()} - hops <= {None}


def test_every_rule_can_win():
    for rule in rules():
        words = [evidence(1, "status", WORDS[rule.text.pattern])] if rule.text else []
        finding = make(rule.code, subject=rule.subject, evidence=words)
        hops = (
            [Hop(rule.hop, "server", None, "high", "")] if rule.hop else [Hop("unlisted", "server", None, "high", "")]
        )
        model = rule.model.pattern.split("|")[0] if rule.model else "m"
        advised = advise(finding, hops, model=model)
        assert (advised.sources, advised.cause.startswith(rule.cause.split("{")[0])) == (rule.sources, True), rule


WORDS = {rule.text.pattern: words for rule in rules() if rule.text for words in (
    "--enable-auto-tool-choice", "launch the api_server with --tool-call-parser", "No connected db.",
    "Connection error.", "search-replace: 0 of 3 apply; whole-file: 0 of 3 apply; udiff: 1 of 1 apply",
    "search-replace: 0 of 3 apply; whole-file: 0 of 3 apply; udiff: 0 of 3 apply",
    "cab-check runs in a container, whose", "cab-check runs in WSL 2, whose",
    "Your organization must be verified", "Unexpected endpoint or method. (POST /x)", "litellm.UnsupportedParamsError",
    "name<|channel|>commentary", "Extra inputs are not permitted", "use max_completion_tokens",
    "must be in JSON format", "The model has crashed", "parameter.enable_thinking must be set to false",
    "Store must be set to false", "finish_reason None, [DONE] True, text ends",
    "Can only get item pairs from a mapping.", "only supports single tool-calls at once!",
    "No endpoints found that support the provided 'tool_choice' value",
    "n_ctx_train 2048, n_ctx 2048",
    "HTTP 502 Bad Gateway", "<hr><center>nginx/1.22.1</center>", "No server is available to handle this request.",
    "Request forbidden by administrative rules.", "Request Rejected. Your support ID is: 1748",
    "400 The plain HTTP request was sent to HTTPS port", "400 No required SSL certificate was sent",
    "HTTP 302 Location: https://sso.example/login", "HTTP 301 Location: /v1/chat/completions/",
    "a key was sent with this request", "litellm.NotFoundError: OpenAIException - Not Found",
    "There are no healthy deployments for this model", "proxy: the proxy http://127.0.0.1:9: no connection: refused",
    "tls: plain-http: the server does not speak TLS on this port", "The server didn't respond in time.",
    "The request entity exceeds the maximum allowed.", "<title>404 Not Found</title><center>nginx/1.22</center>",
    "Unexpected token 12606 while expecting start token 200006", "Either x-portkey-config or x-portkey-provider",
    "Budget has been exceeded! Current cost: 1, Max budget: 0", "No deployments available for selected model",
    "key not allowed to access model", "is temporarily rate-limited upstream", "https://ollama.com/upgrade",
    "has reached the set inference limit", "has not activated the model", "User location is not supported",
    "API has not been used in project 1 before", "is not authorized to perform: bedrock:InvokeModel",
    "Crossed TPM / RPM / Max Parallel Request Limit", "make sure your account is in good standing",
    "当前分组 default 下对于模型 x 无可用渠道", "with on-demand throughput isn't supported",
    "model requires more system memory (7 GiB)", "upstream command exited prematurely",
    "The model or endpoint x does not exist", "Unable to access non-serverless model x",
    "Publisher Model `x` was not found", "The requested model is not supported.", "error code: 1010",
    "Error 1033: Cloudflare Tunnel error", "see server.allowedHosts", "upstream request timeout",
    "denied due to Virtual Network/Firewall rules", "api-version is not supported",
    "default chat template is no longer allowed", "model is missing conversation_config",
    "not accessible via the /chat/completions endpoint", "<｜DSML｜invoke", "]<]minimax[>[<invoke",
    "content None, finish_reason 'stop', only reasoning came", "`inputs` tokens + `max_new_tokens` must be <= 8",
    "Model not found, inaccessible, and/or not deployed", "HTTP 401 Missing Authorization header",
) if rule.text.search(words)}  # fmt: skip


def test_no_two_rules_are_equally_particular_and_both_hold():
    for one, other in combinations(rules(), 2):
        if one.code == other.code and one.weight == other.weight and (one.hop == other.hop):
            assert not _both_hold(one, other), (one, other)


def _both_hold(one: Rule, other: Rule) -> bool:
    """Whether a finding could meet both; words are tried from the samples that each rule's text takes."""
    if one.subject != other.subject or one.model != other.model:
        return False
    if one.text is None or other.text is None:
        return True
    return any(one.text.search(words) and other.text.search(words) for words in WORDS.values())


def test_families_are_those_of_the_vocabulary():
    subjects = set(code("tool-call-as-text").subject.split(" | "))
    assert {family.name for family in families()} < subjects
    assert family_of("tiny") is None
