"""What a person types as an endpoint, understood: one base URL, notes on what was put right, and secrets taken off."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, unquote_plus

from cab_check.base.errors import AddressError
from cab_check.wire.hosts import DEFAULT_PORTS, is_near, read_host, split_port
from cab_check.wire.secret import Secret, looks_secret, secret_name

HIDDEN = "[redacted]"
ROUTES = ("/chat/completions", "/completions", "/responses", "/messages", "/models", "/embeddings")

_AROUND = "\"'`<>\u2018\u2019\u201c\u201d\ufeff\u200b\u2060 \t\r\n"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://+|(https?):/*(?!\d+(?:/|$))", re.IGNORECASE)
_LONGEST = 2048
# Where APIs of this form are commonly mounted: OpenAI and most servers; OpenRouter and Open WebUI; Groq; Ark; Gemini.
_MOUNTS = ("/v1", "/api/v1", "/openai/v1", "/api/v3", "/api", "/v1beta/openai")


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint. `base_url` is what routes are appended to; it has no trailing slash, no query and no secret.

    `given` is what was typed, with userinfo and key-like query values hidden. `notes` are codes of what was put right:
    trimmed, scheme-added, host-added, slashes-fixed, brackets-added, userinfo-removed, query-key-removed,
    fragment-removed, trailing-slash, route-removed:ROUTE. `query` is kept and goes out with every request.
    `found_key` is a key that stood in the address; `other_base_paths` are worth a try, likely ones first.
    """

    scheme: str
    host: str  # IPv6 without brackets
    port: int
    base_path: str  # "" or "/v1"; no trailing slash
    given: str
    notes: tuple[str, ...] = ()
    scheme_guessed: bool = False
    query: tuple[tuple[str, str], ...] = ()
    secrets: tuple[Secret, ...] = ()
    found_key: Secret | None = None
    loopback_or_private: bool = False
    other_base_paths: tuple[str, ...] = field(default=(), repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port; the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def base_url(self) -> str:
        """Origin and base path, without a trailing slash."""
        return self.origin + self.base_path


def read_address(typed: str) -> Address:
    """Understand `typed`. Raises AddressError, which never quotes what was typed: a secret may stand in it.

    A missing scheme becomes http for this machine, private networks and bare names, and https elsewhere.
    Reading a `base_url` again gives the same `base_url`.
    """
    text, notes = _trim(typed)
    text, scheme = _take_scheme(text, notes)
    netloc, path, query, fragment = _parts(text)
    if fragment:
        notes.append("fragment-removed")
    userinfo, at, netloc = netloc.rpartition("@")
    if at:
        notes.append("userinfo-removed")
    host_text, port, host_notes = split_port(_complete_netloc(netloc, notes))
    notes += host_notes
    host = read_host(host_text)
    near = is_near(host)
    guessed = scheme is None
    scheme = scheme or ("https" if port == 443 else "http" if near or port == 80 else "https")
    base_path = _base_path(path, notes)
    kept, hidden, shown_query = _read_query(query)
    if hidden:
        notes.append("query-key-removed")
    user_secrets = _userinfo_secrets(userinfo)
    return Address(
        scheme=scheme,
        host=host,
        port=port or DEFAULT_PORTS[scheme],
        base_path=base_path,
        given=_given(text, guessed, scheme, bool(at), netloc, path, shown_query),
        notes=tuple(dict.fromkeys(notes)),
        scheme_guessed=guessed,
        query=kept,
        secrets=tuple(dict.fromkeys((*hidden, *user_secrets))),
        found_key=next(iter((*hidden, *user_secrets)), None),
        loopback_or_private=near,
        other_base_paths=_other_base_paths(base_path),
    )


def _trim(typed: str) -> tuple[str, list[str]]:
    text = typed.strip(_AROUND)
    if not text:
        raise AddressError("The endpoint is empty.", "Give an address such as http://localhost:11434/v1.")
    if len(text) > _LONGEST:
        raise AddressError(f"The endpoint is longer than {_LONGEST} characters.", "Check what was pasted.")
    if re.search(r"[\s\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]", text):
        raise AddressError(
            "The endpoint has a space, a line end or an invisible character in it.", "Type the address by hand, once."
        )
    if "\\" in text:
        raise AddressError("The endpoint has a backslash in it.", "Addresses are written with / only.")
    return text, ["trimmed"] if text != typed else []


def _take_scheme(text: str, notes: list[str]) -> tuple[str, str | None]:
    match = _SCHEME.match(text)
    if match is None:
        notes.append("scheme-added")
        return text.removeprefix(":").lstrip("/") if text.startswith(("//", "://")) else text, None
    scheme = (match[1] or match[2]).lower()
    if scheme not in DEFAULT_PORTS:
        known = scheme in ("ws", "wss", "ftp", "file", "ssh", "tcp", "unix", "grpc", "mailto", "data", "javascript")
        named = f"{scheme}:// is" if known else "What stands before :// is"
        raise AddressError(f"{named} not http or https.", "Chat completions are served over http:// or https://.")
    if not match[0].endswith("://") or match[0].endswith(":///"):
        notes.append("slashes-fixed")
    return text[match.end() :], scheme


def _parts(text: str) -> tuple[str, str, str, str]:
    rest, _, fragment = text.partition("#")
    rest, _, query = rest.partition("?")
    netloc, slash, path = rest.partition("/")
    return netloc, slash + path, query, fragment


def _complete_netloc(netloc: str, notes: list[str]) -> str:
    if re.fullmatch(r":?\d{1,5}", netloc):
        notes.append("host-added")
        return f"localhost:{netloc.removeprefix(':')}"
    return netloc


def _base_path(path: str, notes: list[str]) -> str:
    """The path percent-encoded, without dot segments, doubled slashes, a trailing slash and a route left on the end."""
    single = re.sub(r"//+", "/", path)
    if single != path:
        notes.append("slashes-fixed")
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quote(single, safe="/%:@!$&'()*+,;=~-._"))
    clean = posixpath.normpath(encoded) if encoded else ""
    if encoded.endswith("/") and encoded != "/":
        notes.append("trailing-slash")
    while True:
        route = next((route for route in ROUTES if clean.lower().endswith(route)), None)
        if route is None:
            return clean.rstrip("/")
        notes.append(f"route-removed:{route}")
        clean = clean[: -len(route)].rstrip("/")


