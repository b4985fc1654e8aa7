"""What would tell who and where somebody is, replaced by stable placeholders: HOST-1, ADDRESS-1, ACCOUNT-1, PATH-1 ...

The same value gets the same placeholder wherever it stands. Ports, loopback addresses and `localhost` stay: they say
nothing about anybody, and a bug report is worth less without them. When in doubt a value is replaced: a placeholder
too many costs a reader a question, a name too many cannot be taken back.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Mapping

KINDS: Mapping[str, str] = {
    "SECRET": "secrets",
    "COOKIE": "cookies",
    "EMAIL": "e-mail addresses",
    "HOST": "host names",
    "ADDRESS": "network addresses",
    "PATH": "home directories",
    "ACCOUNT": "account, organisation, project and user ids",
    "REQUEST": "request, session and trace ids",
    "CERTIFICATE": "names in certificates",
    "VALUE": "values of headers that were added",
}

# While a text is worked on, a placeholder is one private-use character, so that no later rule finds anything in it.
_FIRST = 0xF0000
_TOKENS = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 0xFFFD)}]")
_OURS = re.compile("[\U000f0000-\U0010ffff]")

_STAYS = re.compile(r"(?i)(?:.*\.)?localhost|host\.docker\.internal|.*\.invalid")
# Names of services and products that are also host names inside a container network: they tell nothing about anybody.
_SERVICES = """
    api app assistant backend caddy chat content demo envoy frontend function gateway host http https llama llamacpp
     llm lmstudio localai localhost litellm message model models name nginx none null ollama openai openrouter path
     proxy router server sglang stream system test text tgi tool tools traefik false true type user vllm web worker
