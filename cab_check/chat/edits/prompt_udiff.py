"""What is said to a model that is to answer with edits in the format unified diff. The words are our own."""

from __future__ import annotations

from cab_check.chat.edits.prompt import Prompt

PROMPT = Prompt(
    rules="""\
You change files of a program for somebody who will not be there to answer questions. You see the files that matter,
you have no tools, and nothing can be run. A program reads your answer, takes the unified diff in it and applies that.

First say in one or two sentences what you change. Then write the diff in a fence that opens with ```diff, like this:

- a line with --- and the path of the file, and a line with +++ and the same path
- the line @@ ... @@ before each place that changes; line numbers are not needed
- lines that go, each with - before it, lines that come, each with + before it, and lines that stay around them, each
  with one blank before it

Lines that go and lines that stay must be in the file exactly as you write them, with every blank, tab and comment, and
in a row: leave no empty line out. Take a whole function rather than scattered lines. For a new file write /dev/null
after ---. Each file has a fence of its own.""",
    example_ask="frog.py: let the frog jump as far as its age says.",
    example_answer="""\
The distance is now the frog's age.

```diff
--- frog.py
+++ frog.py
@@ ... @@
     def jump(self):
-        return 3
+        return self.age
```""",
    reminder="""\
Answer with a unified diff in a fence that opens with ```diff. It begins with --- and +++ and the path, and all lines
that stay or go must be in the file exactly as you write them.""",
)
