"""The search for few units that are enough: by halves where one matters, else by pieces.

It takes for granted that more of a snapshot shows no less than a part of it. Where that does not
hold what it finds still passed its test; it is only larger than it might be.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, Self, TypeVar

_WINDOW: Final = 16
"""When what was not tried yet is so small a share of the rest, it is tried alone."""

_DENSE: Final = 512
"""Where nearly everything matters, the end of what does is found as exactly as this."""

_PIECES: Final = 4


class Unit(Protocol):
    """Something that a snapshot may do without."""

    @property
    def cost(self) -> float:
        """How much would be saved without it."""

    @property
    def is_needed(self) -> bool:
        """Whether it is known already that it cannot be spared."""

    def keep(self, kept: bool, /) -> None:
        """Have it in the snapshot that is tried next, or not."""

    def split(self) -> Sequence[Self]:
        """Return finer units in the place of this one; nothing where there are none."""


_Unit = TypeVar("_Unit", bound=Unit)


class Search(Generic[_Unit]):
    """Finds few of some units with which a snapshot still passes its test. With all it passes.

    Attributes:
        is_dense: whether so much of what is left matters that no single units were found.

    """

    def __init__(
        self, units: Iterable[_Unit], test: Callable[[], bool], *, may_be_empty: bool = True
    ) -> None:
        """Search among `units`; `test` tells of the snapshot with those that are kept now."""
        self._needed: list[_Unit] = []
        self._rest: list[_Unit] = []
        for unit in units:
            (self._needed if unit.is_needed else self._rest).append(unit)
        self._test = test
        self._may_be_empty = may_be_empty
        self.is_dense = False

    def run(self) -> list[_Unit]:
        """Search, keep what was found and drop the others; return those that cannot be spared.

        Where that is interrupted by an error the last that passed is kept.
        """
        try:
            if (self._may_be_empty or self._needed) and self._passes([]):
                self._rest = []
            while self._rest and not self.is_dense:
                if self._pass_to_last() and self._passes([]):
                    self._rest = []
        finally:
            self._keep(self._rest)
        return self._needed

    def _pass_to_last(self) -> bool:
        """Drop all behind the last that is needed; return whether it was found alone.

        Fewer than `low` of the rest, in order, are known not to be enough.
        """
        low = 0
        is_windowed = False
        whole = _cost(self._rest)
        while True:
            high = len(self._rest)
            window = _cost(self._rest[low:])
            if not is_windowed and low and window * _WINDOW <= whole:
                is_windowed = True
                if self._passes(self._rest[low:]):
                    self._rest, low = self._rest[low:], 0
                    continue
                dropped = self._drop_pieces(low)
                low -= dropped
                self.is_dense = not dropped
                continue
            if self.is_dense and low and window * _DENSE <= _cost(self._rest):
                return False
            if high - low == 1:
                finer = self._rest[low].split()
                if not finer:
                    break
                self._rest[low:] = finer
                continue
            middle = low + _middle(self._rest[low:])
            if self._passes(self._rest[:middle]):
                self._rest = self._rest[:middle]
            else:
                low = middle
        if self.is_dense:
            return False
        self._needed.append(self._rest.pop())
        return True

    def _drop_pieces(self, low: int) -> int:
        """Drop what can be spared of the first `low` of the rest, by quarters; return how many."""
        dropped = 0
        for begin, end in reversed(_quarters(self._rest[:low])):
            less = self._rest[:begin] + self._rest[end:]
            if self._passes(less):
                self._rest = less
                dropped += end - begin
        return dropped

    def _passes(self, some: list[_Unit]) -> bool:
        """Whether what is needed passes with some of the rest, and nothing else."""
        self._keep(some)
        return self._test()

    def _keep(self, some: list[_Unit]) -> None:
        for unit in self._rest:
            unit.keep(False)
        for unit in (*self._needed, *some):
            unit.keep(True)


def _cost(units: Iterable[Unit]) -> float:
    return sum(unit.cost for unit in units)


def _middle(units: Sequence[Unit]) -> int:
    """Return how many units make half of the cost, at least one and not all of at least two."""
    half = _cost(units) / 2
    done = 0.0
    for index, unit in enumerate(units):
        done += unit.cost
        if done >= half:
            is_nearer = index > 0 and done - half > half - (done - unit.cost)
            return min(len(units) - 1, max(1, index if is_nearer else index + 1))
    return max(1, len(units) // 2)


def _quarters(units: Sequence[Unit]) -> list[tuple[int, int]]:
    """Return the stretches of units that cost about a quarter each, of those that are not empty."""
    whole = _cost(units)
    edges = [0]
    done = 0.0
    for index, unit in enumerate(units):
        done += unit.cost
        if done * _PIECES >= whole * len(edges) and len(edges) < _PIECES:
            edges.append(index + 1)
    edges.append(len(units))
    return [(begin, end) for begin, end in itertools.pairwise(edges) if begin < end]
