"""Ids: ten digits and more, rising with gaps as in a real export, and never the same twice."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import Dice
from synthetic.pools import digits, pieces_of
from synthetic.rows import Pieces

_TABLES_BITS = 3
_GAP_BITS = 4
_LOWEST_ID = 1_000_000_000
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_MIXER_AGAIN = np.uint64(0xBF58476D1CE4E5B9)
_LAST_DIGITS = 4


class Table(IntEnum):
    """The kinds of record that have ids; an id's lowest bits say which, so that none clash."""

    PLAYER = 0
    TROOP = 1
    PET = 2
    HERO = 3
    GEAR = 4
    SKILL = 5


class Identities:
    """The ids of one document: a formula of a record's table and number, so none is kept."""

    def __init__(self, seed: int) -> None:
        dice = Dice(seed, "identities")
        self._start = _LOWEST_ID + dice.below(_LOWEST_ID)
        self._salt = np.uint64(dice.below(1 << 64))
        self._last_digits = digits(_LAST_DIGITS)

    def ids(self, table: Table, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ids of the table's records of these numbers; the ids rise with them."""
        mixed = ((numbers << _TABLES_BITS) + table).astype(np.uint64) * _MIXER + self._salt
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIXER_AGAIN
        gaps = (mixed >> np.uint64(64 - _GAP_BITS)).astype(np.int64)
        places = (numbers << _GAP_BITS) + gaps
        return (places << _TABLES_BITS) + (self._start << _TABLES_BITS) + table

    def one(self, table: Table, number: int) -> int:
        """Return the id of one record."""
        return int(self.ids(table, np.array([number], dtype=np.int64))[0])

    def columns(
        self, table: Table, numbers: NDArray[np.int64], *, follows: NDArray[np.bool_]
    ) -> list[Pieces]:
        """Return the columns that open records: ``{"id":...``, after a comma where ``follows``.

        Ids are cut in two, because rising ids share all but their last digits: to format each one
        costs 250 ns, a quarter of a record's time.
        """
        heads, tails = np.divmod(self.ids(table, numbers), 10**_LAST_DIGITS)
        span = range(int(heads[0]), int(heads[-1]) + 1) if len(heads) else range(0)
        openings = pieces_of(
            b'%b{"id":%d' % (comma, head) for comma in (b"", b",") for head in span
        )
        places = heads - span.start + follows * len(span)
        return [openings[places], self._last_digits[tails]]
