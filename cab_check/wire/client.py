"""The one client: sends an ask, records everything that happened, and decides where the key may go."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from types import TracebackType
from urllib.parse import quote_plus, urljoin, urlsplit

import httpcore
import httpx

from cab_check import __version__
from cab_check.base.text import one_line
from cab_check.wire.access import Access, Pairs, ssl_context
from cab_check.wire.address import Address
from cab_check.wire.budget import Budget
from cab_check.wire.decode import ACCEPTED, decode
from cab_check.wire.exchange import Ask, End, Exchange, Facts, Headers, Recording, Sent
from cab_check.wire.failure import NETWORK_FAILURES, explain
from cab_check.wire.hosts import DEFAULT_PORTS
from cab_check.wire.journal import Journal, TooLarge
from cab_check.wire.limits import WireLimits
from cab_check.wire.proxies import choose
from cab_check.wire.redact import Redactor
from cab_check.wire.secret import Secret, key_shape
from cab_check.wire.transport import Transport

KEY_SLOT = "{key}"  # in the value of an ask's header: the key goes there, and the header is left out without it
_UNSENT = (httpx.InvalidURL, UnicodeError, ValueError, TypeError, httpcore.LocalProtocolError)


class Client:
    """Answers asks over the network. One job, one origin; any number of asks at once. Use it as a context.

    A network failure is an exchange, not an exception. `send` raises BudgetReached before a request that a ceiling
    forbids, and CancelledError after the exchange was recorded as far as it came. Nothing is retried.

    The key goes to the typed origin and base path only. Where the scheme was guessed, the first ask that wants the key
    is preceded by a keyless `GET /models`, recorded and counted like every other; the key goes out once that brought
    an HTTP reply, which for https means a trusted certificate.
    """

    def __init__(
        self,
        address: Address,
        access: Access,
        *,
        facts: Facts,
        limits: WireLimits | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._address = address
        self._access = access
        self._facts = facts
        self._limits = limits or WireLimits()
        self._budget = budget or Budget()
        self._proxy = choose(address.scheme, address.host, address.port)
        self._redactor = self._new_redactor()
        self._base_path = address.base_path
        self._scheme_proven = not address.scheme_guessed
        self._proving = asyncio.Lock()
        self._exchanges: list[Exchange] = []
        self._started = 0
        self._transport: Transport | None = None

    async def __aenter__(self) -> Client:
        """Raises UsageError if TLS is needed and a certificate file cannot be read."""
        self._transport = Transport(self._tls(), self._proxy)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport = None  # connections live no longer than their exchange

    @property
    def recording(self) -> Recording:
        """Everything asked so far in the order of its start, redacted."""
        return Recording(self._facts, tuple(sorted(self._exchanges, key=lambda exchange: exchange.number)))

    @property
    def in_flight(self) -> int:
        """How many requests are out."""
        return self._started - len(self._exchanges)

    def set_key(self, key: Secret, source: str) -> None:
        """Use this key from now on; `source` says where it came from."""
        self._access = replace(self._access, key=key, key_source=source)
        self._facts = replace(
            self._facts, key_given=True, key_source=source, key_shape=key_shape(key), key_length=len(key)
        )
        self._redactor = self._new_redactor()

    def adopt(self, base_path: str) -> None:
        """Ask under `base_path` of the same origin from now on, with the key: a keyless trial has confirmed it."""
        self._base_path = base_path.rstrip("/")

    async def send(self, ask: Ask, *, total_s: float | None = None) -> Exchange:
        """Send one ask and return what came of it; of a same-origin 307/308, the exchange that it led to.

        `total_s` is the deadline of the whole exchange in seconds; by default that of the limits.
        """
        wanted = self._wants_secrets(ask)
        if wanted and not self._scheme_proven:
            await self._prove_scheme()
        keyed = wanted and self._scheme_proven
        exchange, location = await self._once(ask, self._url(ask, keyed), keyed, total_s, None)
        target = self._same_origin(ask, location) if exchange.status in (307, 308) else None
        if target is not None:
            exchange, _ = await self._once(ask, target, keyed, total_s, exchange.number)
        return exchange

    async def _prove_scheme(self) -> None:
        async with self._proving:
            if not self._scheme_proven:
                trial = Ask("GET", "/models", with_key=False)
                exchange, _ = await self._once(trial, self._url(trial, keyed=False), False, None, None)
                self._scheme_proven = exchange.status is not None

    async def _once(
        self, ask: Ask, url: str, keyed: bool, total_s: float | None, follows: int | None
    ) -> tuple[Exchange, str | None]:
        """One request, recorded. Also returns the reply's Location before redaction."""
        self._budget.take_request(ask.payload())
        self._started += 1
        number = self._started
        journal = Journal(self._limits, total_s)
        headers = self._headers(ask, keyed)
        end, detail = "interrupted", "stopped here before the reply was whole"  # type: End, str
        try:
            end, detail = await self._drive(journal, ask.method, url, headers, ask.payload())
        finally:
            sent = Sent(ask.method, url, journal.sent_headers or headers, ask.payload(), ask.route, keyed)
            exchange = self._record(number, journal, sent, end, detail, follows)
        location = next((v for k, v in journal.head[3] if k.casefold() == "location"), None) if journal.head else None
        return exchange, location

    async def _drive(self, journal: Journal, method: str, url: str, headers: Headers, body: bytes) -> tuple[End, str]:
        """Let the request run to its end, whatever that is."""
        if self._transport is None:
            raise RuntimeError("the client is used outside its context")
        try:
            request = httpx.Request(method, url, headers=list(headers), content=body, extensions={"journal": journal})
        except _UNSENT as failure:
            return "request-invalid", one_line(f"{type(failure).__name__}: {failure}")
        try:
            async with journal:
                response = await self._transport.handle_async_request(request)
                try:
                    self._check_head(response)
                    async for data in response.aiter_raw():
                        journal.piece(data)
                finally:
                    await response.aclose()
        except NETWORK_FAILURES as failure:
            return explain(failure, journal, self._proxy.shown if self._proxy else None)
        return "complete", ""

    def _check_head(self, response: httpx.Response) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in response.headers.raw)
        if size > self._limits.header_bytes:
            raise TooLarge(f"the headers of the reply are larger than {self._limits.header_bytes} bytes")

    def _record(
        self, number: int, journal: Journal, sent: Sent, end: End, detail: str, follows: int | None
    ) -> Exchange:
        got = journal.got()
        pieces, decode_error = decode(got, self._limits.body_bytes) if got else ((), None)
        if end != "complete" and decode_error and decode_error.endswith("too early"):
            decode_error = None  # the connection ended early, not the coding
        exchange = Exchange(
            number=number,
            sent=sent,
            got=got,
            end=end,
            detail=one_line(detail, 500),
            started_at=journal.started_at,
            times=journal.times(),
            body=b"".join(piece.data for piece in pieces),
            decode_error=decode_error,
            peer=journal.peer,
            tls=journal.tls,
            follows_redirect=follows,
        )
        self._budget.count(exchange)
        exchange = self._redactor.exchange(exchange)
        self._exchanges.append(exchange)
        return exchange

    def _wants_secrets(self, ask: Ask) -> bool:
        """Whether credentials may go with this ask: not to a base path that was neither typed nor confirmed."""
        known = ask.base_path in (None, self._base_path, self._address.base_path)
        return ask.with_key and known and bool(self._access.secrets())

    def _url(self, ask: Ask, keyed: bool) -> str:
        base_path = self._base_path if ask.base_path is None else ask.base_path
        pairs = self._address.query + (self._access.query if keyed else self._access.open_query())
        query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
        url = self._address.origin + base_path + ask.route
        return url + (("&" if "?" in ask.route else "?") + query if query else "")

    def _headers(self, ask: Ask, keyed: bool) -> Headers:
        """Ours, then the user's, then the ask's; a later one of the same name replaces an earlier one."""
        key = self._access.key.reveal() if keyed and self._access.key else None
        ours: Pairs = (
            ("Accept", "application/json"),
            ("Accept-Encoding", ACCEPTED),
            ("Connection", "keep-alive"),
            ("User-Agent", f"cab-check/{__version__}"),
        )
        if ask.raw is not None or ask.body is not None:
            ours += (("Content-Type", "application/json"),)
        if keyed:
            ours += self._access.key_headers()
        asked: Pairs = ()
        for name, value in ask.headers:
            if KEY_SLOT not in value:
                asked += ((name, value),)
            elif key is not None:
                asked += ((name, value.replace(KEY_SLOT, key)),)
        return _override(_override(ours, self._access.headers if keyed else self._access.open_headers()), asked)

    def _same_origin(self, ask: Ask, location: str | None) -> str | None:
        """The target of the redirect that answered `ask`, if it stays on the typed origin."""
        if not location:
            return None
        try:
            target = urljoin(self._url(ask, keyed=False), location)
            parts = urlsplit(target)
            port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return None
        same = (parts.scheme, parts.hostname, port) == (self._address.scheme, self._address.host, self._address.port)
        return target if same and "@" not in parts.netloc else None

    def _tls(self) -> ssl.SSLContext | None:
        proxied_by_tls = self._proxy is not None and self._proxy.url.scheme == "https"
        return ssl_context(self._access) if self._address.scheme == "https" or proxied_by_tls else None

    def _new_redactor(self) -> Redactor:
        proxy = self._proxy.secrets if self._proxy else ()
        secrets = (*self._access.secrets(), *self._address.secrets, *proxy)
        return Redactor(secrets, self._access.secret_header_names())


def _override(base: Pairs, extra: Pairs) -> Pairs:
    names = {name.casefold() for name, _ in extra}
    return tuple(pair for pair in base if pair[0].casefold() not in names) + extra
