# ruff: noqa: E501  (a reply reads best on one line)
"""The replies that our parser and aider's own are compared on: written ones, and changes of them by fixed dice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Case = dict[str, Any]

SHOP = """\
import csv

# Prices are in cents.
LIMIT = 20


class Shop:
    def __init__(self, stock):
        self.stock = stock
        self.sold = []

    def sell(self, name, count):
        left = self.stock[name]
        if left < count:
            return None

        self.stock[name] = left - count
        self.sold.append(name)
        return count


def total(rows):
    result = 0
    for row in rows:
        result += int(row["price"])
    return result
"""
NOTE = "first\nsecond\n\nthird\nsecond\n"
TABS = "int main() {\n\tint a = 1;\n\tif (a) {\n\t\treturn a;\n\t}\n\treturn 0;\n}\n"
FENCED = "# Title\n\n```\ncode\n```\n\nlast line\n"
ONE: Mapping[str, str] = {"src/shop.py": SHOP}
MANY: Mapping[str, str] = {"src/shop.py": SHOP, "note.txt": NOTE, "main.c": TABS}


def case(form: str, about: str, reply: str, files: Mapping[str, str] = ONE, chat: list[str] | None = None) -> Case:
    """One reply, with the files that it meets."""
    return {
        "about": about,
        "format": form,
        "files": dict(files),
        "chat": sorted(files) if chat is None else chat,
        "reply": reply,
    }


def block(
    search: str, replace: str, name: str | None = "src/shop.py", fence: str = "```", marks: tuple[str, str, str] = (
        "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE")
) -> str:  # fmt: skip
    """A search/replace block below its file's name."""
    head = "" if name is None else f"{name}\n"
    return f"{head}{fence}\n{marks[0]}\n{search}{marks[1]}\n{replace}{marks[2]}\n{fence}\n"


LINE, OTHER = "LIMIT = 20\n", "LIMIT = 30\n"
IF = "        if left < count:\n            return None\n"
IF_NEW = "        if left < count:\n            raise ValueError(name)\n"


def names() -> Iterator[Case]:
    """How the file of a block is named."""
    body = f"<<<<<<< SEARCH\n{LINE}=======\n{OTHER}>>>>>>> REPLACE\n"
    forms = {
        "plain": f"src/shop.py\n```\n{body}```",
        "with a language": f"src/shop.py\n```python\n{body}```",
        "inside the fence": f"```python\nsrc/shop.py\n{body}```",
        "no fence": f"src/shop.py\n{body}",
        "no name": f"```\n{body}```",
        "no name and nothing above": body,
        "bold": f"**src/shop.py**\n```\n{body}```",
        "heading": f"### src/shop.py\n```\n{body}```",
        "heading with words": f"### File: src/shop.py\n```\n{body}```",
        "in backticks": f"`src/shop.py`\n```\n{body}```",
        "with a colon": f"src/shop.py:\n```\n{body}```",
        "base name": f"shop.py\n```\n{body}```",
        "slip of the pen": f"src/shpo.py\n```\n{body}```",
        "on the fence": f"```src/shop.py\n{body}```",
        "language and name on the fence": f"```python:src/shop.py\n{body}```",
        "comment in the fence": f"```python\n# src/shop.py\n{body}```",
        "slashes in the fence": f"```python\n// src/shop.py\n{body}```",
        "blank line between": f"src/shop.py\n\n```\n{body}```",
        "two fences between": f"```\nsrc/shop.py\n```\n```python\n{body}```",
        "prose above": f"Here is the change to src/shop.py\n```\n{body}```",
        "three dots": f"...\n```\n{body}```",
        "indented": "  src/shop.py\n  ```\n" + "".join(f"  {line}\n" for line in body.splitlines()) + "  ```",
        "with ./": f"./src/shop.py\n```\n{body}```",
        "through ..": f"src/../src/shop.py\n```\n{body}```",
        "another file": f"src/unlike.py\n```\n{body}```",
        "name of nothing": f"lib/other/thing.rs\n```\n{body}```",
        "four backticks": f"src/shop.py\n````\n{body}````",
        "tildes": f"src/shop.py\n~~~\n{body}~~~",
        "quotation marks": f'"src/shop.py"\n```\n{body}```',
        "in a list": f"- src/shop.py\n```\n{body}```",
        "CRLF": f"src/shop.py\n```\n{body}```".replace("\n", "\r\n"),
        "think before": f"<think>\nI change {LINE}</think>\nsrc/shop.py\n```\n{body}```",
    }
    for about, reply in forms.items():
        yield case("search-replace", f"name: {about}", reply)


