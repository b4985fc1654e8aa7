"""Numbers as people read them."""

from __future__ import annotations


def seconds(value: float) -> str:
    """A duration in seconds: `40 ms`, `0.4 s`, `41 s`, `3 min 50 s`."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def tokens(count: float | None) -> str:
    """A token count as `short` writes it, or that it is not known."""
    return "tokens not counted" if count is None else f"{short(count)} tokens"


def short(count: float) -> str:
    """A count in at most four characters below ten million: `940`, `9.4k`, `18k`, `1.2M`."""
    if count < 999.5:
        return f"{count:.0f}"
    if count < 999_500:
        return f"{count / 1000:.1f}k" if count < 9950 else f"{count / 1000:.0f}k"
    return f"{count / 1e6:.1f}M"


def dollars(usd: float) -> str:
    """`0 USD`, `0.0012 USD`, `0.64 USD`: two digits that mean something, and never less than cents."""
    if usd == 0 or usd >= 0.095:
        return f"{usd:.2f} USD" if usd else "0 USD"
    return f"{float(f'{usd:.2g}'):.10f}".rstrip("0") + " USD"


def many(count: int, thing: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def total(*counts: int | None) -> int | None:
    """The sum, or None if any part is not known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
