"""Shuffling: lists in an order drawn from raw words."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import raw_source

_FEW: Final = 12
_MANY: Final = 512
_HALF_BITS: Final = 16
_AT_ONCE: Final = 256


class Shuffler:
    """Shuffles; the same lengths asked in the same order give the same orders."""

    def __init__(self, seed: int, purpose: str) -> None:
        """Draw from the seed."""
        self._source = raw_source(seed, purpose)
        self._words: list[int] = []

    def shuffled(self, texts: list[bytes]) -> list[bytes]:
        """Return the texts in another order."""
        count = len(texts)
        if count < 2:
            return texts
        if count <= _FEW:
            return self._few(texts)
        order = self.order(count)
        if count >= _MANY:  # a number for each of them would take more memory than the texts
            found: list[bytes] = np.array(texts, dtype=object).take(order).tolist()
            return found
        taken: tuple[bytes, ...] = itemgetter(*order.tolist())(texts)
        return list(taken)

    def below(self, limit: int) -> int:
        """Return a number in 0..limit-1."""
        if not self._words:
            self._words = self._source.random_raw(_AT_ONCE).tolist()
        return self._words.pop() * limit >> 64

    def order(self, count: int) -> NDArray[np.intp]:
        """Return 0..count-1 in another order."""
        # Sorting by 16 bits is a radix sort, several times as fast as by 64; few clash.
        order = np.argsort(self._halves(count), kind="stable")
        if count > 1 << _HALF_BITS - 2:
            order = order.take(np.argsort(self._halves(count).take(order), kind="stable"))
        return order

    def _halves(self, count: int) -> NDArray[np.uint16]:
        words = self._source.random_raw(count + 3 >> 2)
        return words.astype("<u8", copy=False).view("<u2")[:count]

    def _few(self, texts: list[bytes]) -> list[bytes]:
        texts = list(texts)
        for last in range(len(texts) - 1, 0, -1):
            chosen = self.below(last + 1)
            texts[last], texts[chosen] = texts[chosen], texts[last]
        return texts


def in_turn(texts: Sequence[bytes], start: int, count: int) -> list[bytes]:
    """Return `count` texts of a circle, from the one of index `start` on."""
    if len(texts) == 1:
        return [texts[0]] * count
    start %= len(texts)
    rounds = (start + count) // len(texts) + 1
    return (list(texts) * rounds)[start : start + count]