def _read_query(query: str) -> tuple[tuple[tuple[str, str], ...], tuple[Secret, ...], str]:
    """Pairs to keep, secrets, and the query as it may be shown."""
    kept: list[tuple[str, str]] = []
    hidden: list[Secret] = []
    shown: list[str] = []
    for part in filter(None, query.split("&")):
        raw_name, equals, raw_value = part.partition("=")
        name, value = unquote_plus(raw_name), unquote_plus(raw_value)
        if looks_secret(name):  # ?sk-... with no name at all
            hidden.append(Secret(name))
            shown.append(HIDDEN)
        elif value and (secret_name(name) or looks_secret(value)):
            hidden.append(Secret(value))
            shown.append(f"{raw_name}={HIDDEN}")
        else:
            kept.append((name, value))
            shown.append(raw_name + equals + raw_value)
    return tuple(kept), tuple(hidden), "&".join(shown)


def _userinfo_secrets(userinfo: str) -> tuple[Secret, ...]:
    """Password first: with `user:key@host` it is the key; with `key@host` the user is."""
    user, _, password = userinfo.partition(":")
    return tuple(Secret(unquote(part)) for part in (password, user) if part)


def _given(text: str, guessed: bool, scheme: str, user: bool, netloc: str, path: str, query: str) -> str:
    prefix = "" if guessed else f"{scheme}://"
    return prefix + (f"{HIDDEN}@" if user else "") + netloc + path + (f"?{query}" if query else "")


def _other_base_paths(base_path: str) -> tuple[str, ...]:
    halved = re.sub(r"(/v\d+)(?:\1)+", r"\1", base_path)
    parent = re.sub(r"/v\d+$", "", base_path)
    likely = [halved, parent]
    if not re.search(r"/v\d", base_path):
        likely.insert(0, f"{base_path}/v1")
    if base_path.endswith("/api"):  # Ollama's own API stands beside the compatible one, not above it
        likely.insert(0, f"{base_path.removesuffix('/api')}/v1")
    likely += _MOUNTS
    return tuple(path for path in dict.fromkeys(likely) if path != base_path)
