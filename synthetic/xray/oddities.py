"""What some parser would take for no JSON, found on the way."""

from typing import Final

import numpy as np

from synthetic.scan.containers import OBJECT
from synthetic.scan.kinds import Flags, Kind
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block

_LONG_NUMBER: Final = 300
_EXPONENT_PLACES: Final = (4, 5, 6, 7, 8)
_EXPONENTS: Final = np.isin(np.arange(256), list(b"eE+"))
_LOOKED_AT: Final = 64
_SEATS: Final = 1 << 18
_FACTOR: Final = 0x9E3779B1


class Oddities:
    """Follows a text; offsets are None until the first of its kind."""

    def __init__(self) -> None:
        self.lone_surrogate_at: int | None = None
        self.infinite_at: int | None = None
        self.longest_integer = 0
        self.longest_integer_at: int | None = None
        self.repeated_key_at: int | None = None
        self._seats = np.zeros(_SEATS, np.int32)

    def take(self, block: Block, values: Values, are_data: Flags) -> None:
        """Take in the next block; `are_data` says of nodes whether their keys are data."""
        if block.texts.has_lone_surrogate and self.lone_surrogate_at is None:
            self.lone_surrogate_at = block.offset
        self._take_integers(block)
        if self.repeated_key_at is None:
            self._take_keys(block, values, are_data)
        if self.infinite_at is None:
            self._take_floats(block)

    def _take_integers(self, block: Block) -> None:
        integers = np.flatnonzero(block.kinds == Kind.INTEGER)
        if not len(integers):
            return
        lengths = block.ends.take(integers) - block.starts.take(integers)
        at = int(np.argmax(lengths))
        if int(lengths[at]) > self.longest_integer:
            start = int(block.starts[integers[at]])
            self.longest_integer = int(lengths[at]) - (block.text[start] == ord("-"))
            self.longest_integer_at = block.offset_of(start)

    def _take_floats(self, block: Block) -> None:
        """Look closer at floats that are very long or have an exponent of three digits."""
        floats = np.flatnonzero(block.kinds == Kind.FLOAT)
        if not len(floats):
            return
        starts, ends = block.starts.take(floats), block.ends.take(floats)
        suspect = ends - starts > _LONG_NUMBER
        for place in _EXPONENT_PLACES:
            suspect |= _EXPONENTS.take(block.view.take(np.maximum(ends - place, starts)))
        for index in np.flatnonzero(suspect)[:_LOOKED_AT].tolist():
            if float(block.text[starts[index] : ends[index]]) in {float("inf"), float("-inf")}:
                self.infinite_at = block.offset_of(int(starts[index]))
                return

    def _take_keys(self, block: Block, values: Values, are_data: Flags) -> None:
        """Look for a key that an object has twice, among those that are no data.

        Every key is put on a seat by its object and node, and looks who sits there in the end.
        """
        nodes = values.nodes
        keyed = np.flatnonzero(
            (block.contexts.take(values.tokens) == OBJECT) & ~are_data.take(nodes)
        )
        owners, nodes = values.owners.take(keyed), nodes.take(keyed)
        seats = ((owners * _FACTOR) ^ nodes) & (_SEATS - 1)
        numbers = np.arange(len(seats), dtype=np.int32)
        self._seats[seats] = numbers
        sitting = self._seats.take(seats)
        ousted = np.flatnonzero(sitting != numbers)
        by = sitting.take(ousted)
        same = (owners.take(ousted) == owners.take(by)) & (nodes.take(ousted) == nodes.take(by))
        repeated = ousted.compress(same)
        if len(repeated):
            place = int(block.starts[values.tokens[keyed[repeated[0]]]])
            self.repeated_key_at = block.offset_of(place)
