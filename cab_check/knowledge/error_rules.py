"""What an error reply means: its text first, then the codes inside it, and only then the HTTP status.

Gateways answer a wrong key with 400, no credit with 403 or 429, and a missing model with 400; so the rules of
`error_rules.toml` look at the words, and the status decides alone only where the words say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cab_check.chat.reply import ApiError
from cab_check.knowledge.data import load
from cab_check.knowledge.finding import Hop
from cab_check.knowledge.vocabulary import code

_FIELDS = frozenset({"code", "subject", "text", "kind", "param", "status", "hop", "header", "weak"})


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One row of `error_rules.toml`. A rule holds if everything that it names holds."""

    code: str
    subject: str | None  # "match": the first group that matched, of `text` or `header`; "param": the error's own param
    text: re.Pattern[str] | None
    kind: re.Pattern[str] | None  # matched against the error's own type or code
    param: re.Pattern[str] | None
    status: tuple[int, ...]
    hop: str | None
    header: tuple[str, re.Pattern[str]] | None
    weak: bool = False  # it looks at the form of the reply only (a page, nothing at all), not at what it says

    @property
    def by_words(self) -> bool:
        """Whether it looks at what the server says, and not at the status or the form alone."""
        return not self.weak and any(part is not None for part in (self.text, self.kind, self.param, self.header))

    def match(self, error: ApiError, status: int | None, headers: Mapping[str, str], hops: Sequence[Hop]) -> str | None:
        """The subject ("" for none) if the rule holds for `error`, else None."""
        if self.status and status not in self.status:
            return None
        if self.hop and self.hop not in {hop.name for hop in hops}:
            return None
        named = self.header[1].search(headers.get(self.header[0], "")) if self.header else None
        if self.header and not named:
            return None
        if self.kind and not any(word and self.kind.search(word) for word in (error.type, error.code)):
            return None
        if self.param and not (error.param and self.param.search(error.param)):
            return None
        found = self.text.search(error.message) if self.text else None
        if self.text and not found:
            return None
        return self._subject([*(found.groups() if found else ()), *(named.groups() if named else ())], error)

    def _subject(self, groups: Sequence[str | None], error: ApiError) -> str:
        if self.subject is None:
            return ""
        if self.subject == "param":
            return error.param or ""
        if self.subject == "match":
            named = next((group for group in groups if group), "")
            return named[:1].lower() + named[1:] if self.code == "param-rejected" else named  # it may begin a sentence
        return self.subject


@cache
def error_rules() -> tuple[ErrorRule, ...]:
    """The rules in the order they are tried."""
    return tuple(read_rule(row, "error_rules.toml") for row in load("error_rules.toml")["rule"])


@cache
def worded_rules() -> tuple[ErrorRule, ...]:
    """Those that look at the server's own words."""
    return tuple(rule for rule in error_rules() if rule.by_words)


def classify_error(
    error: ApiError,
    status: int | None = None,
    headers: Sequence[tuple[str, str]] = (),
    hops: Sequence[Hop] = (),
    *,
    keyed: bool = True,
    among: Sequence[ErrorRule] | None = None,
) -> tuple[str, str | None] | None:
    """The code and subject that an error reply stands for, None if nothing is known about it.

    `keyed` is whether the request carried a key: many servers say the same for a missing and a wrong one. Each rule is
    tried on the error quoted innermost first, the nearest to the cause. A route that is not there is
    `address-wrong-base-path` without a subject: which path works has to be asked. `among` are other rules than ours.
    """
    fields = {name.lower(): value for name, value in headers}
    for rule in error_rules() if among is None else among:
        for link in error.chain:
            subject = rule.match(link, status, fields, hops)
            if subject is not None:
                code_ = _for_key(rule.code, keyed)
                return code_, (None if code_ == "key-missing" else subject or None)
    return None


def _for_key(name: str, keyed: bool) -> str:
    return "key-missing" if name in ("key-rejected", "key-wrong-header") and not keyed else name


def read_rule(row: Mapping[str, object], file: str) -> ErrorRule:
    """One row of the file so called. Raises ValueError for a field that is none, or a row that would hold always."""
    if set(row) - _FIELDS or "code" not in row or not set(row) - {"code", "subject"}:
        raise ValueError(f"{file}: rule for {row.get('code')}: unknown or missing fields {sorted(set(row) - _FIELDS)}")
    words = {name: str(row[name]) for name in ("code", "subject", "text", "kind", "param", "hop") if name in row}
    patterns = {name: _pattern(words[name]) if name in words else None for name in ("text", "kind", "param")}
    status, header = row.get("status"), row.get("header")
    return ErrorRule(
        code=code(words["code"]).code,
        subject=words.get("subject"),
        status=tuple(status) if isinstance(status, list) else (),
        hop=words.get("hop"),
        header=(str(header[0]).lower(), _pattern(str(header[1]))) if isinstance(header, list) else None,
        weak=bool(row.get("weak", False)),
        **patterns,
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)
