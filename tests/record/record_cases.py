"""Records for the tests of record/ and report/, each made from the real dataclasses through `compose`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cab_check.agent.result import AgentResult, ModelCall
from cab_check.base.errors import CabError, NoSandbox, Stopped, UsageError
from cab_check.base.spans import Span
from cab_check.handshake.result import CheckResult, Cost, Handshake, ModelFacts, SdkView, Status
from cab_check.knowledge.finding import Evidence, Finding, Hop
from cab_check.record.compose import compose, error_document
from cab_check.record.tool import ToolFacts
from cab_check.run.result import Changes, Grade, TaskRun, Trial
from cab_check.sandbox.box import Isolation
from cab_check.wire.exchange import Exchange, Facts, Got, Piece, Recording, Sent, Times

STARTED = datetime(2026, 6, 16, 2, 3, 44, 259229, tzinfo=UTC)
TOOL = ToolFacts("cab-check", "0.1.0", "0123456789ab", "3.11.2", "Linux-6.1-x86_64", 2)
MODEL = "qwen3-coder-30b"
BASE = "http://127.0.0.1:8000/v1"

# id, layer, needs: the shape of a whole handshake for `generic`
CHECKS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("address", "address", ()),
    ("reach", "network", ("address",)),
    ("key", "auth", ("reach",)),
    ("model-list", "model", ("key",)),
    ("model-id", "model", ("key",)),
    ("chat", "chat", ("model-id",)),
    ("stream", "streaming", ("chat",)),
    ("tool-call", "tools-response", ("chat",)),
    ("tool-call-stream", "tools-response", ("chat",)),
    ("no-arguments", "tools-response", ("tool-call",)),
    ("two-calls", "tools-response", ("tool-call",)),
    ("second-turn", "tools-response", ("tool-call",)),
    ("faithful-text", "tools-response", ("tool-call",)),
    ("usage", "usage", ("chat",)),
)


def checks(**outcomes: Status) -> tuple[CheckResult, ...]:
    """All checks, passed unless `outcomes` (underscores for hyphens) says otherwise."""
    rows = []
    for number, (name, layer, needs) in enumerate(CHECKS, start=1):
        status = outcomes.get(name.replace("-", "_"), "pass")
        asked = () if status == "not_run" else (number,)
        rows.append(CheckResult(name, layer, status, f"{name}: {status}", needs, asked, 40.0 if asked else None))
    return tuple(rows)


def handshake(**changes: Any) -> Handshake:
    """A sound one, with some fields changed."""
    sound = Handshake(
        verdict="works",
        for_=("generic",),
        headline="streamed chat, tool calls and the second turn all work",
        checks=checks(),
        findings=(),
        hops=(Hop("vLLM", "server", "0.11.2", "high", "reply header server: vllm"),),
        model=ModelFacts(MODEL, MODEL, (MODEL, "qwen3-4b")),
        capabilities={"tools": "yes", "streaming": "yes"},
        cost=Cost(19, 2900, 1100, None, 5200.0, 2100.0),
        sdk_view=(SdkView(7, "3.54.0", "a tool call with arguments"),),
    )
    return replace(sound, **changes)


def recording(*replies: tuple[str, bytes]) -> Recording:
    """One complete 200 exchange per (route, body)."""
    exchanges = tuple(
        Exchange(
            number=number,
            sent=Sent("POST", f"{BASE}{route}", (("content-type", "application/json"),), b'{"n":1}', route, True),
            got=Got(200, "OK", "HTTP/1.1", (("content-type", "application/json"),), (Piece(9.0, body),)),
            end="complete",
            detail="",
            started_at="2026-06-16T02:03:44.300000Z",
            times=Times(connected=1.0, sent=2.0, headers=8.0, first_byte=9.0, end=9.5),
            body=body,
        )
        for number, (route, body) in enumerate(replies, start=1)
    )
    return Recording(Facts(base_url=BASE, given="127.0.0.1:8000", model_requested=MODEL), exchanges)


def trial(number: int = 1, *, passed: bool = True, calls: int = 6, counted: bool = True, **changes: Any) -> Trial:
    """One attempt at a task of five tests; two of them fail unless it passed."""
    names = ("happy_path", "bad_input_reports_index", "bad_input_does_not_raise", "empty", "negative_numbers")
    tests = tuple((name, "passed" if passed or "bad" not in name else "failed") for name in names)
    made = tuple(
        ModelCall(
            19 + n,
            "2026-06-16T02:03:50.000000Z",
            f"sha256:{n:02}",
            2900 if counted else None,
            120,
            900.0,
            210.0,
            "stop",
        )
        for n in range(calls)
    )
    whole = Trial(
        number=number,
        agent=AgentResult(
            "finished", "the model said it was done", calls, made, (), "sha256:prompt", final_text="Done."
        ),
        changes=Changes(modified=("errors.py",)),
        grade=Grade(
            passed=passed,
            reason="every test passed"
            if passed
            else "2 of 5 tests failed: bad_input_reports_index, bad_input_does_not_raise",
            tests=tests,
            exit_code=0 if passed else 1,
            stdout_tail="" if passed else "E   ValueError: invalid literal for int()\n",
        ),
        wall_s=41.2,
        active_s=3.5,
        grading_s=0.8,
        diff="--- a/errors.py\n+++ b/errors.py\n@@ -1 +1 @@\n-old\n+new\n",
    )
    return replace(whole, **changes)


def task_run(*trials: Trial, **changes: Any) -> TaskRun:
    """A run of the default task."""
    run = TaskRun(
        task_id="polyglot/python-error-handling",
        content_hash="sha256:feed",
        origin="reconstructed",
        category="polyglot",
        instruction="Make bad input an error that tells where it was.",
        dialect="tools",
        grading_gaps=("a solution that patches the test runner",),
        isolation=Isolation(3, "bubblewrap", "0.8.0", {"network": "none"}, ("the kernel is shared",)),
        trials=trials,
        exit_code=0 if trials and all(item.grade.passed for item in trials) else 1,
    )
    return replace(run, **changes)


def spans() -> tuple[Span, ...]:
    """A task's spans, out of order."""
    return (
        Span("b2", "a1", "model_call", "turn 1", 12.0, 900.0, {"prompt_tokens": 2900}),
        Span("a1", None, "adapter_run", "cab-loop", 10.0, 41200.0),
    )


