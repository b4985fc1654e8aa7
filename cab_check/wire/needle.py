"""Finding a secret in bytes, in whatever way they are written.

Two searches, both for plain needles in lower case: one over the bytes as they are, one over the bytes with every escape
undone. That finds escapes of any kind, mixed character by character, in time that is linear in the data; a pattern with
all spellings of each character would be a hundred times slower, and a reply may be 32 MiB large.
"""

from __future__ import annotations

import base64
import html
import re
from bisect import bisect_right
from collections.abc import Iterator

Span = tuple[int, int]

# Runs of backslashes are bounded: a body that is nothing else would otherwise be searched in quadratic time.
_ESCAPE = rb"""
    %%(?:25)*(%(byte)b)
  | \\\\{0,15}u(%(unit)b)
  | \\\\{0,15}x(%(latin)b)
  | \\\\{0,15}(%(char)b)
  | &(?:amp;)*\#0*(%(decimal)b)(?![0-9]);?
  | &(?:amp;)*\#x0*(%(number)b)(?![0-9a-f]);?
  | &(?:amp;)*(%(name)b);
"""
_NAMES = {"&": b"amp", "<": b"lt", ">": b"gt", '"': b"quot", "'": b"apos"}
_BASE64_SIGNS = "+/=_-"


class Needles:
    """Finds some secrets. `find` gives sorted, disjoint spans of the data that hold one, in any form of `forms`."""

    def __init__(self, values: set[str]) -> None:
        self._escape = _escape(values)
        self._plain = sorted({needle for value in values for needle in forms(value, self._escape)})
        self._base64 = sorted({needle for value in values for needle in base64_forms(value)})

    def find(self, data: bytes) -> list[Span]:
        """Where the secrets stand."""
        if not self._plain:
            return []
        spans = list(self._search(data))
        text, starts, raws = _unescape(data, self._escape)
        if len(starts) > 1:
            # A match may begin or end inside of an escape's bytes, so it is taken to that escape's borders.
            spans += [
                (_raw(start, starts, raws)[0], _raw(end - 1, starts, raws)[1]) for start, end in self._search(text)
            ]
        return _merged(spans)

    def _search(self, data: bytes) -> Iterator[Span]:
        low = data.lower()
        for needle in self._plain:
            yield from _occurrences(needle, low)
        for needle in self._base64:
            for span in _occurrences(needle, low):
                yield _widened(data, span)


def _escape(values: set[str]) -> re.Pattern[bytes]:
    """Escapes of the characters in these values, and of base64's signs.

    Text is full of other escapes (`\\n`, `\\u4e2d`), which cannot be part of a match and need not be undone.
    """
    chars = sorted({*"".join(values), *_BASE64_SIGNS})
    data = sorted({*"".join(chars).encode("utf-8", "surrogatepass")})
    units = sorted({unit for char in chars for unit in _utf16(char)})
    parts = {
        b"byte": b"|".join(b"%02x" % byte for byte in data),
        b"unit": b"|".join(b"%04x" % unit for unit in units),
        b"latin": b"|".join(b"%02x" % ord(char) for char in chars if ord(char) < 256),
        b"char": b"|".join(re.escape(char.encode()) for char in chars if char in "\"'/\\"),
        b"decimal": b"|".join(b"%d" % ord(char) for char in chars),
        b"number": b"|".join(b"%x" % ord(char) for char in chars),
        b"name": b"|".join(_NAMES[char] for char in chars if char in _NAMES) or b"(?!)",
    }
    return re.compile(_ESCAPE % parts, re.IGNORECASE | re.VERBOSE)


def _utf16(char: str) -> tuple[int, ...]:
    data = char.encode("utf-16-be", "surrogatepass")
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def forms(value: str, escape: re.Pattern[bytes]) -> set[bytes]:
    """How a secret may be written beside base64, in lower case: as it is, hexadecimal, and either backwards."""
    data = value.encode("utf-8", "surrogatepass")
    backwards = value[::-1].encode("utf-8", "surrogatepass")
    halves = b"".join(chr(unit).encode("utf-8", "surrogatepass") for unit in _utf16(value))  # of characters past U+FFFF
    bare = {
        data,
        backwards,
        halves,
        _unescape(data, escape)[0],
        _unescape(backwards, escape)[0],
        data.replace(b" ", b"+"),
    }
    in_hex = {data.hex().encode(), data.hex()[::-1].encode(), data[::-1].hex().encode()}
    return {form.lower() for form in bare | in_hex}


def base64_forms(value: str) -> set[bytes]:
    """For each alignment, the base64 characters that the value surely gives, whatever stands before and after it."""
    data = value.encode("utf-8", "surrogatepass")
    found = set()
    for skipped in range(3):
        whole = data[skipped:]
        sure = base64.b64encode(whole[: len(whole) // 3 * 3]).lower()
        found |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def _occurrences(needle: bytes, data: bytes) -> Iterator[Span]:
    at = data.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = data.find(needle, at + 1)


def _widened(data: bytes, span: Span) -> Span:
    """The span and up to three characters on either side, which hold bits of the value's first and last bytes."""
    start, end = span
    before = re.search(rb"[A-Za-z0-9+/_-]{0,3}\Z", data[max(0, start - 3) : start])
    after = re.match(rb"[A-Za-z0-9+/_-]{0,3}={0,2}", data[end : end + 5])
    return start - len(before[0] if before else b""), end + len(after[0] if after else b"")


def _unescape(data: bytes, escape: re.Pattern[bytes]) -> tuple[bytes, list[int], list[Span]]:
    """`data` with its escapes undone; where each run of the result begins there, and its span in `data`."""
    out: list[bytes] = []
    starts: list[int] = []
    raws: list[Span] = []
    at = size = 0
    for match in escape.finditer(data):
        for piece, span in ((data[at : match.start()], (at, match.start())), (_meant(match), match.span())):
            out.append(piece)
            starts.append(size)
            raws.append(span)
            size += len(piece)
        at = match.end()
    return b"".join((*out, data[at:])), [*starts, size], [*raws, (at, len(data))]


def _raw(at: int, starts: list[int], raws: list[Span]) -> Span:
    """The bytes that the byte at `at` of the unescaped text came from: one byte, or a whole escape."""
    run = bisect_right(starts, at) - 1
    start, end = raws[run]
    if run % 2:
        return start, end
    return start + at - starts[run], start + at - starts[run] + 1


def _meant(match: re.Match[bytes]) -> bytes:
    percent, unit, latin, char, decimal, number, name = match.groups()
    if percent is not None:
        return bytes.fromhex(percent.decode())
    if char is not None:
        return bytes(char)
    if name is not None:
        return html.unescape(f"&{name.decode()};").encode()
    return chr(int(decimal) if decimal is not None else int(unit or latin or number, 16)).encode(
        "utf-8", "surrogatepass"
    )


def _merged(spans: list[Span]) -> list[Span]:
    done: list[Span] = []
    for start, end in sorted(spans):
        if done and start <= done[-1][1]:
            done[-1] = done[-1][0], max(end, done[-1][1])
        else:
            done.append((start, end))
    return done