def markers() -> Iterator[Case]:
    """How a block is marked."""
    usual = ("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE")
    forms = {
        "five": ("<" * 5 + " SEARCH", "=" * 5, ">" * 5 + " REPLACE"),
        "nine": ("<" * 9 + " SEARCH", "=" * 9, ">" * 9 + " REPLACE"),
        "four": ("<" * 4 + " SEARCH", "=" * 4, ">" * 4 + " REPLACE"),
        "ten": ("<" * 10 + " SEARCH", "=" * 10, ">" * 10 + " REPLACE"),
        "uneven": ("<" * 5 + " SEARCH", "=" * 9, ">" * 7 + " REPLACE"),
        "four in the middle": (usual[0], "====", usual[2]),
        "four at the end": (usual[0], usual[1], ">>>> REPLACE"),
        "original and updated": ("<<<<<<< ORIGINAL", "=======", ">>>>>>> UPDATED"),
        "git's": ("<<<<<<< HEAD", "=======", ">>>>>>> branch"),
        "no blank": ("<<<<<<<SEARCH", "=======", ">>>>>>>REPLACE"),
        "small letters": ("<<<<<<< search", "=======", ">>>>>>> replace"),
        "> after": ("<<<<<<< SEARCH>", "=======", ">>>>>>> REPLACE"),
        "> after both": ("<<<<<<< SEARCH>", "=======", ">>>>>>> REPLACE>"),
        "words after": ("<<<<<<< SEARCH this", "=======", ">>>>>>> REPLACE"),
        "blanks after": ("<<<<<<< SEARCH  ", "=======   ", ">>>>>>> REPLACE "),
        "blanks before": ("  <<<<<<< SEARCH", "  =======", "  >>>>>>> REPLACE"),
        "ends like it divides": (usual[0], usual[1], usual[1]),
        "end before the middle": (usual[0], usual[2], usual[1]),
        "middle first": (usual[1], usual[0], usual[2]),
        "end word at the middle": (usual[0], "======= REPLACE", usual[2]),
        "search at the end": (usual[0], usual[1], ">>>>>>> SEARCH"),
    }
    for about, marks in forms.items():
        yield case("search-replace", f"marks: {about}", block(LINE, OTHER, marks=marks))
    whole = block(LINE, OTHER)
    for about, cut in (("in the search", "LIMIT"), ("before the middle", "==="), ("in the replace", "LIMIT = 30")):
        yield case("search-replace", f"broken off {about}", whole[: whole.index(cut)])
    yield case("search-replace", "no closing fence", whole.rstrip().removesuffix("```"))
    yield case("search-replace", "no middle", whole.replace("=======\n", ""))
    yield case("search-replace", "no end", whole.replace(">>>>>>> REPLACE\n", ""))


