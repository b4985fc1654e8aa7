"""Whether a toolchain works inside: the smallest program of its language, built and run behind the walls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Engine, Mount, Plan, Toolchain
from cab_check.sandbox.mountplan import WORK_INSIDE

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Proof:
    """A program that prints `ok`, and the shell command that builds and runs it."""

    command: str
    files: Mapping[str, str]


_JAVA = 'class T { public static void main(String[] a) { System.out.println("ok"); } }\n'
_GO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("ok") }\n'
PROOFS: Mapping[str, Proof] = {
    "python": Proof("python3 t.py", {"t.py": "import unittest\nprint('ok')\n"}),
    "cargo": Proof("cargo --version >&2 && rustc t.rs && ./t", {"t.rs": 'fn main() { println!("ok"); }\n'}),
    "node": Proof("node t.js", {"t.js": "require('node:test'); console.log('ok');\n"}),
    "go": Proof("go run t.go", {"t.go": _GO}),
    "java": Proof("javac T.java && java T", {"T.java": _JAVA}),
    "gcc": Proof("gcc -o t t.c && ./t", {"t.c": '#include <stdio.h>\nint main(void) { puts("ok"); return 0; }\n'}),
}


async def why_it_fails(engine: Engine, chain: Toolchain) -> str | None:
    """None if `chain` builds and runs a program in a box of `engine`, else the reason."""
    proof = PROOFS[chain.name]
    try:
        with scratch.directory("proof") as work:
            for name, text in proof.files.items():
                (work / name).write_text(text, encoding="utf-8")
            async with engine.open(Plan((Mount(work, WORK_INSIDE, writable=True),), (chain,))) as box:
                done = await box.run(["/bin/sh", "-c", proof.command], timeout_s=_TIMEOUT_S)
    except NoSandbox as failure:
        return failure.message
    if done.limit is not None:
        return f"it went over its limit: {done.limit}"
    if done.exit_code == 0 and done.stdout.split() == [b"ok"]:
        return None
    said = (done.stderr or done.stdout)[-300:].decode("utf-8", "replace")
    return one_line(said) or f"it ended with {done.exit_code}"
