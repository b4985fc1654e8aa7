"""From a finding to its cause and the line to change, by the rules of `advice/*.toml` (docs/rules.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import get_args

from cab_check.base.text import one_line
from cab_check.knowledge.data import load_folder
from cab_check.knowledge.finding import Finding, Hop, Owner
from cab_check.knowledge.parsers import choice, parser_for
from cab_check.knowledge.vocabulary import code, layer_rank, make

_FIELDS = frozenset({"code", "subject", "hop", "text", "model", "cause", "fix", "fixed_in", "sources", "owner"})
_NEEDED = frozenset({"code", "cause", "fix", "sources"})
_LISTED = 4  # servers whose fix is listed when none was recognised
_PARSER = re.compile(r"\{(?:(?P<hop>[^{}]+) )?parser\}")
_SUBJECT = re.compile(r"\{subject(?:\|(?P<otherwise>[^{}]*))?\}")
_PLACE = re.compile(r"\{(?P<name>address|host)\|(?P<otherwise>[^{}]*)\}")

NO_PLACES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of `advice/*.toml`."""

    code: str
    cause: str
    fix: str
    sources: tuple[str, ...]
    subject: str | None = None
    hop: str | None = None
    text: re.Pattern[str] | None = None
    model: re.Pattern[str] | None = None
    fixed_in: str | None = None
    owner: Owner | None = None  # who can mend it, where that is another than usual for the code

    @property
    def weight(self) -> int:
        """How particular the rule is: `text` outweighs `hop`, that `subject`, that `model`."""
        return (
            8 * (self.text is not None)
            + 4 * (self.hop is not None)
            + 2 * (self.subject is not None)
            + (self.model is not None)
        )

    def holds(self, finding: Finding, words: str, model: str | None) -> bool:
        """Whether all but the hop holds."""
        return (
            self.code == finding.code
            and (self.subject is None or self.subject == finding.subject)
            and (self.text is None or bool(self.text.search(words)))
            and (self.model is None or bool(model and self.model.search(model)))
        )


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, file by file, in the order in which they stand there."""
    return tuple(read_rule(row, name) for name, table in load_folder("advice") for row in table["rule"])


def read_rule(row: Mapping[str, object], file: str) -> Rule:
    """One row of the file so called. Raises ValueError for a field that is none or is missing, or a bad pattern."""
    wrong = set(row) - _FIELDS or _NEEDED - set(row)
    if wrong:
        raise ValueError(f"{file}: rule for {row.get('code')}: unknown or missing fields {sorted(wrong)}")
    words = {name: str(value) for name, value in row.items() if name != "sources"}
    sources = row["sources"]
    owner = next((name for name in get_args(Owner) if name == row.get("owner")), None)
    if owner is None and "owner" in row:
        raise ValueError(f"{file}: rule for {row['code']}: no owner is called {row['owner']!r}")
    return Rule(
        code=code(words["code"]).code,
        cause=words["cause"],
        fix=words["fix"].strip("\n"),
        sources=tuple(map(str, sources)) if isinstance(sources, list) else (),
        subject=words.get("subject"),
        hop=words.get("hop"),
        text=re.compile(words["text"], re.IGNORECASE) if "text" in words else None,
        model=re.compile(words["model"], re.IGNORECASE) if "model" in words else None,
        fixed_in=words.get("fixed_in"),
        owner=owner,
    )


def advise(
    finding: Finding,
    hops: Sequence[Hop] = (),
    texts: Iterable[str] = (),
    *,
    model: str | None = None,
    places: Mapping[str, str] = NO_PLACES,
) -> Finding:
    """`finding` with cause, fix, fixed_in and sources of the most particular rule that holds; as it was if none does.

    `texts` are the words of the replies in question, beside the finding's own evidence; `places` has the `host`
    that was called, and the `address` for the client's settings where it was found. Where no server or provider was
    recognised, the fix also lists those of the likely ones by name.
    """
    holding = _holding(rules(), finding, texts, model)
    best = _best(holding, finding, hops)
    if best is None:
        return finding
    fix = _fill(best.fix, best.hop, finding, model)
    if best.hop is None and best.text is None and not any(hop.kind != "gateway" for hop in hops):
        fix = "\n".join([fix, *_by_name(holding, finding, model)])
    return finding.but(
        cause=_fill(best.cause, best.hop, finding, model),
        fix=_placed(fix, places),
        fixed_in=best.fixed_in,
        sources=best.sources,
        owner=best.owner or finding.owner,
    )


def winner(
    among: Iterable[Rule], finding: Finding, hops: Sequence[Hop], texts: Iterable[str], model: str | None
) -> Rule | None:
    """The rule of `among` that speaks for `finding`, None if none holds."""
    return _best(_holding(among, finding, texts, model), finding, hops)


def rules_for(name: str) -> tuple[tuple[Rule, Finding], ...]:
    """The rules for one code in the order of the file, each with the finding that it would fill in for its own case."""
    own = [rule for rule in rules() if rule.code == name]
    return tuple((rule, _own_case(rule)) for rule in own)


def _holding(among: Iterable[Rule], finding: Finding, texts: Iterable[str], model: str | None) -> list[Rule]:
    words = "\n".join([*texts, *(item.excerpt for item in finding.evidence)])
    return [rule for rule in among if rule.holds(finding, words, model)]


def _best(holding: Iterable[Rule], finding: Finding, hops: Sequence[Hop]) -> Rule | None:
    """The most particular of the rules that hold and are not for a hop that is not there."""
    names = [hop.name for hop in hops]
    here = (rule for rule in holding if rule.hop in (None, *names))
    return max(here, key=lambda rule: _preference(rule, finding, names), default=None)


def _own_case(rule: Rule) -> Finding:
    finding = make(rule.code, subject=rule.subject)
    return finding.but(
        cause=_fill(rule.cause, rule.hop, finding, None),
        fix=_placed(_fill(rule.fix, rule.hop, finding, None), NO_PLACES),
        fixed_in=rule.fixed_in,
        sources=rule.sources,
    )


def _preference(rule: Rule, finding: Finding, names: Sequence[str]) -> tuple[int, int]:
    """The weight, and among equals the hop: up to the model the nearest to the user matters, from there on the last."""
    place = names.index(rule.hop) if rule.hop in names else 0
    before_chat = layer_rank(code(finding.code).layer) <= layer_rank("model")
    return rule.weight, -place if before_chat else place


def _by_name(holding: Iterable[Rule], finding: Finding, model: str | None) -> list[str]:
    """What the servers' own rules for this begin with: of each server its most particular rule."""
    best: dict[str, Rule] = {}
    for rule in holding:
        if rule.hop is not None and rule.weight > (best[rule.hop].weight if rule.hop in best else 0):
            best[rule.hop] = rule
    return [f"{name}: {_fill(_opening(rule.fix), name, finding, model)}" for name, rule in best.items()][:_LISTED]


def _opening(fix: str) -> str:
    """The first line of a fix, with the command below it where it ends in a colon."""
    first, *rest = fix.splitlines()
    return f"{first} {rest[0].strip()}" if rest and first.endswith(":") else first


def _placed(text: str, places: Mapping[str, str]) -> str:
    """`text` with what is known of the endpoint's place filled in."""
    return _PLACE.sub(lambda found: one_line(places.get(found["name"]) or found["otherwise"], 200), text)


def _fill(text: str, hop: str | None, finding: Finding, model: str | None) -> str:
    """`text` with its placeholders filled in; where the parser's name cannot be told, the choice stands below."""
    subject = one_line(finding.subject, 120) if finding.subject else None
    text = _SUBJECT.sub(lambda found: subject or found["otherwise"] or "", text)
    text = text.replace("{model}", one_line(model, 120) if model else "MODEL")
    wanted = _PARSER.search(text)
    if wanted is None:
        return text
    server = wanted["hop"] or hop or ""
    parser = parser_for(server, finding.subject, model)
    filled = _PARSER.sub(parser or "PARSER", text)
    return filled if parser else f"{filled}\nPARSER is {choice(server)}"
