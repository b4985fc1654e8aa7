"""Runs in aider's own environment: what its coders make of replies. JSON cases on stdin, JSON outcomes on stdout.

Each case has a directory of its own with its files, and no repository. The reply goes through the coder's own
`apply_updates`, as after a request; every question is answered with yes, as under --yes-always.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from aider.coders import Coder
from aider.io import InputOutput
from aider.models import Model

FORMATS = {"search-replace": "diff", "whole-file": "whole", "udiff": "udiff"}


def watched(coder: Coder) -> dict:
    """What the coder's own steps come to: nothing, applied, or dropped where one of them raised."""
    seen = {"kind": "nothing"}

    def watch(name: str) -> None:
        step = getattr(coder, name)

        def watching(*given: object, **named: object) -> object:
            try:
                result = step(*given, **named)
            except Exception:
                seen["kind"] = "dropped"
                raise
            if name == "get_edits" and result:
                seen["kind"] = "applied"
            return result

        setattr(coder, name, watching)

    for name in ("get_edits", "apply_edits_dry_run", "apply_edits"):
        watch(name)
    return seen


def outcome(case: dict, model: Model) -> dict:
    """`kind`: applied, nothing (no edit was found), complaint, or dropped (in silence).

    `files`: the new text of what changed or was made.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        root.mkdir()
        for name, text in case["files"].items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text.encode())
        os.chdir(root)
        io = InputOutput(pretty=False, yes=True, fancy_input=False)
        coder = Coder.create(
            main_model=model,
            edit_format=FORMATS[case["format"]],
            io=io,
            fnames=[str(root / name) for name in case["chat"]],
            use_git=False,
            map_tokens=0,
            stream=False,
            auto_lint=False,
            suggest_shell_commands=False,
        )
        coder.root = str(root)
        coder.init_before_message()
        coder.choose_fence()
        coder.partial_response_content = case["reply"]
        coder.remove_reasoning_content()
        seen = watched(coder)
        coder.apply_updates()
        after = {}
        for path in sorted(item for item in root.parent.rglob("*") if item.is_file()):
            name = os.path.relpath(path, root)
            text = path.read_bytes().decode("utf-8", "surrogateescape")
            if case["files"].get(name) != text:
                after[name] = text
        os.chdir("/")
    kind = "complaint" if coder.reflected_message else seen["kind"]
    return {"kind": kind, "files": after, "fence": coder.fence[0]}


def main() -> None:
    """Every case in turn."""
    cases = json.load(sys.stdin)
    result = sys.stdout
    sys.stdout = sys.stderr
    model = Model("openai/no-such-model")
    json.dump([outcome(case, model) for case in cases], result)


if __name__ == "__main__":
    main()
