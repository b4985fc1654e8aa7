"""Who answers is told from what the replies show, and nobody is named without a reason."""

from __future__ import annotations

import dataclasses
import json

import pytest
from captures.load import SERVERS, captures, recording
from captures.make import EVENTS, call, chunk, completion, events, exchange
from hypothesis import given
from hypothesis import strategies as st

from cab_check.knowledge.fingerprint import known_hops, recognise
from cab_check.wire.exchange import Exchange, Facts, Recording

WHO = {
    "copilotkit-aimock": ["aimock"],
    "litellm-mock": ["LiteLLM"],
    "litellm-to-llama-server": ["LiteLLM", "llama.cpp"],
    "llama-cpp-python": ["llama-cpp-python"],
    "llama-cpp-python-random": ["llama-cpp-python"],
    "llama-server": ["llama.cpp"],
    "llama-server-chatml-template": ["llama.cpp"],
    "llama-server-no-jinja": ["llama.cpp"],
    "llama-server-nokey": ["llama.cpp"],
    "llama-server-random": ["llama.cpp"],
    "llmock-pypi": ["llmock"],
    "portkey-no-headers": ["Portkey"],
    "portkey-to-llama-server": ["Portkey", "llama.cpp"],
    "vllm": ["vLLM"],
    "vllm-no-tool-parser": ["vLLM"],
    "vllm-random": ["vLLM"],
}


def names(recorded: Recording) -> list[str]:
    return [hop.name for hop in recognise(recorded)]


def of(*exchanges: Exchange, base: str = "http://127.0.0.1:8000/v1") -> Recording:
    return Recording(Facts(base_url=base, given=base), exchanges)


def models(**entry: object) -> Exchange:
    listed = {"object": "list", "data": [{"id": "m", "object": "model", **entry}]}
    made = exchange(listed, url="http://127.0.0.1:8000/v1/models")
    return dataclasses.replace(made, sent=dataclasses.replace(made.sent, method="GET", body=b""))


def test_every_recorded_server_is_in_the_table():
    assert set(WHO) == set(SERVERS)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("only", [(), ("01", "02", "05", "08")], ids=["everything", "a handshake's worth"])
def test_real_servers_are_recognised_with_the_hops_before_them(server, only):
    hops = recognise(recording(server, *only))
    assert [hop.name for hop in hops] == WHO[server]
    assert all(hop.confidence == "high" and hop.evidence for hop in hops)


@pytest.mark.parametrize("server", SERVERS)
def test_one_exchange_alone_names_nobody_who_is_not_there(server):
    for exchange_ in captures(server).values():
        assert set(names(of(exchange_))) <= set(WHO[server])


def test_versions():
    versions = {
        hop.name: hop.version for server in ("litellm-to-llama-server", "vllm") for hop in recognise(recording(server))
    }
    assert versions == {"LiteLLM": "1.106.2", "llama.cpp": "b1-0c1e570", "vLLM": "0.32.0"}


MADE = {
    "nginx": [exchange(b"<html><hr><center>nginx</center></html>", status=504, kind="text/html")],
    "Cloudflare": [exchange(completion(), headers=(("CF-Ray", "1-AMS"),))],
    "Ollama": [exchange(completion(system_fingerprint="fp_ollama"))],
    "LM Studio": [exchange({"error": "Unexpected endpoint or method. (POST /x)"})],
    "SGLang": [models(owned_by="sglang", max_model_len=9)],
    "TGI": [exchange(completion(), headers=(("x-compute-type", "1-a100"),))],
    "OpenRouter": [exchange(events(": OPENROUTER PROCESSING", chunk()), kind=EVENTS)],
    "OpenAI": [exchange(completion(), headers=(("openai-organization", "org"), ("openai-version", "2020-10-01")))],
    "Azure OpenAI": [exchange({"error": {"code": "DeploymentNotFound"}}, headers=(("apim-request-id", "1"),))],
    "Groq": [exchange({"error": {"message": "Limit in organization `org_01` service tier `on_demand`"}}, status=413)],
    "DeepSeek": [exchange(completion(), headers=(("x-ds-trace-id", "1"),))],
    "Mistral": [exchange(completion(), headers=(("mistral-correlation-id", "1"),))],
    "TabbyAPI": [models(owned_by="tabbyAPI")],
    "KoboldCpp": [models(owned_by="koboldcpp")],
    "text-generation-webui": [models(owned_by="user", created=0)],
    "Jan": [models(owned_by="user", created=1)],
    "MLX": [exchange(events(": keepalive 2048/16384", chunk()), kind=EVENTS)],
    "LMDeploy": [models(owned_by="lmdeploy")],
    "vLLM production stack": [exchange({"error": "Model x not found or vLLM engine is sleeping."}, status=400)],
    "xAI": [exchange({"code": "Client specified an invalid argument", "error": "no"}, status=400)],
    "new-api": [exchange(completion(), headers=(("X-Oneapi-Request-Id", "1"),))],
    "NVIDIA NIM": [exchange({"status": 404, "title": "Not Found", "detail": "Function '23d4f03a-b8a6': Not found for "
                             "account 'Q'"}, status=404)],
    "ngrok": [exchange(b"<html><title>offline</title></html>", status=404, kind="text/html",
                       headers=(("Ngrok-Error-Code", "ERR_NGROK_3200"),))],
    "MiniMax": [exchange({"base_resp": {"status_code": 2049, "status_msg": "invalid api key"}})],
    "Moonshot": [exchange({"error": {"message": "Invalid Authentication", "type": "invalid_authentication_error"}},
                          status=401)],
    "Z.ai": [exchange({"error": {"code": "1113", "message": "Insufficient balance or no resource package."}},
                      status=429)],
    "DashScope": [exchange({"error": {"message": "Incorrect API key provided. For details, see: "
                            "https://help.aliyun.com/zh/model-studio/error-code#apikey-error"}}, status=401)],
    "cab-check demo": [exchange(completion(), headers=(("Server", "cab-check-demo/1.0"),))],
}  # fmt: skip