def record(
    shaken: Handshake | None = None,
    run: TaskRun | None = None,
    *,
    exit_code: int = 0,
    seconds: float = 48.9,
    error: CabError | None = None,
    stopped_by: str | None = None,
    asked: Recording | None = None,
) -> dict[str, Any]:
    """`compose` with everything that varies from machine to machine held still."""
    return compose(
        started_at=STARTED,
        ended_at=STARTED + timedelta(seconds=seconds),
        recording=asked or recording(("/models", b"{}")),
        handshake=shaken or handshake(),
        task_run=run,
        trace=spans() if run else (),
        tool=TOOL,
        run_id="20260616-020344-beef",
        exit_code=exit_code,
        error=error,
        stopped_by=stopped_by,
    )


def parser_missing() -> Handshake:
    """vLLM without a tool parser: one cause, six findings that follow from it."""
    root = Finding(
        code="tool-call-as-text",
        layer="tools-response",
        severity="blocks",
        owner="server",
        title="The call comes as <tool_call> text; tool_calls stays empty.",
        subject="hermes",
        seen=(5, 5),
        evidence=(
            Evidence(8, "reply.choices[0].message.content", '<tool_call>{"name": "read_file", "arguments": {}}'),
        ),
        cause="vLLM was started without a parser for this model's tool calls.",
        fix=f"vllm serve {MODEL} --enable-auto-tool-choice --tool-call-parser hermes",
        sources=("https://docs.vllm.ai/en/latest/features/tool_calling.html",),
        confidence="high",
    )
    rest = tuple(
        root.but(code=code, subject=None, seen=(1, 1), fix=None, cause=None, evidence=(), follows_from=root.code)
        for code in (
            "tool-call-missing",
            "stream-differs",
            "parallel-calls-unsupported",
            "tool-result-ignored",
            "tool-arguments-unfaithful",
            "finish-reason-wrong",
        )
    )
    return handshake(
        verdict="blocked",
        headline="the server hands tool calls back as text, so no agent can act",
        findings=(root, *rest),
        checks=checks(
            tool_call="fail",
            tool_call_stream="fail",
            no_arguments="not_run",
            two_calls="not_run",
            second_turn="not_run",
            faithful_text="not_run",
        ),
        exit_code=3,
    )


