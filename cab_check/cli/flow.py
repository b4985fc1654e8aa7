"""From the first step of a job to the last line on the screen: the steps in order, with the prompts between them."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import platformdirs

from cab_check.base.errors import CannotCheck, CannotRun, OutputError, Stopped, worst
from cab_check.cli import ceilings, prompts
from cab_check.cli.consent import agreed
from cab_check.cli.job import Job, Wish
from cab_check.cli.options import Asking, Reach, Showing
from cab_check.cli.plan import show_plan
from cab_check.cli.screen import say, stderr_console
from cab_check.cli.session import Session, leave
from cab_check.cli.show import show
from cab_check.cli.target import Target, read_target
from cab_check.cli.watch import Notes, Watcher
from cab_check.handshake.estimate import estimate
from cab_check.handshake.result import Handshake
from cab_check.handshake.verdict import UNCHECKED
from cab_check.record.store import NotStored, Store
from cab_check.sandbox.walls import wall_lines
from cab_check.wire.exchange import Exchange


def work(reach: Reach, wish: Wish, asking: Asking, showing: Showing, *, yes: bool = True) -> int:
    """One job against the endpoint that was typed, or found; the exit code."""
    with Session(asking.timeout) as session:
        target = read_target(reach, os.environ) or prompts.endpoint(session, reach)
        return work_on(session, target, wish, showing, yes=yes)


def work_on(session: Session, target: Target, wish: Wish, showing: Showing, *, yes: bool) -> int:
    """One job against `target`; prints and stores its Record, and gives the exit code."""
    if not showing.quiet:
        say(*target.notes)
    with watching(showing) as progress:
        if wish.plan_only:
            return show_plan(session, target, wish, showing, progress)
        job = Job(target, wish, progress)
        try:
            _steps(session, job, progress, yes=yes, quiet=showing.quiet)
        except Stopped as stopped:
            job.stopped = stopped
        except CannotCheck as ceiling:
            by = getattr(ceiling, "stopped_by", ceiling.kind)
            job.stopped = Stopped(ceiling.message, ceiling.next_step, exit_code=ceiling.exit_code, by=by)
    code = _finish(job, showing)
    if session.stopped is not None:
        leave(code)
    return code


def watching(showing: Showing) -> AbstractContextManager[Watcher | Notes]:
    """Live progress if somebody watches stderr, else only the lines that must be read."""
    console = stderr_console()
    live = console.is_terminal and not showing.quiet and os.environ.get("TERM") != "dumb"
    return Watcher(console) if live else Notes(console)


def _steps(session: Session, job: Job, progress: Watcher | Notes, *, yes: bool, quiet: bool) -> None:
    try:
        session.run(job.prepare())
        if job.ready is not None:
            for line in wall_lines(job.ready.isolation):
                progress.note(line)
        if not quiet:
            for line in ceilings.lines(*job.most(), estimate(job.plan).usual):
                progress.note(line)
        if not _contact(session, job, progress):
            return
        job.settle_price()
        if not quiet and job.price is not None:
            most = ceilings.together([part for part in job.most() if part], job.wish.ceilings)
            progress.note(ceilings.money_line(most, job.price, job.wish.ceilings.usd))
        session.run(job.handshake())
        session.run(job.compare())
        if job.task_waits and _may_run(job, progress, yes=yes):
            session.run(job.task())
    finally:
        session.finish(job.close())


def _contact(session: Session, job: Job, progress: Watcher | Notes) -> bool:
    """Reach the endpoint, and settle what only the user may know: the key, and which model. False: no way on."""
    judged = session.run(job.contact())
    listless = job.listless
    if listless is not None:
        judged = session.run(job.knock())
    if _wants_key(judged) and prompts.possible():
        with progress.paused():
            facts = job.recording.facts
            typed = prompts.key(job.target.address.origin, facts.key_source if facts.key_given else None)
        if typed is not None:
            job.use_key(typed)
            judged = session.run(job.contact())
    if any(check.status == "fail" and check.layer in UNCHECKED for check in judged.checks):
        return False
    if job.target.model is None:
        with progress.paused():
            job.use_model(prompts.model(judged.model.listed, _instead(listless)))
    return True


def _instead(exchange: Exchange | None) -> str:
    """What came in place of a list of models."""
    return f" (GET {exchange.sent.url}: HTTP {exchange.status})" if exchange and exchange.status else ""


def _wants_key(judged: Handshake) -> bool:
    return any(finding.code in ("key-missing", "key-rejected") for finding in judged.findings)


def _may_run(job: Job, progress: Watcher | Notes, *, yes: bool) -> bool:
    """Whether the user lets the model's commands run here; asked once, and only of a person at a terminal."""
    assert job.ready is not None
    if yes or not prompts.possible():
        return True
    with progress.paused():
        allowed = agreed(stderr_console(), job.target.model or "The model", job.ready.isolation, _marker())
    if not allowed:
        job.cannot_run = CannotRun("it was not agreed to at the prompt.", "Answer y, or add --yes or --no-task.")
    return allowed


def _marker() -> Path | None:
    """Where the answer to that question is remembered; None where no home directory is known."""
    folder = Path(platformdirs.user_state_dir("cab-check", appauthor=False))
    return folder / "agreed-to-run" if folder.is_absolute() else None


def _finish(job: Job, showing: Showing) -> int:
    """Store and print what was found; a file that cannot be written is told after the result, with exit code 2."""
    record = job.record()
    if not showing.no_store:
        stored = Store().save(record, job.recording, job.task_run)
        if isinstance(stored, NotStored):
            say(f"note: {stored.reason}")
        else:
            record = stored.record
    try:
        show(record, showing, job.recording)
    except OutputError as failure:
        say(f"error: {failure.message}", *([failure.next_step] if failure.next_step else []))
        return worst([record["exit_code"], failure.exit_code])
    return int(record["exit_code"])
