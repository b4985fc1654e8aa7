"""`python -m cab_check`, and what the installed `cab-check` starts. `--version` is answered before any import."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        import platform

        from cab_check import __version__

        print(f"cab-check {__version__} (Python {platform.python_version()})")
        return 0
    if sys.argv[1:2] == ["sandbox"]:  # the start of the others takes longer than a short command
        from cab_check.cli.sandbox import main as sandbox

        return sandbox(sys.argv[2:])
    from cab_check.cli.app import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
