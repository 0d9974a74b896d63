"""The bins of histograms: exact for small sizes, and nowhere across a step of Python's costs."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.intp]

_EXACT: Final = 64
"""Up to here every size has a bin of its own."""
_BINS_OF_DOUBLING: Final = 16
_DOUBLINGS: Final = 44
_TABLE_LENGTH: Final = 1 << 16


def _dict_steps() -> list[int]:
    """Return the least numbers of keys that need a larger table, which is two thirds full."""
    return [(2 << bits) // 3 + 1 for bits in range(3, _DOUBLINGS)]


def _list_steps() -> list[int]:
    """Return the least lengths at which a list that grows by appending takes more room."""
    steps, length = [], 1
    while length < 1 << _DOUBLINGS:
        steps.append(length)
        length = ((length + (length >> 3) + 6) & ~3) + 1
    return steps


def _lows() -> Numbers:
    wide = [
        (_EXACT << doubling) * (_BINS_OF_DOUBLING + part) // _BINS_OF_DOUBLING
        for doubling in range(_DOUBLINGS)
        for part in range(_BINS_OF_DOUBLING)
    ]
    return np.unique(np.array([*range(_EXACT), *wide, *_dict_steps(), *_list_steps()], np.intp))


LOWS: Final = _lows()
"""The least size of each bin; the last bin has no end."""
BINS: Final = len(LOWS)
EXACT_BINS: Final = _EXACT
"""So many bins, the first ones, hold a single size each."""
_TABLE: Final = (np.searchsorted(LOWS, np.arange(_TABLE_LENGTH), side="right") - 1).astype(np.int16)


def bins_of(sizes: Numbers) -> NDArray[np.int16]:
    """Return the bin of each size."""
    bins = _TABLE.take(sizes, mode="clip")
    if int(sizes.max(initial=0)) >= _TABLE_LENGTH:
        large = np.flatnonzero(sizes >= _TABLE_LENGTH)
        found = np.searchsorted(LOWS, sizes.take(large), side="right") - 1
        bins[large] = found
    return bins


def ends_of(bin_: int) -> tuple[int, int]:
    """Return the least and the greatest size in a bin."""
    low = int(LOWS[bin_])
    return low, max(low, int(LOWS[min(bin_ + 1, BINS - 1)]) - 1)


def bin_of(size: int) -> int:
    """Return the bin of one size."""
    return int(np.searchsorted(LOWS, size, side="right")) - 1
