"""Making a document of a shape: exactly as large as asked, in chunks, and the same for a seed."""

import contextlib
import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from synthetic.making.errors import ShapeError
from synthetic.making.planning import COMPACT, Planned, best_plan, ending, opening, planned
from synthetic.shape import Shape

_HELD_BYTES: Final = 256 * 1024
"""So much at the end is kept back until it is known whether it has to be cut."""
_CUTTABLE: Final = re.compile(rb'"[A-Za-z]{9,}"(?!\s*:)')
_LEAST_LETTERS: Final = 8
_MUCH: Final = 100
_FEW_BYTES: Final = 4096
"""A document that cannot grow is padded by up to so many bytes, and one part in `_MUCH`."""
_LEAST_CHUNK_BYTES: Final = 64 * 1024
_SMALL_BYTES: Final = 1_000_000
"""Up to here a document is made at once, to see whether it comes out as large as it should."""

MAKING_VERSION: Final = 4
"""Raised whenever the same shape, size and seed give other bytes than before."""


def make(shape: Shape, *, size_bytes: int, seed: int) -> Iterator[bytes]:
    """Return the chunks of a document of a shape, `size_bytes` long to the byte.

    Raises ShapeError at once for a size that is too small, or too large for a shape in which
    nothing can grow.
    """
    plan = best_plan(shape, size_bytes, seed)
    _check(plan, size_bytes)
    if size_bytes > _SMALL_BYTES:
        return _together(_fitted(plan, size_bytes))
    try:
        return iter(_uncut(shape, size_bytes, seed) or list(_fitted(plan, size_bytes)))
    except ShapeError:
        plan = planned(shape, size_bytes, seed, COMPACT)
        return iter(list(_fitted(plan, size_bytes)))


def _uncut(shape: Shape, size_bytes: int, seed: int) -> list[bytes]:
    """Return a document as large as its source with all elements; none if that is too large.

    The room for what is still to come is told by means, and one byte too many would cost the last
    container an element. Most documents come out right if none is cut at all.
    """
    plan = best_plan(shape, size_bytes, seed, is_cut=False)
    if plan.growth.scale != 1 or plan.natural_bytes > size_bytes:
        return []
    with contextlib.suppress(ShapeError):
        chunks = list(_fitted(plan, size_bytes))
        if plan.document.room.position + len(ending(shape)) <= size_bytes:
            return chunks
    return []


def _check(plan: Planned, size_bytes: int) -> None:
    if size_bytes < plan.growth.least_bytes:
        raise ShapeError(
            f"size: {size_bytes} bytes are too small for this shape; "
            f"the smallest document has {plan.growth.least_bytes}"
        )
    natural = plan.natural_bytes
    most = max(natural + natural // _MUCH + _FEW_BYTES, plan.shape.bytes)
    if not plan.growth.containers and size_bytes > most:
        raise ShapeError(
            f"size: {size_bytes} bytes are too large for this shape, in which no array and no map "
            f"can grow; ask for {natural}"
        )


def _fitted(plan: Planned, size_bytes: int) -> Iterator[bytes]:
    """Yield the chunks, the last ones cut or padded to the size."""
    shape, room = plan.shape, plan.document.room
    held: deque[bytes] = deque()
    held_bytes = 0
    for chunk in _chained(opening(shape), plan.body):
        room.position += len(chunk)
        held.append(chunk)
        held_bytes += len(chunk)
        while held_bytes - len(held[0]) >= _HELD_BYTES:
            held_bytes -= len(held[0])
            yield held.popleft()
    end = b"".join(held)
    end_bytes = size_bytes - room.position - len(ending(shape))
    yield _cut(end, -end_bytes) if end_bytes < 0 else end
    blank = b" " * max(end_bytes, 0) + ending(shape)
    if blank:
        yield blank[:-1] + b"\n"


def _together(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks, with those that are small joined: there may be very many of some bytes."""
    small: list[bytes] = []
    small_bytes = 0
    for chunk in chunks:
        if len(chunk) < _LEAST_CHUNK_BYTES:
            small.append(chunk)
            small_bytes += len(chunk)
            if small_bytes < _LEAST_CHUNK_BYTES:
                continue
        if small:
            yield b"".join(small)
            small, small_bytes = [], 0
        if len(chunk) >= _LEAST_CHUNK_BYTES:
            yield chunk
    if small:
        yield b"".join(small)


def _chained(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _cut(text: bytes, excess: int) -> bytes:
    """Return a text that is shorter by so many bytes, which its strings lose."""
    left = excess

    def shortened(match: re.Match[bytes]) -> bytes:
        nonlocal left
        string = match[0]
        lost = min(left, len(string) - _LEAST_LETTERS - 2)
        left -= lost
        return string[: len(string) - 1 - lost] + b'"'

    text = _CUTTABLE.sub(shortened, text)
    if left:
        raise ShapeError(
            f"size: a document of this shape came out {left} bytes too long; ask for a few more"
        )
    return text