"""
_WORDS = frozenset([*_SERVICES.split(), "cab-check"])  # our own name stands in the questions as cache key

_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-7][0-9a-fA-F])")
# The letter of an escaped line end or tab is no part of the word after it, so it is put out of the way meanwhile.
_BREAKS = re.compile(r"(?<=\\)[nrtbf]")
_BREAK = {letter: chr(0x100000 + place) for place, letter in enumerate("nrtbf")}
_UNBREAK = str.maketrans({mark: letter for letter, mark in _BREAK.items()})
_SLASH = r"(?:\\?/|%2[Ff])"
_URL = re.compile(
    rf"(?i)\b(https?|wss?|socks5h?|ftp|ssh|git|postgres(?:ql)?|redis|tcp)((?::|%3A){_SLASH}{{2}})"
    r"(?:([^\s/?#@\"'<>\\]+)@)?(\[[0-9A-Fa-f:.%\w-]+\]|[^\s/?#:@\"'`<>\\%,;)\]}]+)"
)
_EMAIL = re.compile(
    r"[^\s@<>\"'`(),:;\[\]\\/={}|\U00100000-\U0010ffff]{1,64}@[^\W\d_][\w-]{0,62}(?:\.[\w-]{1,63}){0,9}"
)
_SUFFIXES = (
    "com|net|org|edu|gov|mil|io|ai|dev|app|cloud|biz|info|xyz|tech|online|site|internal|intranet|private|local|lan|corp"
    "|home|localdomain|arpa|example|test"
)
_FILES = "py|rs|ts|js|go|md|sh|gz|cc|hs|ml|rb|pl|cs|kt|so"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_DOTTED = re.compile(
    rf"(?i)(?<![\w.@-])(?:(?:[\w-]+\.)+(?:{_SUFFIXES})|(?:[\w-]+\.){{2,}}(?!(?:{_FILES})\b)[a-z]{{2}})(?![\w-]|\.\w)"
)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:[0-9A-Fa-f]{1,4}(?!\.\d)|\d{1,3}(?:\.\d{1,3}){3})?(?:%[\w.-]{1,32})?(?!\w)"
)
_NAME = r"[^\s/\\\"'`<>:;,|)\]}%]+"
_HOME = re.compile(rf"(?:{_SLASH}(?:var|export|usr|mnt){_SLASH}|{_SLASH})(?:home|Users){_SLASH}{_NAME}")
_WINDOWS_HOME = re.compile(rf"[A-Za-z]:(?:\\{{1,4}}|/)Users(?:\\{{1,4}}|/){_NAME}")
_FIELD = re.compile(
    r"(?i)(\\{0,8})([\"'])("
    r"(?:user|end_user|organi[sz]ation|org|account|project|team|tenant|customer|workspace|subscription|principal|client"
    r"|request|req|trace|session|correlation|generation)[_-]?(?:id|uuid|name|alias|email|hash)"
    r"|user|username|login|email|organi[sz]ation|account|safety_identifier|prompt_cache_key|key_alias|key_name|owner"
    r")\1\2(\s{0,9}:\s{0,9})(?:\1\2([^\"'\\]+)\1\2|(\d{4,}))"
)
_REQUEST_FIELD = re.compile(r"(?i)request|req[_-]|trace|session|correlation|generation")
_ID = re.compile(
    r"\b(?:org|organization|user|acct|account|proj|project|team|cus|tenant|workspace|client|customer)[-_]"
    r"(?=[A-Za-z0-9-]{0,80}\d|[A-Za-z0-9]{16})[A-Za-z0-9][A-Za-z0-9-]{5,80}"
)
_REQUEST_ID = re.compile(
    r"\b(?:req|request|trace|session|sess|gen)[-_](?=[A-Za-z0-9-]{0,80}\d)[A-Za-z0-9][A-Za-z0-9-]{5,80}"
    r"|(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])"
)
_SECRET = re.compile(
    r"\b(?:sk-|sk_|pk-|pk_|rk-|gsk_|hf_|xai-|nvapi-|r8_|gh[opsu]_|github_pat_|glpat-|AIza|AKIA|fw_|csk-|tgp_)"
    r"(?=[\w.+/=-]{0,200}\d)[\w.+/=-]{8,}"
    r"|\beyJ[\w-]{8,2000}\.[\w.-]+|(?<=\bBearer )(?!\[redacted\]|\$)[\w.~+/=-]{8,}|(?<=\bBasic )[A-Za-z0-9+/]{8,}={0,2}"
)


class Placeholders:
    """Hands out placeholders and puts them in. What was met once is found again also where no rule would see it."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full  # only secrets are replaced
        self._tokens: dict[tuple[str, str], str] = {}
        self._names: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self._used: Counter[str] = Counter()
        self._known: re.Pattern[str] | None = None

    def value(self, kind: str, value: str) -> str:
        """The whole of `value` as one placeholder. Empty text, redacted text and words that name nobody stay."""
        if not value.strip() or value == "[redacted]" or value.casefold() in _WORDS or (self.full and kind != "SECRET"):
            return value
        return self._shown(self._token(kind, value))

    def text(self, text: str) -> str:
        """`text` with placeholders. Its line ends stay where they are."""
        text = _OURS.sub("\ufffd", text)
        text = _ESCAPED.sub(_plain_character, text)
        if not self.full:
            text = _WINDOWS_HOME.sub(self._whole("PATH"), text)
        text = _BREAKS.sub(lambda found: _BREAK[found[0]], text)
        text = _SECRET.sub(self._whole("SECRET"), text)
        if not self.full:
            text = self._everything(text)
        return self._shown(text).translate(_UNBREAK)

    def settle(self) -> None:
        """What was met so far is from now on found wherever it stands; counting begins anew."""
        known = [value for kind, value in self._tokens if _findable(kind, value)]
        longest_first = sorted(known, key=lambda value: (-len(value), value))
        if longest_first:
            self._known = re.compile(rf"(?i)(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")
        self._used.clear()

    def replaced(self) -> dict[str, tuple[int, int]]:
        """For each kind that was replaced: how many values, and how many times in all. Never the values."""
        different = Counter(_TAIL.sub("", name) for name in self._used)
        times: Counter[str] = Counter()
        for name, count in self._used.items():
            times[_TAIL.sub("", name)] += count
        return {kind: (different[kind], times[kind]) for kind in KINDS if different[kind]}

    def _everything(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(self._again, text)
        text = _URL.sub(self._url, text)
        text = _FIELD.sub(self._field, text)
        text = _EMAIL.sub(self._whole("EMAIL"), text)
        text = _HOME.sub(self._whole("PATH"), text)
        text = _REQUEST_ID.sub(self._whole("REQUEST"), text)
        text = _ID.sub(self._whole("ACCOUNT"), text)
        text = _IPV4.sub(lambda found: self._host(found[0]), text)
        text = _IPV6.sub(self._ipv6, text)
        return _DOTTED.sub(lambda found: self._host(found[0]), text)

    def _token(self, kind: str, value: str) -> str:
        key = (kind, value.casefold() if kind in ("HOST", "ADDRESS", "EMAIL") else value)
        if key not in self._tokens:
            self._numbers[kind] += 1
            token = chr(_FIRST + len(self._tokens) % 0xFFFD)
            self._tokens[key] = token
            self._names[token] = f"{kind}-{self._numbers[kind]}"
        return self._tokens[key]

    def _shown(self, text: str) -> str:
        def name(found: re.Match[str]) -> str:
            self._used[self._names[found[0]]] += 1
            return self._names[found[0]]

        return _TOKENS.sub(name, text)

    def _whole(self, kind: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self._token(kind, found[0])

    def _again(self, found: re.Match[str]) -> str:
        value = found[0]
        for kind in KINDS:
            token = self._tokens.get((kind, value)) or self._tokens.get((kind, value.casefold()))
            if token is not None:
                return token
        return value

    def _url(self, found: re.Match[str]) -> str:
        scheme, slashes, user, host = found.groups()
        login = f"{self._token('SECRET', user)}@" if user and user != "[redacted]" else f"{user}@" if user else ""
        bare = host.strip("[]")
        named = self._host(bare)
        return f"{scheme}{slashes}{login}{host if named == bare else named}"

    def _host(self, host: str) -> str:
        if _TOKENS.search(host):
            return host if _TOKENS.fullmatch(host) else self._token("HOST", _TOKENS.sub(self._name_of, host))
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return host if _STAYS.fullmatch(host) else self._token("HOST", host.rstrip("."))
        return host if address.is_loopback or address.is_unspecified else self._token("ADDRESS", host)

    def _name_of(self, found: re.Match[str]) -> str:
        return self._names[found[0]]

    def _ipv6(self, found: re.Match[str]) -> str:
        text = found[0]
        core = text.rstrip(":.") if not text.endswith("::") else text
        try:
            ipaddress.IPv6Address(core.partition("%")[0])
        except ValueError:
            return text
        return self._host(core) + text[len(core) :]

    def _field(self, found: re.Match[str]) -> str:
        escapes, quote, name, between, text, number = found.groups()
        mark = f"{escapes}{quote}"
        value = text or number
        if _TOKENS.search(value) or value.casefold() in _WORDS or not re.search(r"\w", value):
            return found[0]
        kind = "REQUEST" if _REQUEST_FIELD.match(name) else "ACCOUNT"
        return f"{mark}{name}{mark}{between}{mark}{self._token(kind, value)}{mark}"


_TAIL = re.compile(r"-\d+$")


def _plain_character(found: re.Match[str]) -> str:
    """A needless JSON escape undone, so that nothing hides behind it; quotes and backslashes keep theirs."""
    character = chr(int(found[2], 16))
    return found[0] if character in '"\\\x7f' else f"{found[1]}{character}"


def _findable(kind: str, value: str) -> bool:
    """Whether a value may be looked for in running text without hitting ordinary words and numbers."""
    if value.casefold() in _WORDS or len(value) < 4:
        return False
    if kind == "VALUE":  # it may be anything: a media type, an address of this machine
        return re.fullmatch(r"(?=.*\d)(?=.*[A-Za-z])[\w-]{8,}", value) is not None
    return kind in ("HOST", "ADDRESS", "EMAIL", "PATH") or (
        len(value) >= 6 and not value.isalpha() and not value.isdigit()
    )
