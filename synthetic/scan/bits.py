"""Flags of bytes as words of 64 bits, in which some things are found much faster."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Flags, Places

_Words = NDArray[np.uint64]

WORD: Final = 64
"""Flags come in multiples of so many."""
_BYTES: Final = 8
_BYTE_SHIFT: Final = 3
_SPREAD: Final = (
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    .reshape(-1)
    .view("<u8")
)
"""By eight bits: eight bytes, each 0 or 1."""
_SHIFTS: Final = tuple(np.uint64(1 << power) for power in range(6))
_TOP: Final = np.uint64(WORD - 1)
_ZERO: Final = np.uint64(0)


def put_parities(flags: Flags, parities: Flags) -> None:
    """Set of each flag whether an odd number of flags is set up to and with it."""
    words: _Words = np.packbits(flags, bitorder="little").view("<u8")
    for shift in _SHIFTS:
        words ^= words << shift
    odd = np.bitwise_xor.accumulate((words >> _TOP).astype(np.uint8))
    words[1:] ^= _ZERO - odd[:-1].astype(np.uint64)
    _SPREAD.take(words.view(np.uint8).astype(np.intp), out=parities.view("<u8"), mode="clip")


def places_of(flags: Flags) -> Places:
    """Return where flags are set, as `np.flatnonzero` does, but fast where these are few."""
    words = flags.view("<u8")
    found = words.nonzero()[0]
    inner = words.take(found).view(np.bool_).nonzero()[0]
    places = found.take(inner >> _BYTE_SHIFT)
    places *= _BYTES
    inner &= _BYTES - 1
    places += inner
    return places
