"""One fresh connection per request, over httpcore, straight or through the proxy that the environment names."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpcore
import httpx

from cab_check.wire.journal import Journal
from cab_check.wire.line import Lines
from cab_check.wire.proxies import ProxyChoice


class Transport(httpx.AsyncBaseTransport):
    """Sends a request whose extension `journal` is a Journal.

    Every request has a connection of its own. On a reused one, a server that closes when idle looks like a server
    that resets: clients hide that with a retry, and nothing is retried here. It also gives each request its own
    connect and TLS times. What is sent still says keep-alive, because that is what agents send.

    Raises what went wrong as it came: httpcore's exceptions, OSError, ssl.SSLError. httpx's own client is left out on
    purpose: it would log addresses, keep cookies from one question to the next, and rewrap the causes.
    """

    def __init__(self, tls: ssl.SSLContext | None, proxy: ProxyChoice | None) -> None:
        self._tls = tls
        self._proxy = proxy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        journal: Journal = request.extensions["journal"]
        pool = self._pool(Lines(journal.resolved))
        assert isinstance(request.stream, httpx.AsyncByteStream)
        url = request.url
        core = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"trace": journal.trace},
        )
        try:
            reply = await pool.handle_async_request(core)
        except BaseException:
            await pool.aclose()
            raise
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Body(pool, reply), extensions=reply.extensions
        )

    def _pool(self, lines: Lines) -> httpcore.AsyncConnectionPool:
        if self._proxy is None:
            return httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=lines, max_connections=1)
        if self._proxy.problem:
            raise httpcore.ProxyError(self._proxy.problem)
        url = self._proxy.url
        return httpcore.AsyncHTTPProxy(
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/"),
            proxy_auth=(url.username, url.password) if url.userinfo else None,
            ssl_context=self._tls,
            proxy_ssl_context=self._tls if url.scheme == "https" else None,
            network_backend=lines,
            max_connections=1,
        )


class _Body(httpx.AsyncByteStream):
    def __init__(self, pool: httpcore.AsyncConnectionPool, reply: httpcore.Response) -> None:
        self._pool = pool
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._reply.aiter_stream():
            yield data

    async def aclose(self) -> None:
        await self._reply.aclose()
        await self._pool.aclose()