def _gated(code: str, failed: str, **finding: Any) -> Handshake:
    """A handshake that ends at check `failed`: everything below it is not run."""
    names = [name for name, _, _ in CHECKS]
    outcomes: Mapping[str, Status] = {
        name.replace("-", "_"): "fail" if name == failed else "not_run" for name in names[names.index(failed) :]
    }
    found = Finding(code=code, severity="blocks", **finding)
    return handshake(findings=(found,), checks=checks(**outcomes), capabilities={}, sdk_view=())


def wrong_key() -> Handshake:
    """The key is refused: exit 4."""
    shaken = _gated(
        "key-rejected",
        "key",
        layer="auth",
        owner="user",
        title="The endpoint refuses the key with 401.",
        seen=(2, 2),
        evidence=(Evidence(2, "reply.error.message", "Incorrect API key provided: [key]"),),
        cause="The key from OPENAI_API_KEY (51 characters) is not known to this endpoint.",
        fix="--key-env NAME_OF_THE_VARIABLE_WITH_THIS_ENDPOINTS_KEY",
        confidence="high",
    )
    hops = (Hop("OpenAI", "provider", None, "medium", "the error's form"),)
    model = ModelFacts("gpt-5-mini")
    return replace(
        shaken, verdict="unchecked", headline="the endpoint refuses the key", hops=hops, model=model, exit_code=4,
        cost=Cost(3, None, None, None, 800.0, 300.0),
    )  # fmt: skip


def unknown_model() -> Handshake:
    """The id is not known, and there are near names."""
    shaken = _gated(
        "model-not-found",
        "model-id",
        layer="model",
        owner="user",
        title="The endpoint does not know the model id qwen3-code.",
        subject="qwen3-coder-30b",
        evidence=(Evidence(5, "reply.error.message", "The model `qwen3-code` does not exist."),),
        cause="It lists 2 models; the nearest are qwen3-coder-30b and qwen3-4b.",
        fix="--model qwen3-coder-30b",
        confidence="high",
    )
    headline = "the endpoint has no model of that name"
    model = ModelFacts("qwen3-code", None, (MODEL, "qwen3-4b"))
    return replace(shaken, verdict="blocked", headline=headline, model=model, exit_code=3)


def demo() -> Handshake:
    """The built-in endpoint answered."""
    name = "cab-check-demo"
    return handshake(
        model=ModelFacts(name, name, (name,)), hops=(Hop("cab-check demo", "server", "0.1.0", "high", "header"),)
    )


def all_records() -> dict[str, dict[str, Any]]:
    """One Record of every kind that a user meets."""
    failed = trial(passed=False)
    return {
        "passed": record(run=task_run(trial())),
        "failed": record(run=task_run(failed), exit_code=1),
        "trials": record(run=task_run(trial(), trial(2, passed=False), trial(3, passed=False)), exit_code=1),
        "uncounted": record(run=task_run(trial(counted=False))),
        "no-call": record(run=task_run(trial(passed=False, calls=0, changes=Changes())), exit_code=1),
        "blocked": record(parser_missing(), exit_code=3, seconds=8.1),
        "wrong-key": record(wrong_key(), exit_code=4, seconds=0.9),
        "unknown-model": record(unknown_model(), exit_code=3, seconds=1.2),
        "demo": record(demo(), task_run(trial())),
        "handshake-only": record(),
        "partial": record(
            handshake(
                verdict="unchecked",
                headline="no verdict yet: 5 of 14 checks have no answer",
                stopped_by="interrupt",
                checks=checks(second_turn="not_run", two_calls="not_run", faithful_text="not_run", usage="not_run"),
            ),
            exit_code=130,
            error=Stopped("Interrupted by Ctrl-C."),
        ),
        "partial-task": record(
            run=task_run(partial=True, unfinished=trial().agent),
            exit_code=130,
            error=Stopped("Interrupted by Ctrl-C."),
        ),
        "no-sandbox": record(
            exit_code=5,
            error=NoSandbox(
                "No walls stand on this machine: user namespaces are off and the kernel has no Landlock.",
                "sudo sysctl kernel.unprivileged_userns_clone=1",
            ),
        ),
        "usage-error": error_document(
            UsageError("No endpoint was given.", "cab-check --endpoint URL"), started_at=STARTED, tool=TOOL
        ),
    }
