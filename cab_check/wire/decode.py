"""Undoing a reply's Content-Encoding, piece by piece, with a limit on what comes out."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from cab_check.wire.exchange import Exchange, Got, Piece

# What the SDKs under most agents send, without the codings that depend on optional packages (br, zstd): a server or
# gateway that compresses streams badly is then met as its users meet it.
ACCEPTED = "gzip, deflate"
TOO_MUCH = "the decompressed body is larger than the limit"


class _Decoder(Protocol):
    def feed(self, data: bytes, room: int) -> bytes: ...

    @property
    def whole(self) -> bool: ...


class DecodeFailure(Exception):
    """The body is not in the coding that its header names; or too large. The text is the exchange's `decode_error`."""


class _Zlib:
    """gzip and deflate. Servers send deflate with and without zlib's header (RFC 9110, 8.4.1.2): both are read."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._engine = zlib.decompressobj(31 if coding == "gzip" else 15)
        self._fresh = True

    def feed(self, data: bytes, room: int) -> bytes:
        out = self._step(data, room)
        while self._coding == "gzip" and self._engine.eof and self._engine.unused_data:
            rest = self._engine.unused_data  # a gzip body may have several members (RFC 1952, 2.2)
            self._engine = zlib.decompressobj(31)
            out += self._step(rest, max(room - len(out), 1))
        return out

    def _step(self, data: bytes, room: int) -> bytes:
        try:
            out = self._engine.decompress(data, room)
        except zlib.error as failure:
            if self._coding == "gzip" or not self._fresh:
                raise DecodeFailure(f"not {self._coding}: {failure}") from None
            self._engine, self._fresh = zlib.decompressobj(-15), False
            return self._step(data, room)
        self._fresh = self._fresh and not data
        if self._engine.unconsumed_tail:
            raise DecodeFailure(TOO_MUCH)
        return out

    @property
    def whole(self) -> bool:
        return self._engine.eof


class _Zstd:
    """Never asked for; undone where the standard library can (Python 3.14), for a server that sends it all the same."""

    def __init__(self) -> None:
        try:
            from compression import zstd  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise DecodeFailure("zstd was not asked for, and this Python cannot undo it") from None
        self._engine: Any = zstd.ZstdDecompressor()
        self._failures: tuple[type[Exception], ...] = (zstd.ZstdError, EOFError)

    def feed(self, data: bytes, room: int) -> bytes:
        try:
            out: bytes = self._engine.decompress(data, room)
        except self._failures as failure:
            raise DecodeFailure(f"not zstd: {failure}") from None
        return out

    @property
    def whole(self) -> bool:
        return bool(self._engine.eof)


def decode(got: Got, limit: int) -> tuple[tuple[Piece, ...], str | None]:
    """The body's pieces after decompression with their times, as far as it could be undone, and why it could not.

    A body that ends early is damaged only if its coding says so; whether the connection was cut, the `end` tells.
    """
    pieces: tuple[Piece, ...] = got.pieces
    for coding in reversed(_codings(got)):
        if not any(piece.data for piece in pieces):
            return pieces, None
        pieces, error = _undo(coding, pieces, limit)
        if error:
            return pieces, error
    return pieces, None


def arrivals(exchange: Exchange) -> tuple[Piece, ...]:
    """The decompressed body by arrival: joined, the pieces are `exchange.body`. What a reader of a stream wants."""
    if exchange.got is None:
        return ()
    if exchange.got.raw == exchange.body:
        return exchange.got.pieces
    pieces, _ = decode(exchange.got, max(len(exchange.body), 1))
    if b"".join(piece.data for piece in pieces) == exchange.body:
        return pieces
    return (Piece(exchange.times.end, exchange.body),)


def _undo(coding: str, pieces: tuple[Piece, ...], limit: int) -> tuple[tuple[Piece, ...], str | None]:
    done: list[Piece] = []
    room = limit
    try:
        decoder = _decoder(coding)
        for piece in pieces:
            out = decoder.feed(piece.data, room + 1)
            room -= len(out)
            if room < 0:
                raise DecodeFailure(TOO_MUCH)
            done.append(Piece(piece.at_ms, out))
    except DecodeFailure as failure:
        return tuple(done), str(failure)
    return tuple(done), None if decoder.whole else f"the {coding} data ends too early"


def _codings(got: Got) -> list[str]:
    values = ",".join(value for name, value in got.headers if name.casefold() == "content-encoding")
    return [name for name in (part.strip().casefold() for part in values.split(",")) if name not in ("", "identity")]


def _decoder(coding: str) -> _Decoder:
    name = coding.removeprefix("x-")
    if name in ("gzip", "deflate"):
        return _Zlib(name)
    if name == "zstd":
        return _Zstd()
    raise DecodeFailure(f"{coding[:40]!r} was not asked for, and cannot be undone here")
