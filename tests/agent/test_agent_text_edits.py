"""The dialects of aider through the loop: real HTTP, real commands, what the model is told, what becomes of files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from scripted import Scripted, says, scripted
from unwalled import UnwalledBox

from cab_check.agent import text_edits
from cab_check.agent.dialects import DIALECTS, dialect
from cab_check.agent.loop import AgentRun
from cab_check.agent.result import AgentLimits, AgentResult
from cab_check.agent.text_edits import TextEdits
from cab_check.base.errors import UnknownName
from cab_check.base.progress import Quiet
from cab_check.base.spans import Trace
from cab_check.chat.edits import formats

POND = "class Pond:\n    depth = 2\n    frogs = []\n"
FILES = {"pond.py": POND.encode(), "main.py": b"import pond\n", "logo.bin": b"\xff\xfe\x00"}
FORMS = ("aider-diff", "aider-whole", "aider-udiff")


def block(old: str, new: str, path: str = "pond.py", fence: str = "```") -> str:
    return f"{path}\n{fence}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n{fence}"


DEEPER = {
    "aider-diff": block("    depth = 2\n", "    depth = 3\n"),
    "aider-whole": f"pond.py\n```\n{POND.replace('2', '3')}```",
    "aider-udiff": "```diff\n--- pond.py\n+++ pond.py\n@@ ... @@\n-    depth = 2\n+    depth = 3\n```",
}
UNMATCHED = {
    "aider-diff": block("    depth = 9\n", "    depth = 3\n"),
    "aider-whole": "\n\n```\nno name\n```",
    "aider-udiff": "```diff\n--- pond.py\n+++ pond.py\n@@ ... @@\n-    width = 9\n+    depth = 3\n```",
}


@dataclass
class Ran:
    """One finished run, its requests, and the files that are there afterwards."""

    result: AgentResult
    endpoint: Scripted
    files: dict[str, bytes]
    trace: Trace

    @property
    def last_told(self) -> str:
        """The newest message in the newest request."""
        return str(self.endpoint.requests[-1]["messages"][-1]["content"])


def run(
    folder: Path,
    form: str,
    *replies: dict[str, Any],
    files: Mapping[str, bytes] = FILES,
    editable: tuple[str, ...] = ("pond.py",),
    instruction: str = "Make it deeper.",
    outside: Path | None = None,
) -> Ran:
    """`outside`: a directory to which a link `link` in the tree leads."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    if outside is not None:
        (folder / "link").symlink_to(outside)

    async def go() -> Ran:
        trace = Trace()
        async with scripted(*replies) as (client, endpoint):
            agent = AgentRun(
                client, UnwalledBox(folder), dialect(form), model="m", limits=AgentLimits(), trace=trace,
                progress=Quiet(),
            )  # fmt: skip
            result = await agent.work(instruction, files, editable)
        return Ran(result, endpoint, {}, trace)

    ran = asyncio.run(go())
    ran.files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    return ran


