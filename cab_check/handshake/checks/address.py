"""Is this the address of the API: what was typed, and the base path that answers."""

from __future__ import annotations

from cab_check.chat.errors import is_html
from cab_check.handshake import questions
from cab_check.handshake.check import Check, Outcome, not_asked, nothing_to_ask
from cab_check.handshake.failure import failure, shown
from cab_check.handshake.form import problems
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import COMPLETIONS, Seen, Turn, path_of, speaks_api
from cab_check.handshake.tuis.address import GIVEN
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask, Exchange

_NOT_HERE = frozenset(
    {"address-wrong-base-path", "web-page-instead-of-api", "unrecognised", "response-not-json", "response-shape"}
)
_NOWHERE = "No chat completions API answers under this base path, nor under the usual others."


def _judge_typed(plan: Plan, seen: Seen) -> Outcome:
    if not seen.facts.given:
        return not_asked("the recording does not say which address was given")
    notes = seen.facts.address_notes
    routes = [note.partition(":")[2] for note in notes if note.startswith("route-removed")]
    if routes:
        words = f"{routes[0] or 'a route'} was taken off the end of {seen.facts.given}"
        finding = make(
            "address-includes-route", evidence=[evidence(None, "facts.address_notes", words)], confidence="high"
        )
        return Outcome("warn", words, (finding,))
    return Outcome("pass", seen.facts.base_url)


def _ask_base_path(plan: Plan, seen: Seen) -> list[Ask]:
    """The chat itself first: a server without a model list is no wrong address. Then one guess after the other."""
    if not seen.lists_at_given or not _is_elsewhere(seen.lists_at_given[0]):
        return []
    if plan.model is not None:
        chat = questions.say(plan, seen)
        if seen.answer_to(chat) is None and seen.base_path == seen.given_base_path:
            return [chat]
    if seen.base_path != seen.given_base_path or _chat_is_here(seen):
        return []
    guesses = (questions.models(path) for path in plan.other_base_paths)
    return next(([guess] for guess in guesses if seen.answer_to(guess) is None), [])


def _judge_base_path(plan: Plan, seen: Seen) -> Outcome:
    numbers = tuple(exchange.number for exchange in seen.lists)
    if not seen.exchanges:
        return not_asked()
    if seen.base_path != seen.given_base_path:
        return _found_elsewhere(seen, numbers)
    if not seen.lists_at_given:
        return not_asked("the list of models was not asked for")
    first = seen.lists_at_given[0]
    if not _is_elsewhere(first) or _chat_is_here(seen):
        came = f"HTTP {first.status}" if first.status else first.end
        return Outcome("pass", f"{came} from {first.sent.url}", (), numbers)
    finding = _wrong_address(first, seen)
    return Outcome("fail", finding.title, (finding,), numbers)


def _found_elsewhere(seen: Seen, numbers: tuple[int, ...]) -> Outcome:
    found = seen.base_path or "/"
    proof = next(e for e in seen.lists if speaks_api(e) and path_of(e).startswith(seen.base_path))
    finding = make(
        "address-wrong-base-path",
        subject=found,
        title=f"The API answers under {found}, not under {seen.given_base_path or '/'}.",
        evidence=[
            shown(seen.lists_at_given[0]),
            evidence(proof.number, "status", f"HTTP {proof.status} from {path_of(proof)}"),
            evidence(None, GIVEN, seen.given_base_path or "/"),
        ],
        confidence="high",
    )
    return Outcome("warn", f"the API answers under {found}", (finding,), numbers)


def _is_elsewhere(exchange: Exchange) -> bool:
    """Whether the reply to GET /models says that no such route is here: not found, or a page, or some other JSON."""
    if exchange.status is None or speaks_api(exchange):
        return False
    return exchange.status in (400, 404, 405, 410, 501) or 200 <= exchange.status < 300


def _chat_is_here(seen: Seen) -> bool:
    """Whether a chat completion at the given path got what only such an API gives: a success, or its own error."""
    here = [turn for turn in seen.all_turns if path_of(turn.exchange) == seen.given_base_path + COMPLETIONS]
    return any(not _NOT_HERE.intersection(_codes(turn, seen)) for turn in here)


def _codes(turn: Turn, seen: Seen) -> set[str]:
    failed = failure(turn.exchange, seen)
    return {failed.code} if failed else {fault.code for fault in problems(turn)}


def _wrong_address(exchange: Exchange, seen: Seen) -> Finding:
    told = failure(exchange, seen)
    if told is not None and told.code not in _NOT_HERE:
        return told
    if is_html(exchange.body):
        return make("web-page-instead-of-api", evidence=[shown(exchange)], confidence="high")
    return make("address-wrong-base-path", title=_NOWHERE, evidence=[shown(exchange)], confidence="low")


ADDRESS = Check("address", "address", "the address", (), nothing_to_ask, _judge_typed)
BASE_PATH = Check("base-path", "address", "the base path", ("reach",), _ask_base_path, _judge_base_path)
