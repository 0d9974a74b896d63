"""Random numbers that are the same on every machine and under every numpy.

numpy promises to keep its bit generators' raw output, and nothing that it derives from it
(https://numpy.org/neps/nep-0019-rng-policy.html). So all here is integer arithmetic on raw words.
"""

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.random import PCG64
from numpy.typing import NDArray

T = TypeVar("T")

_DRAWS_PER_WORD = 4
_WORDS_AT_ONCE = 1024

Draws = NDArray[np.int64]
"""Draws of 16 bits each, as integers wide enough to multiply."""


def raw_source(seed: int, purpose: str) -> PCG64:
    """Return the source of raw words for one purpose, independent of the others of the seed."""
    return PCG64([crc32(purpose.encode()), seed])


class DrawStream:
    """Draws in rows. How many rows are taken at once never changes what they hold."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._source = raw_source(seed, purpose)

    def rows(self, count: int, *, width: int) -> Draws:
        """Return ``count`` rows of ``width`` draws, each in 0..65535."""
        words_per_row = -(-width // _DRAWS_PER_WORD)
        words = self._source.random_raw(count * words_per_row)
        # Little-endian on every machine, so that the quarters of a word keep their order.
        draws = (
            words.astype("<u8", copy=False)
            .view("<u2")
            .reshape(count, words_per_row * _DRAWS_PER_WORD)
        )
        return draws[:, :width].astype(np.int64)


def scaled(draws: Draws, size: int) -> Draws:
    """Return draws of 16 bits brought to 0..size-1, evenly when size is far below 65536."""
    return (draws * size) >> 16


class Dice:
    """One number at a time, for making pools; slow beside a DrawStream."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._source = raw_source(seed, purpose)
        self._words: list[int] = []

    def below(self, limit: int) -> int:
        """Return a number in 0..limit-1."""
        if not self._words:
            self._words = self._source.random_raw(_WORDS_AT_ONCE).tolist()
        return (self._words.pop() * limit) >> 64

    def between(self, low: int, high: int) -> int:
        """Return a number in low..high."""
        return low + self.below(high - low + 1)

    def skewed(self, limit: int) -> int:
        """Return a number in 0..limit-1, the small ones far oftener than the large."""
        return self.below(self.below(self.below(limit) + 1) + 1)

    def one_in(self, chances: int) -> bool:
        """Return true once in so many times."""
        return self.below(chances) == 0

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]

    def some(self, choices: Sequence[T], *, limit: int) -> list[T]:
        """Return up to ``limit`` different choices, oftener few, in their own order."""
        wanted = self.skewed(limit + 1)
        kept = {self.below(len(choices)) for _ in range(wanted)}
        return [choices[index] for index in sorted(kept)]
