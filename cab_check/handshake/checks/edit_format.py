"""Does the model keep a text protocol: one small edit of one file, in each of the formats that a CLI relies on.

Asked only where an agent CLI is asked about that lives on such a format (aider). A format that is not kept is set
beside the others: where another one works, there is a way out, and it only degrades.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cab_check.chat.edits.formats import FORMATS, PROMPTS
from cab_check.chat.edits.prompt import fenced, opening
from cab_check.chat.edits.shown import FENCES, Edited, Shown
from cab_check.handshake import wording
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.form import form_faults, is_broken_form, with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import Message, completion
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import Tally, is_moody, tally
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.tuis.loader import profile
from cab_check.wire.exchange import Ask

ID = "edit-format"
PATH = "greet.py"
_FILE = """\
def greet(name):
    word = "{word}"
    return f"{{word}}, {{name}}"


def leave(name):
    return greet(name).upper()
"""
_TOLD = re.compile(rf"^{re.escape(PATH)}\n(?P<fence>```|````)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
_ASKED = re.compile(r'^Replace "(\S+)" by "(\S+)" in ')


def formats_of(plan: Plan) -> tuple[str, ...]:
    """The formats that the CLIs asked about rely on and that can be read here, the usual one of each first."""
    named = [name for tui in plan.tuis for name in profile(tui).edit_formats]
    return tuple(dict.fromkeys(name for name in named if name in FORMATS))


def question(plan: Plan, seen: Seen, form: str, number: int) -> Ask:
    """One edit in this format, streamed as aider does it; the words to change are new on each try."""
    old, new = plan.word(f"{form}-old", number), plan.word(f"{form}-new", number)
    shown = Shown({PATH: _FILE.format(word=old)}, (PATH,))
    messages = opening(PROMPTS[form], shown, wording.replace_word(old, new, PATH))
    return completion(plan, seen, messages, number=number, stream=True)


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    """The usual format; the others once it was not kept, so that there is something to change to."""
    for form in formats_of(plan):
        waiting = _waiting(plan, seen, form)
        if waiting:
            return waiting
        if not _tally([turn for turn in _turns(seen) if format_of(turn) == form], seen).findings:
            return []
    return []


def _waiting(plan: Plan, seen: Seen, form: str) -> list[Ask]:
    first = seen.turn_for(question(plan, seen, form, 0))
    if first is None:
        ask = question(plan, seen, form, 0)
        return [ask] if seen.answer_to(ask) is None else []
    if not first.answered or not any(is_moody(fault) for fault in edit_faults(first)):
        return []
    tries = [question(plan, seen, form, number) for number in range(1, plan.tries)]
    return [ask for ask in tries if seen.answer_to(ask) is None]


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = _turns(seen)
    if not turns:
        return not_asked("no edit in a text format was asked for")
    told = {form: _tally([turn for turn in turns if format_of(turn) == form], seen) for form in FORMATS}
    asked = {form: counts for form, counts in told.items() if counts.tried}
    if not asked:
        return inconclusive(turns, "the replies ended at our own output limit")
    kept = [form for form, counts in asked.items() if counts.sound and not counts.findings]
    found = [_weighed(finding, asked, kept) for counts in asked.values() for finding in counts.findings]
    proof = ", ".join(f"{form}: {counts.sound} of {counts.tried}" for form, counts in asked.items())
    if not found and not kept:
        return inconclusive(turns, f"{proof}, too few tries to say whose fault it is")
    return concluded(turns, found, proof, had=bool(kept))


def _weighed(finding: Finding, asked: dict[str, Tally], kept: Sequence[str]) -> Finding:
    """With how the other formats went; it degrades where one of them is kept."""
    if finding.code != "edit-format-unfollowed":
        return finding
    others = "; ".join(f"{form}: {counts.sound} of {counts.tried} apply" for form, counts in asked.items())
    first, *more = finding.evidence
    shown = (first, evidence(None, "formats", others), *more)
    return finding.but(evidence=shown, severity="degrades" if kept else finding.severity)


def _tally(turns: Sequence[Turn], seen: Seen) -> Tally:
    return tally(turns, lambda turn: with_failure(turn, seen, edit_faults, "unrecognised"), seen)


def edit_faults(turn: Turn) -> list[Finding]:
    """What is wrong with the answer: the form of the reply, or an edit that a client could not take."""
    found = form_faults(turn)
    if is_broken_form(found) or turn.cut_at_limit:
        return found
    form, shown, wanted = format_of(turn), _told(turn.messages), _asked(turn.messages)
    if form is None or shown is None or wanted is None:
        return found
    edited = FORMATS[form](turn.reply.content or "", shown)
    wrong = _wrong(form, edited, wanted)
    if not wrong:
        return found
    words = f"{wrong}: {turn.reply.content or '(no text)'}"
    shows = evidence(turn.number, "reply.choices[0].message.content", words)
    return [*found, make("edit-format-unfollowed", subject=form, evidence=[shows])]


def _wrong(form: str, edited: Edited, wanted: str) -> str:
    if not edited.edits:
        return "no edit in this form"
    if edited.complaint is not None:
        return f"{edited.failed} of {edited.edits} edits do not apply"
    # A whole file takes in whatever stands in the fence: marks of another format, or a shell command.
    other = form == "whole-file" and edited.files.get(PATH, "").split() != wanted.split()
    return "the file would hold something else" if other else ""


def sound_reply(messages: Sequence[Message]) -> str | None:
    """What a model answers that keeps search/replace blocks; None to any other question. For the rehearsal."""
    form, shown, wanted = _format(messages), _told(messages), _asked(messages)
    if form != "search-replace" or shown is None or wanted is None:
        return None
    opening_, closing = shown.fence
    block = f"<<<<<<< SEARCH\n{shown.files[PATH]}=======\n{wanted}>>>>>>> REPLACE"
    return f"Done.\n\n{PATH}\n{opening_}\n{block}\n{closing}\n"


def format_of(turn: Turn) -> str | None:
    """The format that the instructions of a conversation ask for."""
    return _format(turn.messages)


def _format(messages: Sequence[Message]) -> str | None:
    first = wording.text_of(messages[0]) if messages else ""
    return next(
        (form for form, prompt in PROMPTS.items() for fence in FENCES[:2] if first == fenced(prompt.rules, fence)), None
    )


def _turns(seen: Seen) -> list[Turn]:
    return [turn for turn in seen.about("edit") if format_of(turn) is not None]


def _told(messages: Sequence[Message]) -> Shown | None:
    """The file as the model was shown it."""
    found = [match for message in messages if (match := _TOLD.search(wording.text_of(message)))]
    if not found:
        return None
    fence = found[-1]["fence"]
    return Shown({PATH: found[-1]["text"]}, (PATH,), (fence, fence))


def _asked(messages: Sequence[Message]) -> str | None:
    """The file as it is to be."""
    shown, asked = _told(messages), _ASKED.match(wording.text_of(messages[-1])) if messages else None
    return shown.files[PATH].replace(asked[1], asked[2]) if shown is not None and asked else None


EDIT_FORMAT = Check(ID, "text-protocol", "edits in text", ("chat",), _ask, _judge)
