"""Tallies: how often each of very many codes occurred, and sums over them, for little a block."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.intp]

_BATCH: Final = 1 << 17
_DENSE: Final = 8


class Tally:
    """Counts codes, which are small or large whole numbers, and forgets their order."""

    def __init__(self) -> None:
        self._waiting: list[Codes] = []
        self._length = 0
        self._counts: dict[int, int] = {}

    def add(self, codes: Codes) -> None:
        """Count each of the codes once."""
        if len(codes):
            self._waiting.append(codes)
            self._length += len(codes)
            if self._length >= _BATCH:
                self._flush()

    def counts(self) -> dict[int, int]:
        """Return how often each code was added."""
        self._flush()
        return self._counts

    def _flush(self) -> None:
        if not self._waiting:
            return
        codes = np.concatenate(self._waiting)
        self._waiting, self._length = [], 0
        if int(codes.max()) < _DENSE * len(codes):
            dense = np.bincount(codes)
            found = np.flatnonzero(dense)
            counts = dense.take(found)
        else:
            found, counts = np.unique(codes, return_counts=True)
        _merge(self._counts, found, counts)


class Sums:
    """Adds up sizes by their codes."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Codes, Codes]] = []
        self._length = 0
        self._totals: dict[int, int] = {}

    def add(self, codes: Codes, sizes: Codes) -> None:
        """Add each size to the sum of its code."""
        if len(codes):
            self._waiting.append((codes, sizes))
            self._length += len(codes)
            if self._length >= _BATCH:
                self._flush()

    def totals(self) -> dict[int, int]:
        """Return the sum of each code."""
        self._flush()
        return self._totals

    def _flush(self) -> None:
        if not self._waiting:
            return
        codes = np.concatenate([codes for codes, _ in self._waiting])
        sizes = np.concatenate([sizes for _, sizes in self._waiting])
        self._waiting, self._length = [], 0
        order = np.argsort(codes, kind="stable")
        found, firsts = np.unique(codes.take(order), return_index=True)
        _merge(self._totals, found, np.add.reduceat(sizes.take(order), firsts))


def _merge(into: dict[int, int], codes: Codes, numbers: Codes) -> None:
    get = into.get
    for code, number in zip(codes.tolist(), numbers.tolist(), strict=True):
        into[code] = get(code, 0) + number
