"""Quotas: choices made in exact proportion instead of by chance, and the totals of sizes kept.

Memory is a sum over the values of a document. So a document holds as much as another when it has as
many values of each kind and size, whichever of them stand beside one another. Chance would miss
that by the square root of the count; a quota remembers what it owes, and misses it by less than
one.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

_PLAIN: Final = 24
"""Up to so many choices plain Python is faster than numpy."""
_MOST: Final = 1 << 30
"""Counts are halved until their sum is below, so that products of three fit into 64 bits."""

_MOST_MORE: Final = 4
"""A choice is drawn at most so many times its share at once, lest all that is large and owed comes
together."""

# Shared by all that need none.
_NONE: Final[list[int]] = []
_NO_ARRAY: Final = np.zeros(0, np.int64)

MOST_WEIGHT: Final = 1 << 11
MOST_DRAWN: Final = 1 << 20


class Quota:
    """Draws choices as often as their counts ask, over any number of draws.

    A draw's `weight` says how many times what is made of it will be used.
    """

    __slots__ = ("_array", "_favoured", "_is_plain", "_owed", "_plain", "counts", "total")

    def __init__(self, counts: Sequence[int]) -> None:
        """Draw of ``len(counts)`` choices."""
        counts = list(counts)
        while sum(counts) > _MOST:
            counts = [(count + 1) // 2 for count in counts]
        self.counts = counts
        self.total = sum(counts)
        self._is_plain = len(counts) <= _PLAIN
        # Very many places draw from few choices: what only the others need is not made for them.
        self._plain = [0] * len(counts) if self._is_plain else _NONE
        self._array = _NO_ARRAY if self._is_plain else np.array(counts, np.int64)
        self._owed = _NO_ARRAY if self._is_plain else np.zeros(len(counts), np.int64)
        self._favoured: int | None = None

    def draw(self, count: int, weight: int = 1) -> list[int]:
        """Return how many of `count` draws fall on each choice."""
        if len(self.counts) == 1:
            return [count]
        drawn = (self._draw_plain if self._is_plain else self._draw_many)(count, weight)
        if self._favoured is not None and count:
            self._swap(drawn, self._favoured, weight)
            self._favoured = None
        return drawn

    def _swap(self, drawn: list[int], favoured: int, weight: int) -> None:
        """Draw a choice in the stead of the commonest one, and owe that for it."""
        if not drawn[favoured]:
            commonest = drawn.index(max(drawn))
            owed = self._plain if self._is_plain else self._owed
            for choice, step in ((favoured, 1), (commonest, -1)):
                drawn[choice] += step
                owed[choice] -= step * self.total * weight

    def favour(self, choice: int) -> None:
        """Draw a choice as soon as can be; it gets no more draws for that, only earlier ones."""
        self._favoured = choice

    def draw_one_of(self, choices: Sequence[int]) -> int:
        """Draw the one of some choices that is owed most, and return it."""
        each = self._plain if self._is_plain else self._owed.tolist()
        best = max(choices, key=lambda choice: (each[choice] + self.counts[choice], -choice))
        owed = [owed + count for owed, count in zip(each, self.counts, strict=True)]
        owed[best] -= self.total
        if self._is_plain:
            self._plain = owed
        else:
            self._owed = np.array(owed, np.int64)
        return best

    def _draw_plain(self, count: int, weight: int) -> list[int]:
        unit = self.total * weight
        share = count * weight
        owed = [
            before + share * each for before, each in zip(self._plain, self.counts, strict=True)
        ]
        most = [_MOST_MORE * (1 + count * each // self.total) for each in self.counts]
        drawn = [min(max(each, 0) // unit, limit) for each, limit in zip(owed, most, strict=True)]
        missing = count - sum(drawn)
        if missing:
            rest = [each - number * unit for each, number in zip(owed, drawn, strict=True)]
            order = sorted(range(len(rest)), key=rest.__getitem__, reverse=missing > 0)
            _settle(drawn, order, missing)
        self._plain = [each - number * unit for each, number in zip(owed, drawn, strict=True)]
        return drawn

    def _draw_many(self, count: int, weight: int) -> list[int]:
        unit = self.total * weight
        owed = self._owed + self._array * (count * weight)
        most = _MOST_MORE * (1 + self._array * count // self.total)
        drawn = np.minimum(np.maximum(owed, 0) // unit, most)
        missing = count - int(drawn.sum())
        if missing:
            rest = owed - drawn * unit
            order = np.argsort(-rest if missing > 0 else rest, kind="stable")
            if 0 < missing <= len(order):
                drawn[order[:missing]] += 1
            else:
                settled = drawn.tolist()
                _settle(settled, order.tolist(), missing)
                drawn = np.array(settled, np.int64)
        self._owed = owed - drawn * unit
        numbers: list[int] = drawn.tolist()
        return numbers


def _settle(drawn: list[int], order: Sequence[int], missing: int) -> None:
    """Add what is missing, one each in this order, or take away what is too much."""
    step = 1 if missing > 0 else -1
    while missing:
        for choice in order:
            if drawn[choice] + step >= 0:
                drawn[choice] += step
                missing -= step
                if not missing:
                    break


class Share:
    """Deals out whole numbers in a fixed ratio; what is left of a division is kept for later."""

    __slots__ = ("_owed", "_whole", "part")

    def __init__(self, part: int, whole: int) -> None:
        """Deal `part` for every `whole`."""
        self.part = part
        self._whole = max(whole, 1)
        self._owed = 0

    def of(self, amount: int, weight: int = 1, *, least: int = 0, most: int | None = None) -> int:
        """Return the share of an amount; what its bounds keep from it is left for later."""
        due = amount * self.part + self._owed // weight
        dealt = max(due // self._whole, least)
        if most is not None:
            dealt = min(dealt, most)
        self._owed += (amount * self.part - dealt * self._whole) * weight
        return dealt

    def each(self, amounts: Sequence[int], weight: int, mosts: Sequence[int]) -> list[int]:
        """Return the share of each of some amounts, no more than its bound, one after another."""
        part, whole = self.part, self._whole
        due = self._owed // weight
        rest = self._owed - due * weight
        shares = []
        for amount, most in zip(amounts, mosts, strict=True):
            due += amount * part
            share = due // whole
            if not 0 <= share <= most:
                share = max(min(share, most), 0)
            due -= share * whole
            shares.append(share)
        self._owed = due * weight + rest
        return shares


class Sizes:
    """The sizes of a bin: as many as asked, in sum as the bin has it, and spread over the bin."""

    __slots__ = ("_sum", "count", "high", "low", "total")

    def __init__(self, *, low: int, high: int, count: int, total: int) -> None:
        """Give sizes from `low` to `high`, `count` of which make `total`."""
        self.low = low
        self.high = high
        self.count = count
        self.total = total
        self._sum = None if low == high else Share(total, count)

    def take(self, count: int, weight: int = 1) -> list[int]:
        """Return so many sizes."""
        if self._sum is None or not count:
            return [self.low] * count
        wanted = self._sum.of(count, weight, least=self.low * count, most=self.high * count)
        if count == 1:
            return [wanted]
        return _spread(count, wanted, low=self.low, high=self.high)


def _spread(count: int, total: int, *, low: int, high: int) -> list[int]:
    """Return sizes evenly around their mean, as far as the nearer end of the bin."""
    mean = total // count
    half = min(mean - low, high - mean)
    sizes = [mean + (2 * index + 1 - count) * half // count for index in range(count)]
    missing = total - sum(sizes)
    while missing:
        step = 1 if missing > 0 else -1
        for index in range(count):
            if not missing:
                break
            if low <= sizes[index] + step <= high:
                sizes[index] += step
                missing -= step
    return sizes
