"""Secrets that cannot be shown by accident, and what may be said about one: yes and no, never a character of it."""

from __future__ import annotations

import re
from typing import NoReturn

_WORDS = """
    ollama none null empty dummy fake test key token api-key apikey secret changeme change-me not-needed no-key nokey
    na n/a x xx xxx xxxx - . sk-no-key-required sk-none sk-dummy sk-fake sk-test sk-xxx sk-xxxx sk-1234 no-key-required
    lm-studio lmstudio llama.cpp vllm local anything placeholder your-api-key your_api_key your-key-here
"""
PLACEHOLDERS = frozenset(_WORDS.split())

SHORT = 12

# Headers and query parameters whose value is a credential; `max_tokens` and `x-ratelimit-limit-tokens` are not.
_SECRET_NAME = re.compile(
    r"(?:^|[-_.])(?:auth|authorization|credentials?|cookie2?|jwt|key|passw(?:or)?d|passphrase|pwd|secret|sig|signature|"
    r"token)(?:$|[-_.])|(?:api|access|secret|subscription|private|auth)(?:key|token|secret)$",
    re.IGNORECASE,
)
_KNOWN_PREFIX = re.compile(
    r"(?:Bearer\s|sk-|sk_|pk-|rk-|gsk_|hf_|xai-|nvapi-|r8_|ghp_|gho_|github_pat_|glpat-|AIza|AKIA|eyJ|fw_|csk-|tgp_|key-)\S{8}"
)
_RANDOM_LOOKING = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_=.-]{32,}")
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"


class Secret:
    """Holds a key. `reveal()` gives it; nothing else does: not repr, str, format, pickle, copy or json."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The key itself, for the one place that sends it."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __len__(self) -> int:
        return len(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is neither pickled nor copied")


def core(value: str) -> str:
    """`value` without what people paste around a key: white space, quotes, invisible marks, a `Bearer ` prefix."""
    around = _QUOTES + _INVISIBLE + " \t\r\n\x00"
    return re.sub(r"(?i)^bearer\s+", "", value.strip(around)).strip(around)


def is_placeholder(value: str) -> bool:
    """Whether `value` is one of the words that keyless servers are given (`ollama`, `none`, `EMPTY`), or nothing."""
    bare = core(value)
    return not bare or bare.casefold() in PLACEHOLDERS or re.fullmatch(r"[<{\[$%].*[>}\]%]?|(.)\1*", bare) is not None


def is_common(value: str) -> bool:
    """Too short or too ordinary to be looked for in text: it would be found where it does not stand."""
    return len(core(value)) < SHORT or is_placeholder(value)


def secret_name(name: str) -> bool:
    """Whether a header or query parameter of that name carries a credential."""
    return _SECRET_NAME.search(name) is not None


def looks_secret(value: str) -> bool:
    """Whether a value has the form of a key: a known prefix, or 32 and more characters of letters and digits."""
    return bool(_KNOWN_PREFIX.match(value) or _RANDOM_LOOKING.fullmatch(value))


def key_shape(secret: Secret) -> dict[str, bool]:
    """What can go wrong with a key without its being the wrong key. True means that the trait is there."""
    value = secret.reveal()
    return {
        "empty": not value.strip(),
        "whitespace": bool(re.search(r"\s", value)),
        "line_end": any(mark in value for mark in "\r\n"),
        "quotes": any(mark in value for mark in _QUOTES),
        "bom": any(mark in value for mark in _INVISIBLE),
        "bearer_prefix": bool(re.match(rf"(?i)[\s{_QUOTES}{_INVISIBLE}]*bearer\s", value)),
        "non_ascii": not value.isascii(),
        "control": any(ord(mark) < 32 or ord(mark) == 127 for mark in value),
        "variable": bool(re.search(r"\$\{?\w+|%\w+%|^[A-Z][A-Z0-9_]*=", value)),
        "placeholder": is_placeholder(value),
        "short": len(core(value)) < SHORT,
    }
