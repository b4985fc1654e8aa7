"""Commands and variables as lines of a shell, quoted so that the program gets what was meant: POSIX sh, PowerShell.

In a profile, a word that is `{key}`, `{task}`, `{file}` or `{cwd}` stands for a variable of the shell, `{home}/...` for
a path below the home directory, and `{pipe}` for the sign between two commands; all else is literal.
"""

from __future__ import annotations

import re
import shlex
from typing import Protocol

TASK, FILE = "TASK", "FILE"
"""The shell variables that stand for the prompt and for the file to change."""

CWD = "PWD"
"""The shell's own name for where it stands."""

_SAFE = re.compile(r"[A-Za-z0-9_./:@%+=-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_variable(name: str) -> bool:
    """Whether `name` can be the name of a variable in every shell."""
    return _NAME.fullmatch(name) is not None


class Shell(Protocol):
    """One shell's way to write a word."""

    name: str

    def literal(self, text: str) -> str:
        """`text` as one word, taken as it is."""

    def reference(self, variable: str) -> str:
        """The value of a variable as one word."""

    def home(self, path: str) -> str:
        """A path below the home directory as one word; `path` is of the profile, plain letters."""

    def export(self, variable: str, word: str) -> str:
        """The line that sets a variable for the programs started after it."""


class Posix:
    """sh, bash, zsh, dash."""

    name = "sh"

    def literal(self, text: str) -> str:
        return shlex.quote(text)

    def reference(self, variable: str) -> str:
        return f'"${variable}"'

    def home(self, path: str) -> str:
        return f'"$HOME/{path}"'

    def export(self, variable: str, word: str) -> str:
        return f"export {variable}={word}"


class PowerShell:
    """PowerShell 7 on Windows."""

    name = "powershell"

    def literal(self, text: str) -> str:
        return text if _SAFE.fullmatch(text) and not text.startswith("@") else "'" + _doubled(text) + "'"

    def reference(self, variable: str) -> str:
        return "$PWD" if variable == CWD else f"$env:{variable}"

    def home(self, path: str) -> str:
        return f'"$HOME/{path}"'

    def export(self, variable: str, word: str) -> str:
        return f"$env:{variable} = {word if word.startswith(('$', chr(39))) else chr(39) + word + chr(39)}"


def _doubled(text: str) -> str:
    """Every kind of single quote that PowerShell ends a string at, twice."""
    return re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text)


def shell_of(platform: str) -> Shell:
    """The shell to print for, by `sys.platform`."""
    return PowerShell() if platform == "win32" else Posix()


def under_home(word: str) -> str | None:
    """The path below the home directory that a word of a profile (`{home}/...`) names; None if it is no such word."""
    return word.removeprefix("{home}/") if word.startswith("{home}/") else None


def referred(word: str, key_env: str) -> str | None:
    """The shell variable that a word of a profile stands for; None if it stands for itself."""
    return {"{key}": key_env, "{task}": TASK, "{file}": FILE, "{cwd}": CWD}.get(word)
