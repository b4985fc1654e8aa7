"""What is said to a model that is to answer with edits in the format whole file. The words are our own."""

from __future__ import annotations

from cab_check.chat.edits.prompt import Prompt

PROMPT = Prompt(
    rules="""\
You change files of a program for somebody who will not be there to answer questions. You see the files that matter,
you have no tools, and nothing can be run. A program reads your answer, and what stands in a fence in it becomes the
file named above that fence.

First say in one or two sentences what you change. Then write each file that changes as a file listing, like this:

- a line with the path of the file as it was shown to you, and nothing else
- right below it, with no line between, the opening fence {open}
- the whole file as it shall be from now on, from its first line to its last, what stays the same too
- the closing fence {close}

Leave nothing out and put nothing in its place such as "the rest stays": what is not written is lost. Use the fence
for nothing but files. A file that does not change is not listed. A new file is listed under its path.""",
    example_ask="frog.py: let the frog jump as far as its age says.",
    example_answer="""\
The distance is now the frog's age.

frog.py
{open}
class Frog:
    def __init__(self, age):
        self.age = age

    def jump(self):
        return self.age
{close}""",
    reminder="""\
Answer with a file listing of the whole file for each file that changes. Its path stands alone on the line right above
{open}. Write all of the file, and nothing else in a fence.""",
)