def matches() -> Iterator[Case]:
    """What the SEARCH lines may differ in."""
    dedent = "".join(line[8:] for line in IF.splitlines(keepends=True))
    dedent_new = "".join(line[8:] for line in IF_NEW.splitlines(keepends=True))
    more = "".join("    " + line for line in IF.splitlines(keepends=True))
    more_new = "".join("    " + line for line in IF_NEW.splitlines(keepends=True))
    pairs = {
        "exact": (IF, IF_NEW),
        "all indentation dropped": (dedent, dedent_new),
        "indented more": (more, more_new),
        "indented more in the search alone": (more, IF_NEW),
        "less in the search, right in the replace": (dedent, IF_NEW),
        "uneven": (IF.replace("            return", "          return"), IF_NEW),
        "blank at the end of a line": (IF.replace(":\n", ": \n"), IF_NEW),
        "one letter off": (IF.replace("left", "lest"), IF_NEW),
        "blanks inside": (IF.replace("left < count", "left  <  count"), IF_NEW),
        "blank line before": ("\n" + IF, IF_NEW),
        "blank lines before": ("\n\n" + IF, IF_NEW),
        "blank line after": (IF + "\n", IF_NEW + "\n"),
        "blank line after twice": (IF + "\n\n", IF_NEW),
        "short with a blank line before": ("\n" + LINE, OTHER),
        "gap": ("class Shop:\n...\n        self.sold = []\n", "class Store:\n...\n        self.sold = {}\n"),
        "gap indented": ("def total(rows):\n    ...\n    return result\n", "def sums(rows):\n    ...\n    return 1\n"),
        "gap in the search alone": ("class Shop:\n...\n        self.sold = []\n", "class Store:\n"),
        "gap that differs": ("class Shop:\n...\n", "class Store:\n    ...\n"),
        "gap with a piece that is there twice": ("self\n...\n", "this\n...\n"),
        "gap, and more at the end": ("def total(rows):\n...\n", "def total(rows):\n...\n# end\n"),
        "file name first": ("src/shop.py\n" + LINE, OTHER),
        "file name alone": ("src/shop.py\n", OTHER),
        "fence inside": (f"```\n{LINE}```\n", f"```\n{OTHER}```\n"),
        "nothing to find": ("", "# at the end\n"),
        "blanks to find": ("\n", "# at the end\n"),
        "nothing at all": ("", ""),
        "nothing to put": (IF, ""),
        "all of it gone": (SHOP, ""),
        "all of it new": (SHOP, "x = 1\n"),
        "the same": (LINE, LINE),
        "a line that is there twice": ("        self.stock", "        self.store"),
        "half a line": ("LIMIT", "MOST"),
        "comment left out": ("import csv\n\nLIMIT = 20\n", "LIMIT = 30\n"),
        "tabs for blanks": (IF.replace("        ", "\t"), IF_NEW.replace("        ", "\t")),
        "one line, too far in": ("    LIMIT = 20\n", "LIMIT = 30\n"),
    }
    for about, (search, replace) in pairs.items():
        yield case("search-replace", f"match: {about}", block(search, replace))
    yield case("search-replace", "tabs in the file, blanks in the block",
               block("    if (a) {\n        return a;\n", "    if (a) {\n        return 2;\n", "main.c"), MANY)  # fmt: skip
    yield case("search-replace", "tabs dropped", block("if (a) {\n\treturn a;\n", "if (a) {\n\treturn 2;\n", "main.c"),
               MANY)  # fmt: skip
    crlf = {"a.txt": "one\r\ntwo\r\nthree\r\n"}
    yield case("search-replace", "a file with CRLF", block("two\n", "2\n", "a.txt"), crlf)
    yield case("search-replace", "no newline at its end", block("two\n", "2\n", "a.txt"), {"a.txt": "one\ntwo"})
    yield case("search-replace", "an empty file", block("", "one\n", "a.txt"), {"a.txt": ""})
    yield case("search-replace", "a file that holds fences", block("code\n", "more\n", "a.md"), {"a.md": FENCED})
    yield case("search-replace", "a file that holds fences, in four",
               block("code\n", "more\n", "a.md", "````"), {"a.md": FENCED})  # fmt: skip


