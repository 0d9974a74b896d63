"""A table from hashes to numbers, which looks up thousands at a time."""

from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes
from synthetic.scan.kinds import Places

_FIRST_BITS: Final = 12
_FREE_PARTS: Final = 4
"""At most one part in so many of the slots is taken."""


class NodeTable:
    """From hashes to node numbers, by open addressing over numpy arrays."""

    def __init__(self) -> None:
        self._bits = _FIRST_BITS
        self._hashes = np.zeros(1 << self._bits, np.uint64)
        self._numbers = np.full(1 << self._bits, -1, np.intp)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def find(self, hashes: Hashes) -> Places:
        """Return the number of each hash, or -1."""
        slots = (hashes >> np.uint64(64 - self._bits)).astype(np.intp)
        numbers = self._numbers.take(slots)
        differ = self._hashes.take(slots) != hashes
        differ &= numbers >= 0
        todo = differ.nonzero()[0]
        mask = (1 << self._bits) - 1
        while len(todo):
            slots[todo] = (slots.take(todo) + 1) & mask
            at = slots.take(todo)
            numbers[todo] = self._numbers.take(at)
            todo = todo.compress(
                (self._hashes.take(at) != hashes.take(todo)) & (self._numbers.take(at) >= 0)
            )
        return numbers

    def get(self, hash_: int) -> int:
        """Return the number of one hash, or -1."""
        slot = hash_ >> (64 - self._bits)
        while self._numbers[slot] >= 0 and int(self._hashes[slot]) != hash_:
            slot = (slot + 1) & (len(self._numbers) - 1)
        return int(self._numbers[slot])

    def add(self, hash_: int, number: int) -> None:
        """Put in a hash that is not there yet."""
        if self._used * _FREE_PARTS > len(self._numbers):
            self._grow()
        slot = hash_ >> (64 - self._bits)
        while self._numbers[slot] >= 0:
            slot = (slot + 1) & (len(self._numbers) - 1)
        self._hashes[slot] = hash_
        self._numbers[slot] = number
        self._used += 1

    def _grow(self) -> None:
        old = [(h, n) for h, n in zip(self._hashes, self._numbers, strict=True) if n >= 0]
        self._bits += 2
        self._hashes = np.zeros(1 << self._bits, np.uint64)
        self._numbers = np.full(1 << self._bits, -1, np.intp)
        self._used = 0
        for hash_, number in old:
            self.add(int(hash_), int(number))
