"""Tallies: how often each of very many codes occurred, and sums over them, for little a block.

Codes wait in arrays that are used again and again: pieces that are kept from block to block would
leave holes in the memory between them.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.intp]

_BATCH: Final = 1 << 15
_DENSE: Final = 16
"""Codes that are spread no thinner are counted in an array."""


_MOST_EXACT: Final = 1 << 37
"""A batch of smaller sizes has a sum that a float holds exactly."""


class Tally:
    """Counts codes, which are small or large whole numbers, and forgets their order."""

    def __init__(self) -> None:
        self._waiting = np.empty(_BATCH, np.intp)
        self._length = 0
        self._counts: dict[int, int] = {}

    def add(self, codes: Codes) -> None:
        """Count each of the codes once."""
        end = self._length + len(codes)
        if end > _BATCH:
            self._flush()
            end = len(codes)
            if end > _BATCH:
                self._count(codes)
                return
        self._waiting[self._length : end] = codes
        self._length = end

    def totals(self) -> dict[int, int]:
        """Return how often each code was added."""
        self._flush()
        return self._counts

    def spent(self) -> dict[int, int]:
        """Return the totals and forget them; this tally counts no more."""
        totals, self._counts = self.totals(), {}
        self._waiting = self._waiting[:0].copy()
        return totals

    def merge(self, totals: dict[int, int]) -> None:
        """Take in the totals of another tally."""
        _merge(self._counts, totals.keys(), totals.values())

    def _flush(self) -> None:
        self._count(self._waiting[: self._length])
        self._length = 0

    def _count(self, codes: Codes) -> None:
        if not len(codes):
            return
        if int(codes.max()) < _DENSE * len(codes):
            dense = np.bincount(codes)
            found = dense.nonzero()[0]
            counts = dense.take(found)
        else:
            found, counts = np.unique(codes, return_counts=True)
        _merge(self._counts, found.tolist(), counts.tolist())


class Sums:
    """Adds up sizes by their codes."""

    def __init__(self) -> None:
        self._waiting = np.empty((2, _BATCH), np.intp)
        self._length = 0
        self._totals: dict[int, int] = {}

    def add(self, codes: Codes, sizes: Codes) -> None:
        """Add each size to the sum of its code."""
        end = self._length + len(codes)
        if end > _BATCH:
            self._flush()
            end = len(codes)
            if end > _BATCH:
                self._sum(codes, sizes)
                return
        self._waiting[0, self._length : end] = codes
        self._waiting[1, self._length : end] = sizes
        self._length = end

    def totals(self) -> dict[int, int]:
        """Return the sum of each code."""
        self._flush()
        return self._totals

    def spent(self) -> dict[int, int]:
        """Return the sums and forget them; these add up no more."""
        totals, self._totals = self.totals(), {}
        self._waiting = self._waiting[:, :0].copy()
        return totals

    def merge(self, totals: dict[int, int]) -> None:
        """Take in the totals of other sums."""
        _merge(self._totals, totals.keys(), totals.values())

    def _flush(self) -> None:
        self._sum(*self._waiting[:, : self._length])
        self._length = 0

    def _sum(self, codes: Codes, sizes: Codes) -> None:
        if not len(codes):
            return
        if int(codes.max()) < _DENSE * len(codes) and int(sizes.max()) < _MOST_EXACT:
            dense = np.bincount(codes, sizes)
            found = dense.nonzero()[0]
            sums = dense.take(found).astype(np.intp)
        else:
            order = np.argsort(codes, kind="stable")
            found, firsts = np.unique(codes.take(order), return_index=True)
            sums = np.add.reduceat(sizes.take(order), firsts)
        _merge(self._totals, found.tolist(), sums.tolist())


Totals = Tally | Sums


def _merge(into: dict[int, int], codes: Iterable[int], numbers: Iterable[int]) -> None:
    get = into.get
    for code, number in zip(codes, numbers, strict=True):
        into[code] = get(code, 0) + number
