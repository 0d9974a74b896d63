"""The sketch: about how many different strings, numbers or keys each place has, from a sample."""

from typing import Final, NamedTuple

import numpy as np

from synthetic.scan.hashes import Hashes, hashes_of
from synthetic.scan.kinds import FLOAT, INTEGER, STRING, Places
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block

_MOST: Final = 1 << 16
"""So many values are remembered, by their hashes alone."""
_WORDS: Final = 16
"""Values that have so many words of 8 bytes, their length and their end in common are the same."""


class Seen(NamedTuple):
    """What a sample has of one owner.

    Attributes:
        sampled: how many values.
        once: how many of them are there once.
        again: how many different ones of the others.

    """

    sampled: int
    once: int
    again: int


NOTHING_SEEN: Final = Seen(0, 0, 0)


class Sketch:
    """Samples whole blocks, fewer the longer the text is, and counts equal values in them."""

    def __init__(self) -> None:
        self._blocks = 0
        self._stride = 1
        self._owners = np.empty(_MOST, np.intp)
        self._hashes = np.empty(_MOST, np.uint64)
        self._length = 0
        self._joined = np.empty(0, np.intp), np.empty(0, np.uint64)

    def take(self, block: Block, values: Values) -> None:
        """Look at the strings and numbers of a block, or pass over it."""
        if not self._looks():
            return
        kinds = values.kinds
        is_number = (kinds == INTEGER) | (kinds == FLOAT)
        at = np.flatnonzero(is_number | (kinds == STRING))
        self._add(block, values.nodes.take(at) * 2 + is_number.take(at), values.tokens.take(at))

    def take_keys(self, block: Block, owners: Places, tokens: Places) -> None:
        """Look at some keys of a block, or pass over it."""
        if self._looks():
            self._add(block, owners, tokens)

    def _looks(self) -> bool:
        self._blocks += 1
        return self._blocks % self._stride == 0

    def _add(self, block: Block, owners: Places, tokens: Places) -> None:
        every = max(1, -(-len(tokens) // _MOST))
        owners, tokens = owners[::every], tokens[::every]
        starts = block.starts.take(tokens)
        lengths = block.ends.take(tokens) - starts
        hashes = hashes_of(block.text, starts, lengths, words_looked_at=_WORDS)
        while self._length + len(owners) > _MOST:
            self._thin()
        end = self._length + len(owners)
        self._owners[self._length : end] = owners
        self._hashes[self._length : end] = hashes
        self._length = end

    def _thin(self) -> None:
        """Forget every other value, and look at half as many blocks from here on."""
        kept = (self._length + 1) // 2
        self._owners[:kept] = self._owners[: self._length : 2].copy()
        self._hashes[:kept] = self._hashes[: self._length : 2].copy()
        self._length = kept
        self._stride *= 2

    @property
    def stride(self) -> int:
        """One block in so many is looked at."""
        return self._stride

    def sample(self) -> tuple[Places, Hashes]:
        """Return the owners and the hashes of the values in the sample."""
        owners, hashes = self._joined
        return (
            np.concatenate((self._owners[: self._length], owners)),
            np.concatenate((self._hashes[: self._length], hashes)),
        )

    def join(self, owners: Places, hashes: Hashes, stride: int) -> None:
        """Take in the sample of another half of the text."""
        while self._stride < stride:
            self._thin()
        step = self._stride // stride
        self._joined = owners[::step], hashes[::step]

    def seen(self, places: Places, owners_of_node: int) -> dict[int, Seen]:
        """Return, by owner, what the sample has of it.

        `places` are by node: one of the nodes of its place, whose owner counts for all of these.
        """
        owners, hashes = self.sample()
        rest = owners % owners_of_node
        owners = places.take(owners // owners_of_node) * owners_of_node + rest
        order = np.lexsort((hashes, owners))
        owners, hashes = owners.take(order), hashes.take(order)
        begins = np.ones(len(owners), np.bool_)
        begins[1:] = (owners[1:] != owners[:-1]) | (hashes[1:] != hashes[:-1])
        firsts = np.flatnonzero(begins)
        times = np.diff(np.append(firsts, len(owners)))
        owners, starts = np.unique(owners.take(firsts), return_index=True)
        if not len(owners):
            return {}
        sampled = np.add.reduceat(times, starts)
        once = np.add.reduceat(times == 1, starts, dtype=np.intp)
        again = np.diff(np.append(starts, len(times))) - once
        found = zip(sampled.tolist(), once.tolist(), again.tolist(), strict=True)
        return dict(zip(owners.tolist(), map(Seen._make, found), strict=True))


def distinct_of(seen: Seen, count: int) -> int:
    """Estimate how many different values there are among `count`, from a sample of them.

    Values seen once in the sample stand for others unseen, those seen again hardly do
    (the estimator GEE of Charikar and others, "Towards estimation error guarantees for distinct
    values", 2000).
    """
    sampled, once, again = seen
    if not sampled:
        return count
    scale = max(1.0, count / sampled)
    if once > 0.9 * sampled:
        return count
    return max(1, min(count, round(again + once * float(np.sqrt(scale)))))
