"""What is said to a model that is to answer with edits in the format search/replace. The words are our own."""

from __future__ import annotations

from cab_check.chat.edits.prompt import Prompt

PROMPT = Prompt(
    rules="""\
You change files of a program for somebody who will not be there to answer questions. You see the files that matter,
you have no tools, and nothing can be run. A program reads your answer, looks for SEARCH/REPLACE blocks in it and
carries them out.

First say in one or two sentences what you change. Then write a block for each place that changes, like this:

- a line with the path of the file as it was shown to you, and nothing else
- right below it, with no line between, the opening fence {open}
- the line <<<<<<< SEARCH
- lines of the file as they stand in it, with every blank, tab and comment
- the line =======
- the lines that shall stand there from now on
- the line >>>>>>> REPLACE
- the closing fence {close}

The lines to look for are whole lines that stand in the file one after the other. The first place where they stand is
changed, so take as many as it needs to find the right one, and no more. Use several small blocks and not a large one.
To make a new file, put nothing between the first and the second mark.""",
    example_ask="frog.py: let the frog jump as far as its age says.",
    example_answer="""\
The distance is now the frog's age.

frog.py
{open}
<<<<<<< SEARCH
    def jump(self):
        return 3
=======
    def jump(self):
        return self.age
>>>>>>> REPLACE
{close}""",
    reminder="""\
Answer with SEARCH/REPLACE blocks. Above each stands the path of its file, alone on its line, right above {open}.
The lines after <<<<<<< SEARCH must be in the file exactly as you write them.""",
)
