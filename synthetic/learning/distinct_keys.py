"""Distinct keys: how many different keys the maps of each place have, of a sample of all keys.

A key is in the sample or not by its hash alone, wherever it stands and however often: so the sample
holds the same share of the different keys of a place, and where these are few, all of them.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes, hashes_of, mixed
from synthetic.scan.kinds import Places
from synthetic.scan.scanner import Block

_MOST: Final = 1 << 16
"""So many keys are remembered, by their hashes alone."""
_RECENT_BITS: Final = 14
_SLOT_SHIFT: Final = np.uint64(64 - _RECENT_BITS)
_SALT: Final = np.uint64(0xC2B2AE3D27D4EB4F)
"""The same in every process: which keys are in the sample may not differ from one to the next."""
_ALL: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ONE: Final = np.uint64(1)
_FOLD: Final = np.uint64(32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """The keys of the maps of one place, by their hashes: all that are not above a limit."""

    hashes: frozenset[int]
    limit: int

    def distinct_with(self, known: AbstractSet[int]) -> int:
        """Estimate how many different keys there are, these and those known by their hashes."""
        unknown = len(self.hashes - known)
        return len(known) + round(unknown * ((int(_ALL) + 1) / (self.limit + 1)))

    def joined(self, known: AbstractSet[int]) -> "Sample":
        """Return the sample of these keys and of those known by their hashes."""
        return Sample(hashes=self.hashes | known, limit=self.limit)


ALL_KEYS: Final = Sample(hashes=frozenset(), limit=int(_ALL))
"""Of a place none of whose keys are in a sample: all are known otherwise."""


class DistinctKeys:
    """Remembers keys by the nodes of their maps; of nodes that have very many, fewer and fewer."""

    def __init__(self) -> None:
        self._recent = np.zeros(1 << _RECENT_BITS, np.uint64)
        self._owners = np.empty(_MOST, np.intp)
        self._hashes = np.empty(_MOST, np.uint64)
        self._length = 0
        self._limits: Hashes = np.full(64, _ALL)

    def take(self, block: Block, owners: Places, tokens: Places, hashes: Hashes) -> None:
        """Look at keys of a block, by their tokens, and the nodes that own them.

        The `hashes` tell those apart that were met just before, as most are.
        """
        marks = mixed(hashes, owners.astype(np.uint64))
        slots = (marks >> _SLOT_SHIFT).astype(np.intp)
        new = (self._recent.take(slots) != marks).nonzero()[0]
        self._recent[slots] = marks
        if not len(new):
            return
        tokens = tokens.take(new)
        starts = block.starts.take(tokens) + 1
        lengths = block.ends.take(tokens) - starts - 1
        self._add(owners.take(new), stable_hashes(block.text, starts, lengths))

    def sample(self) -> tuple[Places, Hashes, dict[int, int]]:
        """Return the owners and the hashes of the sample, and the limits of those that have one."""
        self._sort()
        limited = (self._limits < _ALL).nonzero()[0]
        limits = zip(limited.tolist(), self._limits.take(limited).tolist(), strict=True)
        return self._owners[: self._length], self._hashes[: self._length], dict(limits)

    def join(self, owners: Places, hashes: Hashes, limits: Mapping[int, int]) -> None:
        """Take in the sample of another half of the text, and the limits that it has."""
        for owner, limit in limits.items():
            self._reach(owner)
            self._limits[owner] = min(int(self._limits[owner]), limit)
        kept = (self._hashes[: self._length] <= self._limits_of(slice(self._length))).nonzero()[0]
        self._keep(kept)
        self._add(owners, hashes)

    def by_place(self, places: Places) -> dict[int, Sample]:
        """Return the samples by place; `places` are by node: one of the nodes of its place."""
        owners, hashes, limits = self.sample()
        found: dict[int, tuple[set[int], int]] = {}
        at = places.take(owners)
        for place, owner, hash_ in zip(at.tolist(), owners.tolist(), hashes.tolist(), strict=True):
            mine, limit = found.get(place, (set(), int(_ALL)))
            mine.add(hash_)
            found[place] = (mine, min(limit, limits.get(owner, int(_ALL))))
        return {
            place: Sample(hashes=frozenset(hash_ for hash_ in mine if hash_ <= limit), limit=limit)
            for place, (mine, limit) in found.items()
        }

    def _add(self, owners: Places, hashes: Hashes) -> None:
        """Remember keys, most of which were not met just before."""
        for start in range(0, len(owners), _MOST // 2):
            some, theirs = owners[start : start + _MOST // 2], hashes[start : start + _MOST // 2]
            self._reach(int(some.max()))
            kept = (theirs <= self._limits.take(some)).nonzero()[0]
            if self._length + len(kept) > _MOST:
                self._sort()
                self._thin()
                kept = (theirs <= self._limits.take(some)).nonzero()[0]
            end = self._length + len(kept)
            self._owners[self._length : end] = some.take(kept)
            self._hashes[self._length : end] = theirs.take(kept)
            self._length = end

    def _reach(self, owner: int) -> None:
        if owner >= len(self._limits):
            more = np.full(owner + 1, _ALL)
            self._limits = np.concatenate((self._limits, more))

    def _limits_of(self, part: slice) -> Hashes:
        return self._limits.take(self._owners[part])

    def _sort(self) -> None:
        """Forget what is there twice."""
        owners, hashes = self._owners[: self._length], self._hashes[: self._length]
        order = np.lexsort((hashes, owners))
        owners, hashes = owners.take(order), hashes.take(order)
        is_first = np.ones(len(owners), np.bool_)
        is_first[1:] = (owners[1:] != owners[:-1]) | (hashes[1:] != hashes[:-1])
        self._keep(order.compress(is_first))

    def _thin(self) -> None:
        """Halve the samples of those that have most, until there is room for as many again."""
        while self._length > _MOST // 2:
            owners = self._owners[: self._length]
            counts = np.bincount(owners)
            heavy = (2 * counts > counts.max()).nonzero()[0]
            self._limits[heavy] >>= _ONE
            kept = self._hashes[: self._length] <= self._limits_of(slice(self._length))
            self._keep(kept.nonzero()[0])

    def _keep(self, kept: Places) -> None:
        self._owners[: len(kept)] = self._owners.take(kept)
        self._hashes[: len(kept)] = self._hashes.take(kept)
        self._length = len(kept)


def stable_hashes(text: bytes, starts: Places, lengths: Places) -> Hashes:
    """Return hashes of pieces of a text that are the same in every process."""
    found = hashes_of(text, starts, lengths, own_salt=_SALT)
    return mixed(found, found >> _FOLD)
