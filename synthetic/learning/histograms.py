"""Histograms of sizes, kept for very many owners at once."""

from synthetic.learning.bins import BINS, EXACT_BINS, bins_of
from synthetic.learning.tally import Sums, Tally, Totals
from synthetic.scan.kinds import Places

Cells = dict[int, tuple[int, int]]
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

    def cells(self) -> dict[int, Cells]:
        """Return the cells of each owner."""
        found: dict[int, Cells] = {}
        for code, count in self._exact.totals().items():
            owner, size = divmod(code, EXACT_BINS)
            found.setdefault(owner, {})[size] = (count, size * count)
        totals = self._sums.totals()
        for code, count in self._wide.totals().items():
            owner, bin_ = divmod(code, BINS)
            found.setdefault(owner, {})[bin_] = (count, totals[code])
        return found
