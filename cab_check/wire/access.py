"""Everything beside the address that it takes to be let in, and the TLS trust that goes with it."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cab_check.base.errors import UsageError
from cab_check.wire.secret import Secret, looks_secret, secret_name

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Access:
    """How the user gets in. `repr` shows neither key nor values of headers and query.

    `key_header` None means `Authorization: Bearer KEY`; a name means that header with the bare key.
    `ca_file` is trusted besides what the system trusts. `client_cert` is (certificate,) or (certificate, key).
    `hidden` are values of headers and parameters that the user took from variables: secrets, whatever they look like.
    """

    key: Secret | None = None
    key_source: str | None = None
    key_header: str | None = None
    headers: Pairs = field(default=(), repr=False)
    query: Pairs = field(default=(), repr=False)
    ca_file: Path | None = None
    client_cert: tuple[Path, ...] | None = None
    hidden: tuple[Secret, ...] = ()

    def key_headers(self) -> Pairs:
        """The header that carries the key; empty without a key."""
        if self.key is None:
            return ()
        if self.key_header is None:
            return (("Authorization", f"Bearer {self.key.reveal()}"),)
        return ((self.key_header, self.key.reveal()),)

    def open_headers(self) -> Pairs:
        """The configured headers that are no credential and may go anywhere on the origin."""
        return tuple(pair for pair in self.headers if not self._is_secret(*pair))

    def open_query(self) -> Pairs:
        """The configured query parameters that are no credential."""
        return tuple(pair for pair in self.query if not self._is_secret(*pair))

    def secret_header_names(self) -> tuple[str, ...]:
        """The headers whose values must not be seen, whatever their length."""
        named = tuple(name for name, value in self.headers if self._is_secret(name, value))
        return (self.key_header, *named) if self.key_header else named

    def secrets(self) -> tuple[Secret, ...]:
        """All that must not be seen: the key, and the values of headers and parameters that are credentials."""
        hidden = [Secret(value) for name, value in self.headers + self.query if self._is_secret(name, value)]
        return ((self.key,) if self.key else ()) + tuple(hidden)

    def _is_secret(self, name: str, value: str) -> bool:
        return secret_name(name) or looks_secret(value) or any(value == secret.reveal() for secret in self.hidden)


def ssl_context(access: Access) -> ssl.SSLContext:
    """A verifying TLS context. Raises UsageError if a certificate file cannot be read.

    It trusts what the operating system trusts, and besides it `access.ca_file`. SSL_CERT_FILE and SSL_CERT_DIR
    stand for the system's store, as OpenSSL defines them and as the openai SDK's own client obeys them.
    """
    context = _system_trust()
    _load("--ca-file", access.ca_file, lambda path: context.load_verify_locations(cafile=path))
    for name, option in (("SSL_CERT_FILE", "cafile"), ("SSL_CERT_DIR", "capath")):
        given = os.environ.get(name)
        # OpenSSL ignores a file that is not there; then nothing is trusted and nobody learns why.
        _load(name, Path(given) if given else None, lambda path, o=option: context.load_verify_locations(**{o: path}))
    if access.client_cert:
        certificate, *key = access.client_cert
        _load("--client-cert", certificate, lambda path: context.load_cert_chain(path, *map(str, key)))
    return context


def _system_trust() -> ssl.SSLContext:
    # truststore comes with the openai SDK (through httpx2), so it is there in every installation, and it decides what
    # most agents trust. It asks the stores of macOS and Windows themselves, and on Linux finds the store where a
    # Python that was built elsewhere (uv's, for one) looks in the wrong place. The standard library's default is
    # the same store on an ordinary Linux, so a later SDK without truststore does not break anything.
    try:
        import truststore
    except ImportError:
        return ssl.create_default_context()
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load(option: str, path: Path | None, load: object) -> None:
    if path is None:
        return
    assert callable(load)
    try:
        if not path.exists():
            raise FileNotFoundError(2, "no such file or directory")
        load(str(path))
    except ssl.SSLError as failure:
        raise UsageError(
            f"{option} {path} holds no usable PEM certificate ({failure.reason or failure}).",
            "Give a PEM file: it begins with -----BEGIN CERTIFICATE-----.",
        ) from None
    except OSError as failure:
        raise UsageError(
            f"{option} {path} cannot be read: {failure.strerror}.", f"Correct or unset {option}."
        ) from None
