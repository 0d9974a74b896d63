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
        self.add_all(np.array([hash_], np.uint64), np.array([number], np.intp))

    def add_all(self, hashes: Hashes, numbers: Places) -> None:
        """Put in different hashes that are not there yet."""
        self._used += len(hashes)
        if self._used * _FREE_PARTS > len(self._numbers):
            self._grow()
        self._put(hashes, numbers)

    def _put(self, hashes: Hashes, numbers: Places) -> None:
        slots = (hashes >> np.uint64(64 - self._bits)).astype(np.intp)
        mask = (1 << self._bits) - 1
        while len(slots):
            free = (self._numbers.take(slots) < 0).nonzero()[0]
            wanted = slots.take(free)
            # Of those that want the same slot the last one gets it, and the others go on.
            self._hashes[wanted] = hashes.take(free)
            self._numbers[wanted] = numbers.take(free)
            left = (self._hashes.take(slots) != hashes).nonzero()[0]
            hashes, numbers = hashes.take(left), numbers.take(left)
            slots = (slots.take(left) + 1) & mask

    def _grow(self) -> None:
        taken = (self._numbers >= 0).nonzero()[0]
        hashes, numbers = self._hashes.take(taken), self._numbers.take(taken)
        while self._used * _FREE_PARTS > 1 << self._bits:
            self._bits += 1
        self._hashes = np.zeros(1 << self._bits, np.uint64)
        self._numbers = np.full(1 << self._bits, -1, np.intp)
        self._put(hashes, numbers)
