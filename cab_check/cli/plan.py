"""`--plan`: what a job would need at the most, in requests, tokens and money. No completion is sent."""

from __future__ import annotations

import json
from typing import Any

from cab_check.base.plain import plain
from cab_check.cli import ceilings
from cab_check.cli.job import Job, Wish
from cab_check.cli.options import Showing
from cab_check.cli.screen import put
from cab_check.cli.session import Session
from cab_check.cli.target import Target
from cab_check.cli.watch import Notes, Watcher
from cab_check.handshake.estimate import estimate
from cab_check.wire.price import Price

_ASKED = "Only the list of models was asked for; no completion was sent."
_KINDS = (("usual", "a sound endpoint"), ("worst", "all repeated, taken apart, given more room"))


def show_plan(session: Session, target: Target, wish: Wish, showing: Showing, progress: Watcher | Notes) -> int:
    """Ask for the list of models, which may name a price, and print the plan. Raises UsageError as the job would."""
    job = Job(target, wish, progress)
    try:
        judged = session.run(job.contact())
        listed = judged.model.listed
        if job.target.model is None and listed and len(listed) == 1:
            job.use_model(listed[0])
        job.settle_price()
        document = _document(job)
    finally:
        session.finish(job.close())
    put([json.dumps(document, ensure_ascii=True)] if showing.json else _lines(document, job.price))
    return 0


def _document(job: Job) -> dict[str, Any]:
    handshake, task = job.most()
    questions = estimate(job.plan)
    return {
        "schema": "cab-check/plan/v1",
        "endpoint": job.target.address.base_url,
        "model": job.target.model,
        "sent": {"requests": len(job.recording.exchanges), "completions": 0},
        "questions": plain(questions),
        "handshake": plain(handshake),
        "task": {"id": job.wish.task.id, **plain(task)} if job.wish.task and task else None,
        "total": plain(ceilings.together([part for part in (handshake, task) if part], job.wish.ceilings)),
        "price": plain(job.price) if job.price else None,
    }


def _lines(document: dict[str, Any], price: Price | None) -> list[str]:
    rows = [("handshake", document["handshake"])]
    if document["task"]:
        rows.append((f"task {document['task']['id']}", document["task"]))
        rows.append(("together", document["total"]))
    known = f"Price: {ceilings.dollars(price)}" if price else "Price: not known; give it with --price IN,OUT"
    return [
        f"Plan for {document['model'] or 'a model not yet chosen'} at {document['endpoint']}",
        _ASKED,
        "",
        "Ceilings, which are kept:",
        *(f"  {name}: {most['requests']} requests, {most['tokens']:,} tokens{_money(most)}" for name, most in rows),
        "",
        "The handshake's questions, by their sizes and output limits:",
        *(f"  {how}: {_figures(document['questions'][kind])}" for kind, how in _KINDS),
        "",
        f"{known}.",
    ]


def _figures(figures: dict[str, Any]) -> str:
    prompt, completion = figures["prompt_tokens"], figures["completion_tokens"]
    return f"{figures['requests']} requests, at most {prompt:,} prompt and {completion:,} completion tokens"


def _money(most: dict[str, Any]) -> str:
    return "" if most["usd"] is None else f", {most['usd']:.4f} USD"
