"""The loop against a real HTTP endpoint and real commands: how it ends, what it leaves, what it sends back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scripted import HANG, Scripted, call, fails, says, scripted
from unwalled import UnwalledBox

from cab_check.agent.loop import AgentRun
from cab_check.agent.result import AgentLimits, AgentResult
from cab_check.agent.tool_calling import ToolCalling
from cab_check.base.progress import Quiet
from cab_check.base.spans import Trace
from cab_check.demo.server import serve
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.budget import Budget
from cab_check.wire.client import Client
from cab_check.wire.facts import gather

WRITE = call("write_file", {"path": "out.txt", "content": "made"}, "call_w")
LOOK = call("shell", {"command": "ls"}, "call_l")


@dataclass
class Ran:
    """One finished run and everything that a test may look at."""

    result: AgentResult
    endpoint: Scripted
    trace: Trace
    box: UnwalledBox

    def told(self) -> list[str]:
        """What the tools and the loop told the model, in order."""
        said = [message for message in self.result.messages[2:] if message["role"] in ("tool", "user")]
        return [message["content"] for message in said]


def run(
    tmp_path: Path,
    *replies: dict[str, Any],
    limits: AgentLimits | None = None,
    stream: bool = True,
    budget: Budget | None = None,
) -> Ran:
    async def go() -> Ran:
        trace, box = Trace(), UnwalledBox(tmp_path)
        async with scripted(*replies, budget=budget) as (client, endpoint):
            agent = AgentRun(
                client, box, ToolCalling(), model="m", limits=limits or AgentLimits(), trace=trace, progress=Quiet(),
                stream=stream,
            )  # fmt: skip
            result = await agent.work("Do it.")
        return Ran(result, endpoint, trace, box)

    return asyncio.run(go())


@pytest.mark.parametrize("stream", [True, False])
def test_a_task_is_worked_on_until_the_model_says_it_is_done(tmp_path: Path, stream: bool) -> None:
    ran = run(tmp_path, says(None, WRITE, LOOK), says("All done."), stream=stream)
    result = ran.result
    assert (result.end, result.turns, result.final_text, result.malformed) == ("finished", 2, "All done.", 0)
    assert (tmp_path / "out.txt").read_text() == "made"
    assert ran.told() == ["4 bytes written to out.txt.", "exit code 0\nout.txt\n"]
    assert (result.prompt_tokens, result.completion_tokens) == (200, 40)
    assert [message["role"] for message in result.messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant",
    ]  # fmt: skip
    assert str(tmp_path) in result.messages[0]["content"]
    assert result.messages[1]["content"] == "Do it."
    assert [one.get("stream", False) for one in ran.endpoint.requests] == [stream, stream]


def test_calls_go_back_with_the_ids_and_arguments_that_came(tmp_path: Path) -> None:
    spaced = call("shell", '{ "command" :\n "true" }', "weird/id 1")
    ran = run(tmp_path, says("Looking.", spaced, reasoning_content="Hm."), says("Done."))
    assistant, tool = ran.endpoint.requests[1]["messages"][2:]
    assert assistant == {
        "role": "assistant", "content": "Looking.", "tool_calls": [spaced], "reasoning_content": "Hm.",
    }  # fmt: skip
    assert tool == {"role": "tool", "tool_call_id": "weird/id 1", "content": "exit code 0"}


def test_each_model_call_and_each_tool_call_is_a_span(tmp_path: Path) -> None:
    ran = run(tmp_path, says(None, WRITE), says("Done."))
    spans = ran.trace.spans
    assert [span.kind for span in spans] == ["model_call", "tool_call", "model_call"]
    first = spans[0].attributes
    call_of_run = ran.result.calls[0]
    assert first["request_hash"] == call_of_run.request_hash != ran.result.calls[1].request_hash
    assert (first["model"], first["exchange"], first["finish_reason"]) == ("m", 1, "tool_calls")
    assert (first["prompt_tokens"], first["completion_tokens"]) == (100, 20)
    assert 0 < first["first_token_ms"] <= first["latency_ms"]
    assert spans[1].attributes["exit_code"] == 0
    assert spans[1].attributes["about"] == "out.txt"
    assert ran.result.active_s == pytest.approx(spans[1].attributes["active_ms"] / 1000)


def test_broken_arguments_are_told_to_the_model_and_end_the_run_in_the_end(tmp_path: Path) -> None:
    ran = run(tmp_path, says(None, call("write_file", '{"path": "out.txt", "content": "ma')))
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("malformed", 3, 3)
    assert "3 malformed replies in a row" in ran.result.detail
    assert "not JSON" in ran.endpoint.requests[1]["messages"][-1]["content"]
    assert list(tmp_path.iterdir()) == []


def test_a_good_reply_in_between_starts_the_count_of_malformed_ones_anew(tmp_path: Path) -> None:
    bad = says(None, call("shell", "{"))
    ran = run(tmp_path, bad, bad, says(None, LOOK), bad, bad, says("Done."))
    assert (ran.result.end, ran.result.malformed) == ("finished", 4)


def test_one_wrong_call_keeps_its_sound_neighbour_from_being_carried_out(tmp_path: Path) -> None:
    ran = run(tmp_path, says(None, WRITE, call("fly", {}, "call_f")), says("Done."))
    assert list(tmp_path.iterdir()) == []
    spared, wrong = ran.told()
    assert "Not carried out" in spared
    assert "no tool fly" in wrong
    assert [message["tool_call_id"] for message in ran.result.messages[3:5]] == ["call_w", "call_f"]


def test_a_call_cut_off_at_the_length_is_malformed_and_said_to_be(tmp_path: Path) -> None:
    cut = says(None, call("write_file", '{"path": "out.txt", "content": "ma'), finish="length")
    ran = run(tmp_path, cut, says("Done."))
    assert (ran.result.end, ran.result.malformed) == ("finished", 1)
    assert "cut off" in ran.told()[0]


def test_a_text_cut_off_at_the_length_is_no_end_of_the_work(tmp_path: Path) -> None:
    ran = run(tmp_path, says("I will now", finish="length"), says(None, WRITE), says("Done."))
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("finished", 3, 1)
    assert (tmp_path / "out.txt").exists()


def test_an_empty_reply_is_malformed(tmp_path: Path) -> None:
    ran = run(tmp_path, says(""), says("Done."))
    assert (ran.result.end, ran.result.malformed) == ("finished", 1)
    assert "empty" in ran.told()[0]


def test_a_tool_call_written_as_text_ends_the_run_and_does_nothing(tmp_path: Path) -> None:
    text = '<tool_call>{"name": "write_file", "arguments": {"path": "out.txt", "content": "x"}}</tool_call>'
    ran = run(tmp_path, says(text))
    assert (ran.result.end, ran.result.final_text) == ("finished", text)
    assert "without ever calling a tool" in ran.result.detail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([call("shell", {"command": "touch out.txt"}, None)], "without an id"),
        ([call("shell", {"command": "touch out.txt"}, "")], "without an id"),
        ([call("shell", {"command": "touch out.txt"}, "a")] * 2, "the same id"),
        (
            [{"id": "a", "type": "function", "function": {"name": "shell", "arguments": {"command": "touch out.txt"}}}],
            "other than a JSON string",
        ),
    ],
)
def test_a_call_that_cannot_be_answered_ends_the_run_in_words(
    tmp_path: Path, calls: list[dict[str, Any]], words: str
) -> None:
    ran = run(tmp_path, says(None, *calls), stream=False)
    assert (ran.result.end, len(ran.endpoint.requests)) == ("malformed", 1)
    assert words in ran.result.detail
    assert list(tmp_path.iterdir()) == []


def test_an_endless_caller_meets_the_ceiling_on_turns(tmp_path: Path) -> None:
    ran = run(tmp_path, says(None, LOOK), limits=AgentLimits(turns=4))
    assert (ran.result.end, ran.result.turns, len(ran.endpoint.requests)) == ("turns", 4, 4)
    assert "4 turns" in ran.result.detail


def test_the_ceiling_on_tokens_is_not_passed(tmp_path: Path) -> None:
    ran = run(tmp_path, says(None, LOOK), limits=AgentLimits(tokens=500))
    assert ran.result.end == "tokens"
    assert "480 tokens used" in ran.result.detail
    assert len(ran.endpoint.requests) == 4


def test_an_endpoint_that_does_not_count_still_meets_the_ceiling_on_tokens(tmp_path: Path) -> None:
    ran = run(tmp_path, says(None, LOOK, usage=None), limits=AgentLimits(tokens=3000))
    assert ran.result.end == "tokens"
    assert "does not count" in ran.result.detail
    assert ran.result.prompt_tokens is None
    assert 1 < len(ran.endpoint.requests) < 10


def test_a_count_below_nothing_is_no_count(tmp_path: Path) -> None:
    result = run(tmp_path, says("Done.", usage={"prompt_tokens": -1, "completion_tokens": 5})).result
    assert (result.prompt_tokens, result.completion_tokens) == (None, 5)


def test_a_slow_command_meets_the_ceiling_on_time(tmp_path: Path) -> None:
    slow = call("shell", {"command": "exec sleep 60"})
    ran = run(tmp_path, says(None, slow), limits=AgentLimits(wall_s=0.5))
    assert (ran.result.end, ran.result.turns) == ("time", 1)
    assert "0.5 s" in ran.result.detail
    assert ran.trace.spans[-1].attributes["limit"] == "wall"


def test_what_was_asked_for_after_a_slow_command_is_not_begun_when_time_is_up(tmp_path: Path) -> None:
    slow = call("shell", {"command": "exec sleep 60"})
    ran = run(tmp_path, says(None, slow, WRITE), limits=AgentLimits(wall_s=0.5))
    assert ran.result.end == "time"
    assert [span.name for span in ran.trace.spans if span.kind == "tool_call"] == ["shell"]
    assert list(tmp_path.iterdir()) == []


def test_a_slow_endpoint_meets_the_ceiling_on_time(tmp_path: Path) -> None:
    ran = run(tmp_path, HANG, limits=AgentLimits(wall_s=0.3))
    assert (ran.result.end, ran.result.calls) == ("time", ())


def test_a_request_over_its_own_deadline_is_a_failure_of_the_endpoint(tmp_path: Path) -> None:
    ran = run(tmp_path, HANG, limits=AgentLimits(request_s=0.3, wall_s=15))
    assert ran.result.end == "endpoint"
    assert "total-timeout" in ran.result.detail


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fails(500, {"error": {"message": "CUDA out of memory"}}), "HTTP 500: CUDA out of memory"),
        (fails(429, {"detail": "slow down"}), "HTTP 429: slow down"),
        (fails(502, "<html><title>Bad Gateway</title></html>"), "HTTP 502: Bad Gateway"),
        (fails(500, ""), "HTTP 500: empty"),
        (fails(200, {"error": {"message": "no worker"}}), "HTTP 200: no worker"),
        (fails(200, "<html>Welcome</html>"), "HTTP 200, but no chat completion: <html>Welcome</html>"),
        (fails(302, "moved"), "HTTP 302: moved"),
        (says(None, finish="content_filter"), "content filter"),
    ],
)  # fmt: skip
def test_a_failed_request_ends_the_run_in_the_servers_words(tmp_path: Path, reply: dict[str, Any], words: str) -> None:
    ran = run(tmp_path, says(None, WRITE), reply, says("never sent"))
    assert ran.result.end == "endpoint"
    assert words in ran.result.detail
    assert len(ran.endpoint.requests) == 2
    assert (tmp_path / "out.txt").exists()


def test_a_gateways_words_are_followed_by_those_of_the_server_behind_it(tmp_path: Path) -> None:
    inner = '{"error": {"message": "tools are not supported", "code": 400}}'
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": inner}}}
    ran = run(tmp_path, fails(400, body))
    assert ran.result.detail == "HTTP 400: Provider returned error; behind it: tools are not supported"


def test_a_refused_request_is_no_call_of_the_model(tmp_path: Path) -> None:
    ran = run(tmp_path, fails(400, {"error": {"message": "no tools"}}))
    assert ran.result.calls == ()
    assert [span.kind for span in ran.trace.spans] == ["model_call"]


@pytest.mark.parametrize(("budget", "end"), [(Budget(max_requests=1), "requests"), (Budget(max_tokens=5050), "tokens")])
def test_a_ceiling_of_the_job_ends_the_run(tmp_path: Path, budget: Budget, end: str) -> None:
    ran = run(tmp_path, says(None, WRITE), says("never asked"), budget=budget)
    assert (ran.result.end, ran.result.turns, len(ran.result.calls)) == (end, 1, 1)
    assert "--max-" in ran.result.detail


def test_halves_of_characters_can_be_sent_back_and_stored(tmp_path: Path) -> None:
    ran = run(tmp_path, says("\ud83d\ude00 \ud83d", LOOK), says("end \udc00"), stream=False)
    assert ran.endpoint.requests[1]["messages"][2]["content"] == "\U0001f600 \ufffd"
    assert ran.result.final_text == "end \ufffd"


def test_a_cancelled_run_leaves_what_it_had_and_no_process(tmp_path: Path) -> None:
    async def go() -> tuple[AgentResult, Trace]:
        trace = Trace()
        async with scripted(says(None, WRITE), HANG) as (client, endpoint):
            agent = AgentRun(
                client, UnwalledBox(tmp_path), ToolCalling(), model="m", limits=AgentLimits(), trace=trace,
                progress=Quiet(),
            )  # fmt: skip
            task = asyncio.ensure_future(agent.work("Do it."))
            await endpoint.hanging.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.in_flight == 0
            return agent.result_so_far(), trace

    result, trace = asyncio.run(go())
    assert (result.end, result.turns, len(result.calls)) == ("interrupted", 2, 1)
    assert [message["role"] for message in result.messages] == ["system", "user", "assistant", "tool"]
    assert trace.spans[-1].error is not None


@pytest.mark.parametrize("stream", [True, False])
def test_the_demo_endpoint_does_a_task_through_the_loop(tmp_path: Path, stream: bool) -> None:
    async def go() -> AgentResult:
        with serve() as server:
            address, access = read_address(server.base_url), Access()
            facts = await gather(address, access, model=None, profile="generic", nonce_seed="")
            async with Client(address, access, facts=facts) as client:
                agent = AgentRun(
                    client, UnwalledBox(tmp_path), ToolCalling(), model="cab-check-demo", limits=AgentLimits(turns=10),
                    trace=Trace(), progress=Quiet(), stream=stream,
                )  # fmt: skip
                return await agent.work("Create a file named hello.txt containing 'hi there'.")

    result = asyncio.run(go())
    assert result.end == "finished"
    assert (tmp_path / "hello.txt").read_text().strip() == "hi there"
    assert result.prompt_tokens is not None