def with_depth_3(files: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    return dict(sorted({**files, "pond.py": files["pond.py"].replace(b"2", b"3")}.items()))


@pytest.mark.parametrize("form", FORMS)
def test_one_request_is_enough_where_all_edits_fit(form: str, tmp_path: Path) -> None:
    ran = run(tmp_path, form, says(f"Deeper now.\n\n{DEEPER[form]}"))
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("finished", 1, 0)
    assert ran.result.detail == "the model's edits were applied"
    assert ran.files == with_depth_3()
    assert [span.name for span in ran.trace.spans if span.kind == "tool_call"] == ["replace_file"]
    (request,) = ran.endpoint.requests
    assert "tools" not in request
    assert [message["role"] for message in request["messages"]] == [
        "system", "user", "assistant", "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert POND in request["messages"][5]["content"]
    assert "main.py" not in str(request), "a file that the task is not about is not shown"
    assert request["messages"][-1]["content"].startswith("Make it deeper.\n\n")


@pytest.mark.parametrize("form", FORMS)
def test_an_edit_that_does_not_fit_is_told_and_mended(form: str, tmp_path: Path) -> None:
    ran = run(tmp_path, form, says(UNMATCHED[form]), says(DEEPER[form]), editable=("pond.py", "main.py"))
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("finished", 2, 1)
    assert ran.files == with_depth_3()
    words = {"aider-diff": "depth = 9", "aider-whole": "no file's name", "aider-udiff": "width = 9"}
    assert words[form] in ran.last_told


@pytest.mark.parametrize("form", FORMS)
def test_three_corrections_are_all(form: str, tmp_path: Path) -> None:
    ran = run(tmp_path, form, says(UNMATCHED[form]), editable=("pond.py", "main.py"))
    assert (ran.result.end, len(ran.endpoint.requests), ran.result.malformed) == ("malformed", 4, 4)
    assert ran.files == dict(sorted(FILES.items()))


@pytest.mark.parametrize("form", FORMS)
def test_a_reply_without_an_edit_ends_the_run(form: str, tmp_path: Path) -> None:
    ran = run(tmp_path, form, says("I would set the depth to 3."))
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("finished", 1, 0)
    assert ran.result.detail == "the model answered without an edit"
    assert ran.result.final_text == "I would set the depth to 3."
    assert ran.files == dict(sorted(FILES.items()))


def test_what_fits_is_kept_and_the_rest_is_told_with_the_file_as_it_is_by_then(tmp_path: Path) -> None:
    unknown = block("    toads = []\n", "    toads = [1]\n")
    half = f"{DEEPER['aider-diff']}\n\n{unknown}"
    rest = block("    frogs = []\n", "    frogs = [1]\n")
    ran = run(tmp_path, "aider-diff", says(half), says(rest))
    assert (ran.result.end, ran.result.malformed) == ("finished", 1)
    assert ran.files["pond.py"] == b"class Pond:\n    depth = 3\n    frogs = [1]\n"
    assert "1 of 2 blocks" in ran.last_told and "    depth = 3\n    frogs = []" in ran.last_told


def test_whatever_stands_in_a_fence_becomes_the_one_file_of_the_chat(tmp_path: Path) -> None:
    """Measured of aider: that is the damage which a model does that answers whole-file requests with commands."""
    ran = run(tmp_path, "aider-whole", says("Run the tests:\n\n```bash\npytest\n```"))
    assert (ran.result.end, ran.files["pond.py"]) == ("finished", b"pytest\n")


def test_commands_are_not_run(tmp_path: Path) -> None:
    ran = run(tmp_path, "aider-diff", says("```bash\ntouch ran.txt\n```"))
    assert (ran.result.end, "ran.txt" in ran.files) == ("finished", False)


def test_another_file_that_is_mentioned_is_shown_and_the_reply_asked_for_again(tmp_path: Path) -> None:
    ran = run(tmp_path, "aider-diff", says(f"See main.py.\n\n{DEEPER['aider-diff']}"), says(DEEPER["aider-diff"]))
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("finished", 2, 0)
    assert "main.py\n```\nimport pond\n```" in ran.last_told
    assert ran.files == with_depth_3()


def test_a_file_that_the_instruction_mentions_is_in_the_chat(tmp_path: Path) -> None:
    ran = run(tmp_path, "aider-diff", says("No."), instruction="Make pond.py deeper, as main.py wants it.")
    assert "import pond" in ran.endpoint.requests[0]["messages"][5]["content"]


def test_a_new_file_is_made(tmp_path: Path) -> None:
    ran = run(tmp_path, "aider-diff", says(block("", "x = 1\n", "lib/new.py")))
    assert (ran.result.end, ran.files["lib/new.py"]) == ("finished", b"x = 1\n")


def test_the_fence_is_one_that_the_file_does_not_hold(tmp_path: Path) -> None:
    files = {"pond.py": b"x = 2\n```\n"}
    ran = run(tmp_path, "aider-whole", says("pond.py\n````\nx = 3\n```\n````"), files=files)
    assert "````" in ran.endpoint.requests[0]["messages"][0]["content"]
    assert ran.files["pond.py"] == b"x = 3\n```\n"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../pond.py", "outside the project"),
        ("/etc/cab-check-test", "outside the project"),
        ("link/new.py", "symbolic link"),
        ("n" * 300, "too long"),
        ("a" * 200 + ("/" + "b" * 200) * 20, "too long"),
        ("po\0nd.py", "NUL"),
        ("logo.bin", "not a text file"),
    ],
)
def test_a_hostile_path_is_refused_and_the_model_is_told(tmp_path: Path, path: str, words: str) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    ran = run(work, "aider-diff", says(block("", "x = 1\n", path)), says("Then I cannot."), outside=outside,
              editable=("pond.py", "logo.bin"))  # fmt: skip
    assert (ran.result.end, ran.result.turns, ran.result.malformed) == ("finished", 2, 1)
    assert words in ran.last_told
    assert ran.files == dict(sorted(FILES.items()))
    assert list(outside.iterdir()) == [] and not (tmp_path / "pond.py").exists()