def several() -> Iterator[Case]:
    """More than one block, more than one file, new files, other things beside."""
    good, bad = block(LINE, OTHER), block("LIMIT = 21\n", OTHER)
    note = block("first\n", "1st\n", "note.txt")
    yield case("search-replace", "two good", good + "\nand\n\n" + block(IF, IF_NEW))
    yield case("search-replace", "good and bad", good + "\n" + block("nowhere\n", "x\n"))
    yield case("search-replace", "bad and good", bad + "\n" + block(IF, IF_NEW))
    yield case("search-replace", "two bad", bad + "\n" + block("nowhere\n", "x\n"))
    yield case("search-replace", "good and one broken off", good + "\n" + good[:60])
    yield case("search-replace", "second without a name", good + "\n```\n" + block(IF, IF_NEW, None)[4:])
    yield case("search-replace", "two in one fence", good.removesuffix("```\n") + block(IF, IF_NEW, None)[4:])
    yield case("search-replace", "second on the first's result", good + block("LIMIT = 30\n", "LIMIT = 40\n"))
    yield case("search-replace", "two files", good + "\n" + note, MANY)
    yield case("search-replace", "wrong file, found in another", block("first\n", "1st\n", "main.c"), MANY)
    yield case("search-replace", "missing file, found in another", block("first\n", "1st\n", "x/unlike.md"), MANY)
    yield case("search-replace", "file not in the chat", note, MANY, ["src/shop.py"])
    yield case("search-replace", "file not in the chat, no match", block("1st\n", "x\n", "note.txt"), MANY,
               ["src/shop.py"])  # fmt: skip
    yield case("search-replace", "new file", block("", "new = 1\n", "src/new.py"))
    yield case("search-replace", "new file, name near another", block("", "new = 1\n", "src/shopp.py"))
    yield case("search-replace", "new file with something to find", block("old\n", "new = 1\n", "src/fresh.py"))
    yield case("search-replace", "new file in new folders", block("", "new = 1\n", "a/b/c/new.py"))
    yield case("search-replace", "new empty file", block("", "", "src/new.py"))
    yield case("search-replace", "same new file twice", block("", "a\n", "new.py") + block("", "b\n", "new.py"))
    yield case("search-replace", "outside the project", block("", "x\n", "../outside.txt"))
    yield case("search-replace", "commands beside", good + "\n```bash\npython src/shop.py\n```\n")
    yield case("search-replace", "commands alone", "Run this:\n\n```bash\npython src/shop.py\n```\n")
    yield case("search-replace", "block in a shell's fence", good.replace("```\n<", "```bash\n<"))
    yield case("search-replace", "prose", "I would change LIMIT to 30 in src/shop.py.")
    yield case("search-replace", "empty", "")
    yield case("search-replace", "whole file instead", f"src/shop.py\n```\n{SHOP.replace('20', '30')}```")
    yield case("search-replace", "diff instead", hunk(f"-{LINE}+{OTHER}"))
    yield case("search-replace", "call in the text", '<tool_call>\n{"name": "edit", "arguments": {}}\n</tool_call>')


def whole() -> Iterator[Case]:
    """Whole files."""
    new = SHOP.replace("20", "30")
    forms = {
        "plain": f"src/shop.py\n```\n{new}```",
        "with a language": f"src/shop.py\n```python\n{new}```",
        "prose around": f"I raise the limit.\n\nsrc/shop.py\n```\n{new}```\n\nThat is all.",
        "no name": f"```\n{new}```",
        "blank line between": f"src/shop.py\n\n```\n{new}```",
        "prose as the name": f"Here is the new file:\n```\n{new}```",
        "bold": f"**src/shop.py**\n```\n{new}```",
        "bold with a colon": f"**src/shop.py:**\n```\n{new}```",
        "heading": f"### src/shop.py\n```\n{new}```",
        "heading in backticks": f"### `src/shop.py`\n```\n{new}```",
        "base name": f"shop.py\n```\n{new}```",
        "made-up folder": f"path/to/shop.py\n```\n{new}```",
        "made-up folder and name": f"path/to/unlike.py\n```\n{new}```",
        "on the fence": f"```src/shop.py\n{new}```",
        "not closed": f"src/shop.py\n```\n{new}",
        "broken off": f"src/shop.py\n```\n{new[:80]}",
        "four backticks": f"src/shop.py\n````\n{new}````",
        "fence inside": f"src/shop.py\n```\n{FENCED}```",
        "indented fence": f"src/shop.py\n  ```\n{new}  ```",
        "commands alone": "Run this:\n\n```bash\ncargo test\n```",
        "commands right below prose": "Run this:\n```bash\ncargo test\n```",
        "search/replace instead": block(LINE, OTHER),
        "search/replace, blank line between": block(LINE, OTHER).replace("py\n```", "py\n\n```"),
        "call instead": '```json\n{"name": "write", "arguments": {"path": "a"}}\n```',
        "diff instead": hunk(f"-{LINE}+{OTHER}"),
        "prose": "I would raise the limit.",
        "empty": "",
        "empty file": "src/shop.py\n```\n```",
        "the same": f"src/shop.py\n```\n{SHOP}```",
        "twice": f"src/shop.py\n```\n{SHOP}```\n\nsrc/shop.py\n```\n{new}```",
        "commands after": f"src/shop.py\n```\n{new}```\n\n```bash\npytest\n```",
        "commands before": f"\n\n```bash\npytest\n```\n\nsrc/shop.py\n```\n{new}```",
        "named in prose": f"This is `src/shop.py`:\n\n```\n{new}```",
        "long line above": "x" * 251 + f"\n```\n{new}```",
        "line of 250 above": "x" * 250 + f"\n```\n{new}```",
        "new file": "src/new.py\n```\nnew = 1\n```",
        "new file in new folders": "a/b/new.py\n```\nnew = 1\n```",
        "CRLF": f"src/shop.py\n```\n{new}```".replace("\n", "\r\n"),
        "blank lines at the end": f"src/shop.py\n```\n{new}\n\n```\n\n\n",
        "outside the project": "../outside.txt\n```\nx\n```",
        "three dots": f"...\n```\n{new}```",
        "in quotation marks": f'"src/shop.py"\n```\n{new}```',
        "think before": f"<think>\nHm.\n</think>\n\nsrc/shop.py\n```\n{new}```",
        "two fences in a row": f"src/shop.py\n```\n```\n{new}```",
    }
    for about, reply in forms.items():
        yield case("whole-file", f"whole: {about}", reply)
    many = {
        "two files": f"src/shop.py\n```\n{new}```\n\nnote.txt\n```\n1st\n```",
        "no name": f"```\n{new}```",
        "blank line between": f"note.txt\n\n```\n{new}```",
        "named in prose": "Now `note.txt`.\n\n```\n1st\n```",
        "two named in prose": "Now `note.txt`, then `main.c`.\n\n```\n1st\n```",
        "base name": f"shop.py\n```\n{new}```",
        "second without a name": f"src/shop.py\n```\n{new}```\n\n```\n1st\n```",
        "named and said again": "Now `note.txt`.\n\n```\nsaid\n```\n\nnote.txt\n```\nabove\n```",
    }
    for about, reply in many.items():
        yield case("whole-file", f"whole, three files: {about}", reply, MANY)
    yield case("whole-file", "whole: a file that holds fences", "a.md\n```\n# New\n```", {"a.md": FENCED})
    yield case("whole-file", "whole: a file that holds fences, in four", f"a.md\n````\n{FENCED}````", {"a.md": FENCED})
    yield case("whole-file", "whole: a file with CRLF", "a.txt\n```\none\n```", {"a.txt": "one\r\ntwo\r\n"})


