"""Which keys cost a string: in a parser that shares them all, and in one with a cache of them."""

from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes
from synthetic.scan.kinds import Flags, Places
from synthetic.xray.costs import Costs

_MOST_HELD: Final = 1 << 17
_PENDING: Final = 1 << 12
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)


class DistinctKeys:
    """Adds up the cost of each different key once, in memory that does not grow.

    Beyond 131,072 of them only those are held whose hash begins with some zeros, and each stands
    for as many as there would be without that (error about 0.4 %).
    """

    def __init__(self) -> None:
        self._hashes = np.empty(0, np.uint64)
        self._costs = np.empty(0, np.float64)
        self._owners = np.empty(0, np.intp)
        self._level = 0
        self._pending: list[tuple[Hashes, Costs, Places]] = []
        self._pending_count = 0
        self._waiting: set[int] = set()

    def add(self, hashes: Hashes, costs: Costs, owners: Places) -> Places:
        """Take in occurrences of keys: what a string of each costs, and the node that has it.

        Returns the indices of those that are new, in order.
        """
        _, firsts = np.unique(hashes, return_index=True)
        if self._level:
            firsts = firsts.compress(self._is_held(hashes.take(firsts)))
        if len(self._hashes):
            some = hashes.take(firsts)
            at = np.searchsorted(self._hashes, some)
            firsts = firsts.compress(self._hashes.take(at, mode="clip") != some)
        firsts = firsts.compress(self._are_new(hashes.take(firsts)))
        if len(firsts):
            self._pending.append((hashes.take(firsts), costs.take(firsts), owners.take(firsts)))
            self._pending_count += len(firsts)
        new: Places = np.sort(firsts)
        if self._pending_count >= _PENDING + len(self._hashes) // 2:
            self._merge()
        return new

    @property
    def count_so_far(self) -> int:
        """How many different keys there were, beyond 131,072 of them about."""
        return len(self._hashes) + self._pending_count << self._level

    @property
    def count(self) -> int:
        """About how many different keys there were."""
        self._merge()
        return len(self._hashes) << self._level

    def costs_by_owner(self, owners: int) -> Costs:
        """Return what the keys cost, by the node that had each first."""
        self._merge()
        costs = np.zeros(owners)
        np.add.at(costs, self._owners, self._costs * float(1 << self._level))
        return costs

    def _are_new(self, hashes: Hashes) -> Flags:
        """Tell which different keys are not among those that wait; then they are."""
        known, waiting = self._waiting, hashes.tolist()
        new = np.array([hash_ not in known for hash_ in waiting], np.bool_)
        known.update(waiting)
        return new

    def _is_held(self, hashes: Hashes) -> Flags:
        held: Flags = (hashes * _FACTOR) >> np.uint64(64 - self._level) == 0
        return held

    def _merge(self) -> None:
        if not self._pending:
            return
        parts = [(self._hashes, self._costs, self._owners), *self._pending]
        self._pending, self._pending_count = [], 0
        self._waiting.clear()
        hashes, costs, owners = (np.concatenate(column) for column in zip(*parts, strict=True))
        self._hashes, firsts = np.unique(hashes, return_index=True)
        self._costs, self._owners = costs.take(firsts), owners.take(firsts)
        while len(self._hashes) > _MOST_HELD:
            self._level += 1
            held = np.flatnonzero(self._is_held(self._hashes))
            self._hashes = self._hashes.take(held)
            self._costs, self._owners = self._costs.take(held), self._owners.take(held)


class KeyCache:
    """A parser's cache of keys as it goes along: which occurrences of a key make a new string."""

    def __init__(self, slots: int) -> None:
        """Make an empty one."""
        self.slots = slots
        self._last = np.zeros(slots, np.uint64)
        self._is_contended = np.zeros(slots, np.bool_)

    def misses(self, slots: Places, hashes: Hashes) -> Places:
        """Return the indices of the keys that are not in the cache; then they are.

        A hash stands for a key and is not zero.
        """
        looked_at = np.flatnonzero(
            self._is_contended.take(slots) | (self._last.take(slots) != hashes)
        )
        if not len(looked_at):
            return looked_at
        # A slot that is fought for in this block has to be followed from its first use on.
        fought = np.zeros(self.slots, np.bool_)
        fought[slots.take(looked_at)] = True
        looked_at = np.flatnonzero(fought.take(slots))
        slots, hashes = slots.take(looked_at), hashes.take(looked_at)
        order = np.argsort(slots.astype(np.uint16), kind="stable")
        sorted_slots, sorted_hashes = slots.take(order), hashes.take(order)
        before = np.empty(len(order), np.uint64)
        before[1:] = sorted_hashes[:-1]
        begins = np.ones(len(order), np.bool_)
        np.not_equal(sorted_slots[1:], sorted_slots[:-1], out=begins[1:])
        firsts = np.flatnonzero(begins)
        before[firsts] = self._last.take(sorted_slots.take(firsts))
        missed = np.flatnonzero(before != sorted_hashes)
        evicting = missed.compress(before.take(missed) != 0)
        self._is_contended[sorted_slots.take(evicting)] = True
        lasts = np.append(firsts[1:] - 1, len(order) - 1)
        self._last[sorted_slots.take(lasts)] = sorted_hashes.take(lasts)
        return looked_at.take(order.take(missed))

    def any_slots(self, hashes: Hashes) -> Places:
        """Return slots for keys of which the parser's own hash is not worked out."""
        mixed: Hashes = (hashes * _FACTOR) >> _HALF
        return (mixed % np.uint64(self.slots)).astype(np.intp)
