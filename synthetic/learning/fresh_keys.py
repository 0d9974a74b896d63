"""Fresh keys: how many of a place's keys the maps of no other place had before."""

from typing import Final

from synthetic.learning.distinct_keys import ALL_KEYS, Sample

_ENOUGH: Final = 32
"""Of so many keys it can be told; those of which fewer are in every sample have few themselves."""


class FreshKeys:
    """Is shown the keys of the places of a shape, one place after the other."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._limit = ALL_KEYS.limit

    def of(self, sample: Sample, distinct: int) -> int:
        """Estimate how many of a place's `distinct` keys were not met before, and meet them."""
        limit = self._limit = min(sample.limit, self._limit)
        hashes = frozenset(hash_ for hash_ in sample.hashes if hash_ <= limit)
        if len(hashes) < _ENOUGH:
            hashes = sample.hashes
        fresh = len(hashes - self._met)
        self._met |= sample.hashes
        return round(distinct * fresh / len(hashes)) if hashes else distinct