def test_a_reply_cut_off_at_the_length_is_asked_for_again_and_not_applied(tmp_path: Path) -> None:
    cut = says(f"pond.py\n```\n{POND[:20]}", finish="length")
    ran = run(tmp_path, "aider-whole", cut, says(DEEPER["aider-whole"]))
    assert (ran.result.end, ran.result.malformed, ran.files) == ("finished", 1, with_depth_3())
    assert "cut off" in ran.last_told


def test_an_empty_reply_ends_the_run(tmp_path: Path) -> None:
    ran = run(tmp_path, "aider-diff", says(""))
    assert (ran.result.end, ran.result.turns, ran.result.detail) == ("malformed", 1, "the reply held no text")


def test_a_file_with_crlf_is_written_with_newlines_as_by_aider(tmp_path: Path) -> None:
    ran = run(
        tmp_path, "aider-diff", says(DEEPER["aider-diff"]), files={"pond.py": POND.replace("\n", "\r\n").encode()}
    )
    assert ran.files["pond.py"] == POND.replace("2", "3").encode()


def test_the_dialects_are_known_by_name_and_each_says_something_else() -> None:
    assert set(DIALECTS) == {"tool-calling", *FORMS}
    assert len({known.prompt_hash for known in DIALECTS.values()}) == 4
    assert all(known.name == name for name, known in DIALECTS.items())
    with pytest.raises(UnknownName, match="aider-patch"):
        dialect("aider-patch")


@pytest.mark.parametrize("field", ["rules", "example_ask", "example_answer", "reminder"])
def test_the_prompt_hash_covers_every_text(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dialect("aider-diff").prompt_hash
    other = replace(formats.PROMPTS["search-replace"], **{field: "Something else."})
    monkeypatch.setattr(text_edits, "PROMPTS", {"search-replace": other})
    assert dialect("aider-diff").prompt_hash != before


@pytest.mark.parametrize("form", FORMS)
def test_the_example_of_the_prompt_fits_its_own_format(form: str, tmp_path: Path) -> None:
    known = dialect(form)
    assert isinstance(known, TextEdits)
    frog = (
        "class Frog:\n    def __init__(self, age):\n        self.age = age\n\n    def jump(self):\n        return 3\n"
    )
    answer = known.prompt.example_answer.replace("{open}", "```").replace("{close}", "```")
    ran = run(tmp_path, form, says(answer), files={"frog.py": frog.encode()}, editable=("frog.py",))
    assert (ran.result.end, ran.files["frog.py"].decode()) == ("finished", frog.replace("return 3", "return self.age"))
