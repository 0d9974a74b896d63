"""Recurring keys: which keys that recur come in which maps, so that none is in a map twice."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.shape import Strings

_SOON: Final = 2048
"""As the learner has it: a key is met again soon if it was among so many keys before it."""
_TOGETHER: Final = 2
"""So many maps in a row have the same keys where nothing is known: what is alike is together."""
_MILLE: Final = 1000

Numbers = NDArray[np.int64]


class Recurring:
    """Chooses keys, by their numbers, for one map after the other.

    The keys are in pieces, each of keys about as common as each other, from the commonest on. Those
    of a piece come in turn; but some maps in a row get the same ones, for parsers that keep the
    keys that they met last.

    Attributes:
        sizes: how many keys each piece has; empty where hardly any key recurs.
        uses: how often the keys of each are used in all.

    """

    def __init__(self, strings: Strings, total: int, keys_per_key: int, most: int) -> None:
        """Choose among the keys of `strings`, of which there are `total`, `most` different ones.

        For each key there are `keys_per_key` in the text, with those in its value.
        """
        pieces, fresh = _pieces(strings, total, most)
        self.sizes = [number for number, _ in pieces]
        self.uses = [uses for _, uses in pieces]
        self._total = max(total, 1)
        self._limits = np.array(self.sizes, np.int64)
        # New keys come first, and the last piece gets what the others leave.
        self._parts = np.array([fresh, *self.uses[:-1]], np.int64)
        self._owed = np.zeros(len(self._parts), np.int64)
        self._moves = np.array(_moves(pieces, total, keys_per_key, strings.met_again), np.int64)
        self._moved = np.zeros(len(pieces), np.int64)
        self._next = np.zeros(len(pieces), np.int64)
        # The new ones count as a piece without an end, behind all others.
        self._pieces = np.arange(len(pieces) + 1)
        self._all_limits = np.append(1 << 62, self._limits)
        self._offsets = np.append(self.kept, np.cumsum(self._limits) - self._limits)

    @property
    def kept(self) -> int:
        """How many keys recur."""
        return sum(self.sizes)

    def chosen(self, lengths: Sequence[int], weight: int) -> tuple[list[int], int]:
        """Return the keys of maps of so many keys, and how many of them are new.

        Keys are numbers; those from `kept` on are new.
        """
        each = np.array(lengths, np.int64)
        counts = self._counts(each, weight)
        counts[0] += each - counts.sum(axis=0)  # what no piece has enough of is new, too
        starts = np.empty_like(counts)
        np.cumsum(counts[0], out=starts[0])
        starts[0] -= counts[0]
        starts[1:] = self._starts(counts[1:])
        # From here on by map, and in a map by piece.
        numbers = counts.T.ravel()
        ends = np.cumsum(numbers)
        keys = np.repeat(starts.T.ravel() - ends + numbers, numbers)
        keys += np.arange(len(keys))
        pieces = np.repeat(np.tile(self._pieces, len(each)), numbers)
        keys %= self._all_limits.take(pieces)
        keys += self._offsets.take(pieces)
        return keys.tolist(), int(counts[0].sum())

    def _counts(self, lengths: Numbers, weight: int) -> Numbers:
        """Return how many keys each map gets that are new, and of each piece: a row for each."""
        along = np.cumsum(lengths)
        due = along * self._parts[:, None] + (self._owed // weight)[:, None]
        dealt = due // self._total
        self._owed = (due[:, -1] - dealt[:, -1] * self._total) * weight
        counts = np.maximum(_steps(dealt), 0)
        rooms = np.minimum(self._all_limits[:-1, None], lengths)
        short = np.maximum(counts - rooms, 0).sum(axis=1)
        if short.any():
            np.minimum(counts, rooms, out=counts)
            # What is too much for one map is spread over those that have room for it.
            rooms = np.cumsum(rooms - counts, axis=1)
            whole = rooms[:, -1:]
            short = np.minimum(short, whole[:, 0])
            counts += _steps(rooms * short[:, None] // np.maximum(whole, 1))
        # No more than the map has, for those that come first; the last piece has the rest.
        found = np.empty((len(counts) + 1, len(lengths)), np.int64)
        filled = np.minimum(np.cumsum(counts, axis=0), lengths)
        found[0] = filled[0]
        np.subtract(filled[1:], filled[:-1], out=found[1:-1])
        np.minimum(lengths - filled[-1], self._limits[-1], out=found[-1])
        return found

    def _starts(self, counts: Numbers) -> Numbers:
        """Return the key of each piece that each map begins with."""
        due = np.cumsum(counts > 0, axis=1) * self._moves[:, None] + self._moved[:, None]
        moved = due // _MILLE
        self._moved = due[:, -1] - moved[:, -1] * _MILLE
        steps = counts * _steps(moved)
        along = np.cumsum(steps, axis=1)
        starts = self._next[:, None] + along - steps
        self._next = (self._next + along[:, -1]) % self._limits
        return starts


def _steps(totals: Numbers) -> Numbers:
    """Return by how much each total of a row is more than the one before it."""
    steps = totals.copy()
    steps[:, 1:] -= totals[:, :-1]
    return steps


def _pieces(strings: Strings, total: int, most: int) -> tuple[list[tuple[int, int]], int]:
    """Return how many keys are used how often, from the commonest on, and how often new ones are.

    Where hardly any key recurs all are new.
    """
    distinct = total if strings.distinct is None else strings.distinct
    if 10 * distinct >= 9 * total:
        return [], total
    pieces: list[tuple[int, int]] = []
    left = total
    for index, uses in enumerate(strings.commonest):
        number = 1 << index
        if not uses or number >= distinct or uses >= left:
            break
        pieces.append((number, uses))
        distinct -= number
        left -= uses
    kept = min(max(distinct, 1), most)
    fresh = max(distinct - kept, 0)
    pieces.append((kept, max(left - fresh, 1)))
    return pieces, fresh


def _moves(
    pieces: Sequence[tuple[int, int]], total: int, keys_per_key: int, met_again: float | None
) -> list[int]:
    """Return, for each piece, in how many maps of a thousand others come than in the map before.

    Keys that come in turn may be met again too late. So the same ones come in some maps in a row,
    such that as many are met again soon as the shape says.
    """
    if not pieces:
        return []
    spacing = total * keys_per_key
    are_late = [number * spacing > _SOON * uses for number, uses in pieces]
    late = sum(uses for (_, uses), is_late in zip(pieces, are_late, strict=True) if is_late)
    wanted = _MILLE // _TOGETHER
    if met_again is not None and late:
        again = sum(
            number for (number, _), is_late in zip(pieces, are_late, strict=True) if not is_late
        )
        fresh = total - sum(uses for _, uses in pieces)
        wanted = (total - int(total * met_again) - fresh - again) * _MILLE // late
    wanted = min(max(wanted, 1), _MILLE)
    return [wanted if is_late else _MILLE for is_late in are_late]
