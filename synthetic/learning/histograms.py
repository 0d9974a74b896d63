"""Histograms of sizes, kept for very many owners at once."""

from synthetic.learning.bins import BINS, EXACT_BINS, bins_of
from synthetic.learning.tally import Sums, Tally
from synthetic.scan.kinds import Places

Cells = dict[int, tuple[int, int]]
"""By bin: how many values are in it, and the sum of their sizes."""


class Histogram:
    """Sizes of values by what they belong to: how many are in each bin, and their sums."""

    def __init__(self) -> None:
        self._counts = Tally()
        self._sums = Sums()

    def add(self, owners: Places, sizes: Places) -> None:
        """Put a value of each size in the histogram of its owner."""
        if not len(sizes):
            return
        codes = owners * BINS
        if int(sizes.max()) < EXACT_BINS:
            codes += sizes
            self._counts.add(codes)
            return
        bins = bins_of(sizes)
        codes += bins
        self._counts.add(codes)
        wide = (bins >= EXACT_BINS).nonzero()[0]
        self._sums.add(codes.take(wide), sizes.take(wide))

    def cells(self) -> dict[int, Cells]:
        """Return the cells of each owner."""
        found: dict[int, Cells] = {}
        totals = self._sums.totals()
        for code, count in self._counts.counts().items():
            owner, bin_ = divmod(code, BINS)
            total = totals[code] if bin_ >= EXACT_BINS else bin_ * count
            found.setdefault(owner, {})[bin_] = (count, total)
        return found
