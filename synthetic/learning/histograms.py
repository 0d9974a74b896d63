"""Histograms of sizes, kept for very many owners at once."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from synthetic.learning.bins import BINS, EXACT_BINS, bins_of
from synthetic.learning.tally import Sums, Tally, Totals
from synthetic.scan.kinds import Places

Cell: TypeAlias = tuple[int, int]
Cells: TypeAlias = Mapping[int, Cell]
"""By bin: how many values are in it, and the sum of their sizes."""


class Histogram:
    """Sizes of values by what they belong to: how many are in each bin, and their sums.

    Each node has `owners` of them. Sizes that have bins of their own are counted apart: there are
    few of these codes, so that they are counted fast.
    """

    def __init__(self, owners: int) -> None:
        self._owners = owners
        self._exact = Tally()
        self._wide = Tally()
        self._sums = Sums()

    def add(self, owners: Places, sizes: Places) -> None:
        """Put a value of each size in the histogram of its owner."""
        if not len(sizes):
            return
        if int(sizes.max()) >= EXACT_BINS:
            is_wide = sizes >= EXACT_BINS
            wide = is_wide.nonzero()[0]
            self._add_wide(owners.take(wide), sizes.take(wide))
            exact = (~is_wide).nonzero()[0]
            owners, sizes = owners.take(exact), sizes.take(exact)
        codes = owners * EXACT_BINS
        codes += sizes
        self._exact.add(codes)

    def _add_wide(self, owners: Places, sizes: Places) -> None:
        codes = owners * BINS
        codes += bins_of(sizes)
        self._wide.add(codes)
        self._sums.add(codes, sizes)

    def tallies(self) -> dict[str, tuple[Totals, int]]:
        """Return the tallies by name, each with the number of codes that a node has."""
        return {
            "exact": (self._exact, self._owners * EXACT_BINS),
            "wide": (self._wide, self._owners * BINS),
            "sums": (self._sums, self._owners * BINS),
        }

    def counts(self) -> tuple[Places, Places]:
        """Return how many values there are: owners, which may be there often, and a count each."""
        parts = [
            (codes // bins, counts)
            for tally, bins in ((self._exact, EXACT_BINS), (self._wide, BINS))
            for codes, counts in [_arrays_of(tally.totals())]
        ]
        owners, counts = zip(*parts, strict=True)
        return np.concatenate(owners), np.concatenate(counts)

    def cells(self, places: Places) -> dict[int, dict[int, Cell]]:
        """Return the cells of each owner, those of all nodes of a place as one; forget these.

        `places` are by node: one of the nodes of its place.
        """
        found: dict[int, dict[int, Cell]] = {}
        for code, count in self._by_place(self._exact, EXACT_BINS, places).items():
            owner, size = divmod(code, EXACT_BINS)
            found.setdefault(owner, {})[size] = (count, size * count)
        totals = self._by_place(self._sums, BINS, places)
        for code, count in self._by_place(self._wide, BINS, places).items():
            owner, bin_ = divmod(code, BINS)
            found.setdefault(owner, {})[bin_] = (count, totals[code])
        return found

    def _by_place(self, tally: Totals, bins: int, places: Places) -> dict[int, int]:
        return totals_by_place(tally, self._owners * bins, places)


def totals_by_place(tally: Totals, stride: int, places: Places) -> dict[int, int]:
    """Return the totals of a tally's codes, those of all nodes of a place added up; it is spent.

    A node has `stride` codes; `places` are by node: one of the nodes of its place.
    """
    codes, numbers = _arrays_of(tally.spent())
    nodes, rests = np.divmod(codes, stride)
    codes = places.take(nodes) * stride + rests
    found, spots = np.unique(codes, return_inverse=True)
    sums = np.zeros(len(found), np.intp)
    np.add.at(sums, spots, numbers)
    return dict(zip(found.tolist(), sums.tolist(), strict=True))


def _arrays_of(totals: Mapping[int, int]) -> tuple[Places, Places]:
    """Return the codes of totals, and the total of each."""
    codes = np.fromiter(totals.keys(), np.intp, len(totals))
    return codes, np.fromiter(totals.values(), np.intp, len(totals))
