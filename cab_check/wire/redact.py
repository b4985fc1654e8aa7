"""Taking secrets out of whatever leaves the wire room.

A secret is found in these forms, in any case of letters, and also where the forms are mixed character by character:

* as it is, and without what was pasted around it (white space, quotes, a `Bearer ` prefix)
* percent-encoded, any or all characters (`%2D`), a space also as `+`
* escaped as in JSON or JavaScript (`\\u002d`, `\\x2d`, `\\/`, `\\"`), also escaped again inside a JSON string
* escaped as in HTML (`&#45;`, `&#x2d;`, `&amp;`)
* base64, standard and URL-safe, at each of the three alignments, so also after `Bearer ` or `user:`; up to three
  characters on either side go with it, since they hold bits of the secret
* hexadecimal, of either case
* backwards, as it is and in hexadecimal

In a body the search runs over the whole of it, decompressed, so that it does not matter where chunks, events of one
piece or pieces end. If it hits, the raw pieces are replaced by the decompressed, redacted ones at the same times, and
the exchange says `redacted`; the raw bytes are gone.

Headers that carry credentials by their name, userinfo, and key-like query values in URLs are replaced whatever they
hold. A secret of fewer than 12 characters, or one that is an ordinary word (`ollama`, `none`), is replaced nowhere
else: text is full of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from cab_check.wire.address import HIDDEN
from cab_check.wire.decode import arrivals
from cab_check.wire.exchange import Exchange, Got, Headers, Piece, Sent, TlsFacts
from cab_check.wire.needle import Needles, Span
from cab_check.wire.secret import Secret, core, is_common, looks_secret, secret_name

_NAMES = """
    authorization proxy-authorization cookie set-cookie cookie2 set-cookie2 x-api-key api-key x-auth-token
    x-goog-api-key ocp-apim-subscription-key x-amz-security-token
"""
SECRET_HEADERS = frozenset(_NAMES.split())
_URL_HEADERS = frozenset(("location", "content-location", "link", "refresh", "referer"))
_QUERY_PAIR = re.compile(r"(?<=[?&;#])([^=&#;\s\"'<>]+)=([^&#;\s\"'<>]+)")
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]+@")
_SCHEMED = re.compile(r"(Bearer|Basic|Digest|Negotiate)\s+\S", re.IGNORECASE)


class Redactor:
    """Replaces the given secrets. `header_names` are replaced by their names, like SECRET_HEADERS."""

    def __init__(self, secrets: Iterable[Secret], header_names: Iterable[str] = ()) -> None:
        values = {form for secret in secrets for form in _cores(secret.reveal()) if not is_common(form)}
        self._needles = Needles(values)
        self._names = SECRET_HEADERS | {name.casefold() for name in header_names}

    def text(self, text: str) -> str:
        """`text` without the secrets."""
        data, hit = self.data(text.encode("utf-8", "surrogatepass"))
        return data.decode("utf-8", "replace") if hit else text

    def data(self, data: bytes) -> tuple[bytes, bool]:
        """`data` without the secrets, and whether there were any."""
        spans = self._needles.find(data)
        return (_cut(data, 0, spans), True) if spans else (data, False)

    def url(self, url: str) -> str:
        """A URL without secrets, userinfo and key-like query values."""
        bare = _USERINFO.sub(f"{HIDDEN}@", url)
        return self.text(_QUERY_PAIR.sub(_hide_pair, bare))

    def headers(self, headers: Headers) -> Headers:
        """Headers in their order, credentials replaced by name, the rest searched."""
        return tuple((self.text(name), self._header(name, value)) for name, value in headers)

    def exchange(self, exchange: Exchange) -> Exchange:
        """The exchange as it may leave the wire room."""
        body, hit = self.data(exchange.body)
        got = exchange.got
        if got is not None:
            pieces, raw_hit = self._pieces(exchange, got, hit)
            hit = hit or raw_hit
            got = replace(got, reason=self.text(got.reason), headers=self.headers(got.headers), pieces=pieces)
        return replace(
            exchange,
            sent=self._sent(exchange.sent),
            got=got,
            body=body,
            detail=self.text(exchange.detail),
            decode_error=self.text(exchange.decode_error) if exchange.decode_error else exchange.decode_error,
            tls=self._tls(exchange.tls) if exchange.tls else None,
            redacted=exchange.redacted or hit,
        )

    def _sent(self, sent: Sent) -> Sent:
        return replace(
            sent,
            url=self.url(sent.url),
            headers=self.headers(sent.headers),
            body=self.data(sent.body)[0],
            route=self.url(sent.route),
        )

    def _tls(self, facts: TlsFacts) -> TlsFacts:
        return replace(
            facts,
            subject=self.text(facts.subject) if facts.subject else facts.subject,
            issuer=self.text(facts.issuer) if facts.issuer else facts.issuer,
        )

    def _header(self, name: str, value: str) -> str:
        low = name.casefold()
        if low in self._names:
            scheme = _SCHEMED.match(value)
            return f"{scheme[1]} {HIDDEN}" if scheme else HIDDEN
        return self.url(value) if low in _URL_HEADERS else self.text(value)

    def _pieces(self, exchange: Exchange, got: Got, body_hit: bool) -> tuple[tuple[Piece, ...], bool]:
        """The raw pieces where no secret stands in them; else the decompressed ones without it."""
        raw_hit = bool(self._needles.find(got.raw))  # also of a body that could not be decompressed
        if not body_hit and not raw_hit:
            return got.pieces, False
        pieces = arrivals(exchange) if body_hit else got.pieces
        spans = self._needles.find(b"".join(piece.data for piece in pieces))
        done, offset = [], 0
        for piece in pieces:
            done.append(Piece(piece.at_ms, _cut(piece.data, offset, spans)))
            offset += len(piece.data)
        return tuple(done), True


def _cut(data: bytes, offset: int, spans: list[Span]) -> bytes:
    """`data`, which begins at `offset` of the whole, without the spans; a mark stands where a span begins."""
    out, at = [], offset
    for start, end in spans:
        if end <= at or start >= offset + len(data):
            continue
        out.append(data[at - offset : max(start, at) - offset])
        if start >= at:
            out.append(HIDDEN.encode())
        at = min(end, offset + len(data))
    return b"".join((*out, data[at - offset :]))


def _hide_pair(match: re.Match[str]) -> str:
    name, value = match.groups()
    hidden = secret_name(name) or looks_secret(value)
    return f"{name}={HIDDEN}" if hidden else match[0]


def _cores(value: str) -> set[str]:
    credentials = re.sub(r"^[A-Za-z]{3,10}\s+", "", value.strip())  # `Basic dXNlcjpw` of a header
    return {value, value.strip(), core(value), credentials} - {""}
