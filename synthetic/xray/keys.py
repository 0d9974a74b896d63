"""Which keys cost a string: in a parser that shares them all, and in one with a cache of them."""

from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes
from synthetic.scan.kinds import Flags, Places
from synthetic.xray.costs import Costs

_MOST_HELD: Final = 1 << 17
_PENDING: Final = 1 << 15
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

    def add(self, hashes: Hashes, costs: Costs, owners: Places) -> None:
        """Take in occurrences of keys: what a string of each costs, and the node that has it."""
        if self._level:
            held = np.flatnonzero(self._is_held(hashes))
            hashes, costs, owners = hashes.take(held), costs.take(held), owners.take(held)
        if not len(hashes):
            return
        self._pending.append((hashes, costs, owners))
        self._pending_count += len(hashes)
        if self._pending_count >= _PENDING + len(self._hashes) // 2:
            self._merge()

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

    def _is_held(self, hashes: Hashes) -> Flags:
        held: Flags = (hashes * _FACTOR) >> np.uint64(64 - self._level) == 0
        return held

    def _merge(self) -> None:
        if not self._pending:
            return
        parts = [(self._hashes, self._costs, self._owners), *self._pending]
        self._pending, self._pending_count = [], 0
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
