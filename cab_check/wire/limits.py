"""Deadlines and size limits of one request."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Seconds and bytes.

    The defaults are longer than most clients wait: a server that loads its model on the first request is a finding
    for the judges, and can only be one if it was given the time to answer.
    """

    connect_s: float = 10.0  # name, TCP and TLS together
    headers_s: float = 300.0  # from the connection to the last header of the reply, the upload included
    idle_s: float = 120.0  # between two pieces of the reply
    total_s: float = 600.0
    after_done_s: float = 2.0  # an event stream may stay open that long after [DONE]: clients have left by then
    header_bytes: int = 64 * 1024
    body_bytes: int = 32 * 1024 * 1024  # as it comes, and once more when decompressed

    def scaled(self, request_timeout_s: float) -> WireLimits:
        """The same limits where one whole request may take `request_timeout_s` seconds and no part of it longer."""
        return replace(
            self,
            connect_s=min(self.connect_s, request_timeout_s),
            headers_s=request_timeout_s,
            idle_s=min(self.idle_s, request_timeout_s) if request_timeout_s < self.total_s else request_timeout_s,
            total_s=request_timeout_s,
        )