@pytest.mark.parametrize("who", MADE)
def test_marks_without_a_recording(who):
    assert names(of(*MADE[who])) == [who]


HOSTS = {
    "https://api.openai.com/v1": ["OpenAI"],
    "https://openrouter.ai/api/v1": ["OpenRouter"],
    "https://api.groq.com/openai/v1": ["Groq"],
    "https://api.together.xyz/v1": ["Together"],
    "https://api.fireworks.ai/inference/v1": ["Fireworks"],
    "https://api.deepseek.com": ["DeepSeek"],
    "https://api.mistral.ai/v1": ["Mistral"],
    "https://me.openai.azure.com/openai/v1": ["Azure OpenAI"],
    "https://me.cloud.databricks.com/serving-endpoints": ["Databricks"],
    "https://me.snowflakecomputing.com/api/v2/cortex/v1": ["Snowflake Cortex"],
    "https://api.openai.com.example/v1": [],
    "https://myopenrouter.ai/v1": [],
    "http://127.0.0.1:11434/v1": [],
}


@pytest.mark.parametrize(("base", "who"), HOSTS.items())
def test_a_providers_own_host(base, who):
    assert names(of(exchange(completion()), base=base)) == who


LOOKALIKES = {
    "a plain uvicorn": exchange(completion(), headers=(("server", "uvicorn"),)),
    "Ollama's routes on another server": exchange({"version": "0.1"}, url="http://127.0.0.1:8000/api/version"),
    "an express server": exchange(completion(), headers=(("X-Powered-By", "Express"),)),
    "OpenAI's timing header on another server": exchange(completion(), headers=(("openai-processing-ms", "4"),)),
    "talk about LiteLLM": exchange(completion({"content": "litellm.BadRequestError: x-litellm-version"})),
    "an id like any other": exchange(completion({"tool_calls": [call(id="call_1")]})),
    "a model called vllm": models(id="vllm", owned_by="me-and-you"),
    "FastAPI's 404": exchange({"detail": "Not Found"}, status=404),
    "an owner called user": models(owned_by="user", created=1700000000),
    "a model list of ids alone": models(),
    "a model that is made at 0 by another": models(owned_by="someone", created=0),
    "an Amazon header": exchange(completion(), headers=(("x-amzn-RequestId", "1"),)),
    "a correlation id": exchange(completion(), headers=(("X-Correlation-ID", "1"),)),
    "eight letters after call_": exchange(completion({"tool_calls": [call(id="call_abcd1234")]})),
    "a year in brackets": exchange({"error": {"message": "as decided (2026)"}}, status=400),
}


@pytest.mark.parametrize("given", LOOKALIKES.values(), ids=LOOKALIKES)
def test_lookalikes_fool_nobody(given):
    assert names(of(given)) == []


def test_two_hops_that_both_speak_are_both_named_nearest_first():
    behind = exchange(
        completion(system_fingerprint="vllm-0.9.1-tp2"),
        headers=(("Server", "nginx/1.27"), ("x-litellm-version", "1.2")),
    )
    assert [(hop.name, hop.version) for hop in recognise(of(behind))] == [
        ("nginx", "1.27"),
        ("LiteLLM", "1.2"),
        ("vLLM", "0.9.1"),
    ]


