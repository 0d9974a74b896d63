"""The one way in: find a built-in shape by its name and stream a document of it."""

from collections.abc import Iterator

from synthetic.hero_snapshot import hero_snapshot

_DOCUMENTS = {"hero_snapshot": hero_snapshot}

VERSION = 1
"""Raised whenever the same shape, size and seed give other bytes than before."""

SHAPES = tuple(_DOCUMENTS)
"""The names of the built-in shapes."""


class UnknownShapeError(ValueError):
    """No built-in shape has the asked name."""


def generate(shape: str, *, size_bytes: int, seed: int) -> Iterator[bytes]:
    """Return the chunks of one JSON document of the shape, ``size_bytes`` long to the byte.

    Chunks are at most about 1 MiB, and memory does not grow with the size. The same shape, size and
    seed give the same bytes on every machine.

    Raises UnknownShapeError for a shape not in SHAPES, and ValueError for a size below the smallest
    document or a negative seed; both at once, before the first chunk is asked for.
    """
    if shape not in _DOCUMENTS:
        known = ", ".join(SHAPES)
        raise UnknownShapeError(f'no shape is called "{shape}"; the built-in shapes are: {known}')
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative; use 0 or more")
    return _DOCUMENTS[shape](size_bytes=size_bytes, seed=seed)