def hunk(lines: str, name: str = "src/shop.py", head: str = "@@ ... @@\n") -> str:
    """A diff in its fence."""
    return f"```diff\n--- {name}\n+++ {name}\n{head}{lines}```\n"


def diffs() -> Iterator[Case]:
    """Unified diffs."""
    change = f"-{LINE}+{OTHER}"
    inside = " \n         left = self.stock[name]\n-        if left < count:\n+        if count > left:\n             return None\n"
    forms = {
        "plain": hunk(change),
        "with context": hunk(f" # Prices are in cents.\n{change} \n"),
        "git's names": f"```diff\n--- a/src/shop.py\n+++ b/src/shop.py\n@@ -4 +4 @@\n{change}```",
        "git's head": f"```diff\ndiff --git a/src/shop.py b/src/shop.py\n--- a/src/shop.py\n+++ b/src/shop.py\n@@ @@\n{change}```",
        "numbers that are wrong": hunk(change, head="@@ -99,7 +99,7 @@\n"),
        "no @@": hunk(change, head=""),
        "no names": f"```diff\n@@ @@\n{change}```",
        "no fence": f"--- src/shop.py\n+++ src/shop.py\n@@ @@\n{change}",
        "another fence": hunk(change).replace("```diff", "```"),
        "fence of a patch": hunk(change).replace("```diff", "```patch"),
        "not closed": hunk(change).removesuffix("```\n"),
        "not closed, more below": hunk(change).removesuffix("```\n") + "\nThat is it.\n",
        "opening alone": "```diff",
        "empty fence": "```diff\n```",
        "names alone": "```diff\n--- src/shop.py\n+++ src/shop.py\n```",
        "one name": f"```diff\n--- src/shop.py\n@@ @@\n{change}```",
        "context inside": hunk(inside),
        "context dedented": hunk(" left = self.stock[name]\n-if left < count:\n+if count > left:\n     return None\n"),
        "context that is invented": hunk(
            "     def sell(self, name, count):\n         # look first\n         left = self.stock[name]\n-        if left < count:\n+        if count > left:\n             return None\n"
        ),
        "much invented": hunk(" never\n there\n at all\n-LIMIT = 20\n+LIMIT = 30\n nor\n this\n"),
        "context in the wrong order": hunk("-LIMIT = 20\n+LIMIT = 30\n # Prices are in cents.\n"),
        "old line that is wrong": hunk("-LIMIT = 21\n+LIMIT = 30\n"),
        "old line with a blank at its end": hunk("-LIMIT = 20 \n+LIMIT = 30\n"),
        "blank lines left out": hunk(
            "             return None\n-        self.stock[name] = left - count\n+        self.stock[name] -= count\n         self.sold.append(name)\n"
        ),
        "blank line without its mark": hunk(" LIMIT = 20\n\n\n-class Shop:\n+class Store:\n"),
        "blank line of blanks": hunk(
            "             return None\n   \n-        self.stock[name] = left - count\n+        pass\n"
        ),
        "lines without marks": hunk(
            "class Shop:\n-    def __init__(self, stock):\n+    def __init__(self, stock, limit):\n"
        ),
        "only new lines": hunk("+# the end\n"),
        "new lines after context": hunk(" LIMIT = 20\n+MOST = 3\n"),
        "new lines after context that is there twice": hunk("         return count\n+        pass\n"),
        "only old lines": hunk("-# Prices are in cents.\n"),
        "a short line that is there twice": hunk("-second\n+2nd\n", "note.txt"),
        "a long line that is there twice": hunk("-        self\n+        this\n"),
        "nothing changes": hunk(f"-{LINE}+{LINE}"),
        "context alone": hunk(f" {LINE}"),
        "two hunks": hunk(f"{change}@@ @@\n-class Shop:\n+class Store:\n"),
        "one of two fits": hunk(f"{change}@@ @@\n-class Shopper:\n+class Store:\n"),
        "none of two fits": hunk("-LIMIT = 1\n+LIMIT = 2\n@@ @@\n-class Shopper:\n+class Store:\n"),
        "the same hunk twice": hunk(f"{change}@@ @@\n{change}"),
        "two fences": hunk(change) + "\nand\n" + hunk("-class Shop:\n+class Store:\n"),
        "second fence without names": hunk(change) + "```diff\n@@ @@\n-class Shop:\n+class Store:\n```",
        "two runs of changes": hunk(
            "-import csv\n+import json\n \n # Prices are in cents.\n-LIMIT = 20\n+LIMIT = 30\n"
        ),
        "two runs, a wrong line between": hunk(
            "-import csv\n+import json\n \n # Prices are in euros.\n-LIMIT = 20\n+LIMIT = 30\n"
        ),
        "two runs, far apart": hunk("-import csv\n+import json\n ...\n-LIMIT = 20\n+LIMIT = 30\n"),
        "new file": "```diff\n--- /dev/null\n+++ src/new.py\n@@ -0,0 +1 @@\n+new = 1\n```",
        "new file, git's": "```diff\n--- /dev/null\n+++ b/src/new.py\n@@ -0,0 +1 @@\n+new = 1\n```",
        "file that is not there": hunk("-old = 1\n+new = 1\n", "src/fresh.py"),
        "file gone": "```diff\n--- src/shop.py\n+++ /dev/null\n@@ @@\n-LIMIT = 20\n```",
        "no newline note": hunk(f"{change}\\ No newline at end of file\n"),
        "all gone": hunk("".join(f"-{line}" for line in SHOP.splitlines(keepends=True))),
        "CRLF": hunk(change).replace("\n", "\r\n"),
        "CRLF with a blank line": hunk(f"{change} \n \n-class Shop:\n+class Store:\n").replace("\n", "\r\n"),
        "outside the project": hunk("+x\n", "../outside.txt"),
        "prose": "I would raise the limit.",
        "search/replace instead": block(LINE, OTHER),
        "whole file instead": f"src/shop.py\n```\n{SHOP}```",
    }
    for about, reply in forms.items():
        yield case("udiff", f"diff: {about}", reply, MANY if "note.txt" in reply else ONE)
    two = f"```diff\n--- src/shop.py\n+++ src/shop.py\n@@ @@\n{change}--- note.txt\n+++ note.txt\n@@ @@\n-first\n+1st\n```"
    yield case("udiff", "diff: two files in one fence", two, MANY)
    yield case("udiff", "diff: two files in one fence, git's names",
               two.replace("--- ", "--- a/").replace("+++ ", "+++ b/"), MANY)  # fmt: skip
    yield case("udiff", "diff: two files in one fence, blank line between",
               two.replace("--- note", "\n--- note"), MANY)  # fmt: skip
    yield case("udiff", "diff: a second head with no hunk before it",
               f"```diff\n--- note.txt\n+++ note.txt\n@@ @@\n--- src/shop.py\n+++ src/shop.py\n{change}```", MANY)  # fmt: skip
    yield case("udiff", "diff: a head of one line", "```diff\n+++ src/shop.py\n@@ @@\n-a\n+b\n```")
    yield case("udiff", "diff: tabs", hunk(" \tif (a) {\n-\t\treturn a;\n+\t\treturn 2;\n", "main.c"), MANY)
    yield case("udiff", "diff: blanks for tabs",
               hunk("     if (a) {\n-        return a;\n+        return 2;\n", "main.c"), MANY)  # fmt: skip
    yield case("udiff", "diff: a file with CRLF", hunk("-two\n+2\n", "a.txt"), {"a.txt": "one\r\ntwo\r\nthree\r\n"})
    yield case("udiff", "diff: no newline at its end", hunk(" one\n-two\n+2\n", "a.txt"), {"a.txt": "one\ntwo"})
    yield case("udiff", "diff: blank lines at the ends of the file",
               hunk("-two\n+2\n\n", "a.txt"), {"a.txt": "\n\none\ntwo\n"})  # fmt: skip