BASE = "http://127.0.0.1:8000"
NESTED = {
    "a gateway quotes the server's refusal": (
        exchange(
            {"error": {"message": "litellm.BadRequestError: OpenAIException - {'error': {'code': 400, 'message': "
                       "'request (9 tokens) exceeds the available context size (8 tokens)', "
                       "'type': 'exceed_context_size_error'}}"}},
            status=400,
        ),
        ["LiteLLM", "llama.cpp"],
    ),
    "a router inside a router": (
        exchange(
            {"error": {"message": "Error from provider(NAME,MODEL: 404): {\"error\":{\"message\":\"No endpoints "
                       "found that support tool use\",\"code\":404}}",
                       "type": "api_error", "code": "provider_response_error"}},
            status=404,
        ),
        ["claude-code-router", "OpenRouter"],
    ),
    "the provider's own words, in a string": (
        exchange(
            {"error": {"message": "Provider returned error", "code": 413, "metadata": {"provider_name": "Groq", "raw":
                       json.dumps({"error": {"message": "Limit in organization `org_01` service tier `on_demand`"}})}},
             "user_id": "u"},
            status=413,
        ),
        ["Groq"],
    ),
    "a proxy before a server": (
        exchange(completion(system_fingerprint="fp_ollama"), headers=(("Server", "nginx"),)),
        ["nginx", "Ollama"],
    ),
    "a reseller's id before a gateway before a server": (
        exchange(
            completion({"tool_calls": [call(id="chatcmpl-tool-0a")]}),
            headers=(("CF-Ray", "1-AMS"), ("X-Oneapi-Request-Id", "20261123"), ("x-litellm-version", "1.2")),
        ),
        ["Cloudflare", "LiteLLM", "new-api", "vLLM"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "who"), NESTED.values(), ids=NESTED)
def test_hops_inside_one_another_are_all_named(given, who):
    assert names(of(given)) == who


IMITATED = (
    exchange(b"Ollama is running", url=f"{BASE}/", kind="text/plain"),
    exchange({"version": "0.12.0"}, url=f"{BASE}/api/version"),
    exchange({"models": []}, url=f"{BASE}/api/tags"),
)
IMITATORS = {
    "SGLang": [models(owned_by="sglang", root="m", max_model_len=9)],
    "llama.cpp": [exchange(completion(), headers=(("Server", "llama.cpp"),))],
    "LocalAI": [exchange({"error": {"message": 'model "x" not found. To see available models, call GET /v1/models'}},
                         status=404)],
    "vLLM": [models(owned_by="vllm")],
    "Ollama": [exchange(completion(system_fingerprint="fp_ollama"))],
}  # fmt: skip


@pytest.mark.parametrize("who", IMITATORS)
def test_ollamas_routes_on_another_server_fool_nobody(who):
    assert names(of(*IMITATED, *IMITATORS[who])) == [who]
    assert names(of(*IMITATORS[who], *IMITATED)) == [who]


def test_routes_alone_make_no_certainty():
    assert names(of(*IMITATED[1:])) == []
    assert [hop.confidence for hop in recognise(of(*IMITATED))] == ["medium"]


def test_of_several_servers_the_likeliest_is_named():
    both = [
        models(owned_by="vllm", max_model_len=9, permission=[{}]),
        exchange({"error": "404 page not found"}, status=404),
    ]
    assert names(of(*both, exchange({"version": "0.9"}, url="http://127.0.0.1:8000/api/version"))) == ["vLLM"]


def test_the_data_is_sound():
    hops = known_hops()
    assert len({hop.name for hop in hops}) == len(hops)
    order = [("gateway", "provider", "server").index(hop.kind) for hop in hops]
    assert order == sorted(order)
    for hop in hops:
        assert sum(mark.weight for mark in hop.marks) >= 3
        assert all(mark.weight in (1, 2, 3) and not mark.match.search("") for mark in hop.marks)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data):
    recognise(of(exchange(data), exchange(data, kind=EVENTS), models(owned_by=data.decode("latin-1"))))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["data", "choices", "message", "tool_calls", "id", "error"]), inner, max_size=3
            )
        ),
    )
)
def test_no_shape_makes_it_fail(value):
    made = exchange(json.dumps(value), url="http://127.0.0.1:8000/v1/models")
    recognise(of(made, dataclasses.replace(made, sent=dataclasses.replace(made.sent, method="GET"))))
