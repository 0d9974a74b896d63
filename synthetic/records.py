"""Records of one table: an id and a piece of every pool, in any number and in groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import DrawStream
from synthetic.identities import Identities, Table
from synthetic.pools import drawn_columns
from synthetic.rows import Counts, Pieces, Rows, rows_of


class Records:
    """The records of one table in order; taking them in other batches does not change them."""

    def __init__(
        self, table: Table, pools: Sequence[Pieces], *, identities: Identities, seed: int
    ) -> None:
        self._table = table
        self._pools = pools
        self._identities = identities
        self._stream = DrawStream(seed, table.name)
        self._taken = 0

    def take(self, count: int) -> Rows:
        """Return the next ``count`` records, a row each."""
        return self._next(count, follows=np.zeros(count, dtype=np.bool_))

    def take_groups(self, counts: Counts) -> Rows:
        """Return a row for each count, of so many of the next records with commas between them."""
        total = int(counts.sum())
        follows = np.ones(total, dtype=np.bool_)
        firsts = np.cumsum(counts) - counts
        follows[firsts[counts > 0]] = False
        return self._next(total, follows=follows).grouped(counts)

    def _next(self, count: int, *, follows: NDArray[np.bool_]) -> Rows:
        numbers = np.arange(self._taken, self._taken + count, dtype=np.int64)
        self._taken += count
        opening = self._identities.columns(self._table, numbers, follows=follows)
        return rows_of([*opening, *drawn_columns(self._pools, self._stream, count)])