def _drop_line(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    return "".join(lines[:at] + lines[at + 1 :])


def _double_line(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    return "".join(lines[: at + 1] + lines[at:])


def _swap_lines(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines) - 1)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return "".join(lines)


def _blank_line(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(dice.randrange(len(lines)), "\n")
    return "".join(lines)


def _indent_line(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    lines[at] = dice.choice(("  ", "    ", "\t")) + lines[at]
    return "".join(lines)


def _dedent_line(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    lines[at] = lines[at].lstrip(" \t")
    return "".join(lines)


def _change_letter(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text))
    return text[:at] + dice.choice("x <>=`+-") + text[at + 1 :]


def _cut(text: str, dice: random.Random) -> str:
    return text[: dice.randrange(1, len(text))]


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    _drop_line, _double_line, _swap_lines, _blank_line, _indent_line, _dedent_line, _change_letter, _cut,
)  # fmt: skip


def mutations(seed: int, count: int) -> Iterator[Case]:
    """`count` sound replies with one to three changes each, in every format in turn."""
    dice = random.Random(seed)
    store = "".join(" " + line for line in SHOP.splitlines(keepends=True)[10:14])
    sound = {
        "search-replace": (
            block(IF, IF_NEW) + "\n" + block(LINE, OTHER),
            block("def total(rows):\n    result = 0\n", "def total(rows):\n    result = 1\n"),
            block("class Shop:\n    def __init__(self, stock):\n", "class Store:\n    def __init__(self, stock):\n"),
        ),
        "whole-file": (f"src/shop.py\n```\n{SHOP[:90]}\n```\n", "Now.\n\nnote.txt\n```\n1st\n2nd\n```\n\nDone.\n"),
        "udiff": (
            hunk(f"{store}-            return None\n+            raise ValueError\n \n         self.stock[name] = left - count\n"),
            hunk(" # Prices are in cents.\n-LIMIT = 20\n+LIMIT = 30\n \n \n-class Shop:\n+class Store:\n     def __init__(self, stock):\n         self.stock = stock\n"),
            hunk(" def total(rows):\n-    result = 0\n+    result = 1\n     for row in rows:\n         result += int(row[\"price\"])\n-    return result\n+    return -result\n"),
        ),
    }  # fmt: skip
    for number in range(count):
        form = tuple(sound)[number % len(sound)]
        reply = dice.choice(sound[form])
        done = []
        for _ in range(dice.randrange(1, 4)):
            if len(reply.splitlines()) > 2:
                change = dice.choice(CHANGES)
                reply = change(reply, dice)
                done.append(change.__name__.strip("_"))
        yield case(form, f"changed {number}: {', '.join(done)}", reply, dice.choice((ONE, MANY)))


def corpus(seed: int = 4, count: int = 150) -> list[Case]:
    """All of them."""
    parts = (names(), markers(), matches(), several(), whole(), diffs(), mutations(seed, count))
    cases = [one for part in parts for one in part]
    for one in cases:
        if "../outside" in one["reply"]:
            one["differs"] = "aider writes outside the project; here that is refused, and the model is told"
    return cases
