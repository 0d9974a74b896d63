"""The sketch: about how many different strings, numbers or keys each place has, from a sample."""

from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes, hashes_of
from synthetic.scan.kinds import FLOAT, INTEGER, STRING, Places
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block

_MOST: Final = 1 << 17
"""So many values are remembered, by their hashes alone."""
STRINGS: Final = 0
NUMBERS: Final = 1


class Sketch:
    """Samples whole blocks, fewer the longer the text is, and counts equal values in them."""

    def __init__(self) -> None:
        self._blocks = 0
        self._stride = 1
        self._owners: list[Places] = []
        self._hashes: list[Hashes] = []
        self._length = 0

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
        starts = block.starts.take(tokens)
        self._owners.append(owners)
        self._hashes.append(hashes_of(block.text, starts, block.ends.take(tokens) - starts))
        self._length += len(tokens)
        while self._length > _MOST:
            self._thin()

    def _thin(self) -> None:
        """Forget every other value, and look at half as many blocks from here on."""
        self._owners = [np.concatenate(self._owners)[::2].copy()]
        self._hashes = [np.concatenate(self._hashes)[::2].copy()]
        self._length = len(self._owners[0])
        self._stride *= 2

    def repetitions(self) -> dict[int, dict[int, int]]:
        """Return, by owner, how many values occur how often in the sample: count by times."""
        if not self._owners:
            return {}
        owners, hashes = np.concatenate(self._owners), np.concatenate(self._hashes)
        order = np.lexsort((hashes, owners))
        owners, hashes = owners.take(order), hashes.take(order)
        begins = np.ones(len(owners), np.bool_)
        begins[1:] = (owners[1:] != owners[:-1]) | (hashes[1:] != hashes[:-1])
        firsts = np.flatnonzero(begins)
        times = np.diff(np.append(firsts, len(owners)))
        found: dict[int, dict[int, int]] = {}
        for owner, time in zip(owners.take(firsts).tolist(), times.tolist(), strict=True):
            mine = found.setdefault(owner, {})
            mine[time] = mine.get(time, 0) + 1
        return found


def distinct_of(repetitions: dict[int, int], count: int) -> int:
    """Estimate how many different values there are among `count`, from a sample of them.

    Values seen once in the sample stand for others unseen, those seen again hardly do
    (the estimator GEE of Charikar and others, "Towards estimation error guarantees for distinct
    values", 2000).
    """
    sampled = sum(times * number for times, number in repetitions.items())
    if not sampled:
        return count
    once = repetitions.get(1, 0)
    again = sum(repetitions.values()) - once
    scale = max(1.0, count / sampled)
    if once > 0.9 * sampled:
        return count
    return max(1, min(count, round(again + once * float(np.sqrt(scale)))))
