"""Curves: how many bytes the elements of a long container take along its way."""

import dataclasses
from collections.abc import Iterable
from typing import Final

import numpy as np

from synthetic.scan.kinds import Places

_LEVELS: Final = 16
_MOST_MARKS: Final = 2048
_LEAST_MARKS: Final = 16
"""A container over fewer blocks has no curve."""
STRETCHES: Final = 32
_MOST_CURVES: Final = 256


@dataclasses.dataclass(kw_only=True)
class Curve:
    """One container's way: after so many elements, the text was at such a byte."""

    node: int
    offset: int
    sizes: list[int]
    ends: list[int]
    stride: int = 1
    blocks: int = 0

    def mark(self, size: int, end: int) -> None:
        """Note where the text is; of a long way every other mark is forgotten."""
        self.blocks += 1
        if self.blocks % self.stride:
            return
        if size == self.sizes[-1]:  # in one element all the while
            self.ends[-1] = end
            return
        self.sizes.append(size)
        self.ends.append(end)
        if len(self.sizes) > _MOST_MARKS:
            del self.sizes[1::2], self.ends[1::2]
            self.stride *= 2


class Curves:
    """The curves of the outer containers of a text."""

    def __init__(self) -> None:
        self._open: dict[int, Curve] = {}
        self.found: list[Curve] = []

    def mark(self, nodes: Places, sizes: Places, offsets: Places, end: int) -> None:
        """Note how far the open containers, outermost first, have come at the end of a block."""
        for node, size, offset in zip(
            nodes[:_LEVELS].tolist(),
            sizes[:_LEVELS].tolist(),
            offsets[:_LEVELS].tolist(),
            strict=True,
        ):
            self._of(node, offset).mark(size, end)

    def mark_within(
        self, level: int, node: int, offset: int, marks: Iterable[tuple[int, int]]
    ) -> None:
        """Note how far one open container, in so many others, has come at some places."""
        if level < _LEVELS:
            curve = self._of(node, offset)
            for size, end in marks:
                curve.mark(size, end)

    def _of(self, node: int, offset: int) -> Curve:
        curve = self._open.get(offset)
        if curve is None:
            curve = Curve(node=node, offset=offset, sizes=[0], ends=[offset])
            self._open[offset] = curve
        return curve

    def close(self, node: int, offset: int, *, end: int, size: int) -> None:
        """Take a container that has ended; short ones are forgotten."""
        curve = self._open.pop(offset, None)
        if curve is not None and curve.node == node:
            curve.sizes.append(size)
            curve.ends.append(end)
            self._keep(curve)

    def _keep(self, curve: Curve) -> None:
        if len(curve.sizes) > _LEAST_MARKS and len(self.found) < _MOST_CURVES:
            self.found.append(curve)

    def resume(self, nodes: Places, offsets: Places, at: int) -> None:
        """Begin at the byte `at` with containers that are open there."""
        for node, offset in zip(nodes[:_LEVELS].tolist(), offsets[:_LEVELS].tolist(), strict=True):
            self._open[offset] = Curve(node=node, offset=offset, sizes=[0], ends=[at])

    def half(self, node: int, offset: int, *, end: int, size: int) -> tuple[list[int], list[int]]:
        """Return the marks of a container that began in another half, and has ended."""
        curve = self._open.pop(offset, None)
        if curve is None or curve.node != node:
            return [], []
        return [*curve.sizes[1:], size], [*curve.ends[1:], end]

    def join(self, node: int, offset: int, size: int, sizes: list[int], ends: list[int]) -> None:
        """Take a container that has ended in another half, which began with `size` before it."""
        curve = self._open.pop(offset, None)
        if curve is None or curve.node != node or not sizes:
            return
        curve.sizes += [size + more for more in sizes]
        curve.ends += ends
        self._keep(curve)


def sizes_along(curve: Curve, giants: list[tuple[int, int]]) -> tuple[float, ...]:
    """Return the mean bytes of elements in equal stretches of a container, against all.

    `giants` are the offset and bytes of values in it that are made on their own.
    """
    sizes, ends = np.array(curve.sizes, float), np.array(curve.ends, float)
    for offset, bytes_ in giants:
        # What is before the giant stays, what is behind it moves up by its bytes.
        ends -= np.clip(np.array(curve.ends) - offset, 0, bytes_)
    if sizes[-1] < STRETCHES * 2:
        return ()
    edges = np.linspace(0, sizes[-1], STRETCHES + 1)
    bytes_along = np.diff(np.interp(edges, sizes, ends))
    mean = float(bytes_along.mean())
    if mean <= 0:
        return ()
    along = [round(float(one), 3) for one in bytes_along / mean]
    return tuple(along) if max(along) > 1.05 or min(along) < 0.95 else ()
