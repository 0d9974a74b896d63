"""Marks: which bytes of a text are quotes, brackets, colons, commas, or belong to scalars."""

from typing import Final

import numpy as np

from synthetic.scan.bits import WORD, places_of, put_parities
from synthetic.scan.kinds import Bytes, Flags, Places

_NOWHERE: Final = np.empty(0, np.intp)
_BACKSLASH: Final = 0x5C
_QUOTE: Final = 0x22
_SPACE: Final = 0x20
_TO_LOWER: Final = np.uint8(0x20)
_OPEN: Final = ord("{")  # also "[" with the bit of lower case
_CLOSE: Final = ord("}")  # also "]"


class Marks:
    """What the bytes of a text are.

    The arrays are used again for the next text: new ones would be pushed out of the processor's
    cache, which costs more than all that is done with them.

    Attributes:
        padded: the bytes, and some spaces behind them, so that whole words are filled.
        lower: the same in lower case.
        marks: which are brackets, colons and commas, outside of strings.
        openings: which are quotes that open a string; `closings`: that close one.
        scalars: which belong to numbers and literals, or to nothing that may be there.
        ends_in_string: whether the text ends in a string.
        controls: where strings hold characters that may not be in any.
        escapes: the backslashes that escape the byte behind them, in and outside of strings.
        spare: flags for whoever needs some, for a while.

    """

    padded: Bytes
    lower: Bytes
    marks: Flags
    openings: Flags
    closings: Flags
    scalars: Flags
    spare: tuple[Flags, Flags, Flags]
    controls: Places
    escapes: Places
    ends_in_string: bool

    def __init__(self) -> None:
        self._bytes = np.empty((2, 0), np.uint8)
        self._flags = np.empty((7, 0), np.bool_)

    def read(self, text: bytes, view: Bytes, *, in_string: bool = False) -> None:
        """Find the marks of a text; `view` are its bytes as an array.

        With `in_string` it begins inside of a string.
        """
        self._make_room(len(view))
        padded, lower, marks, scalars = self.padded, self.lower, self.marks, self.scalars
        padded[: len(view)] = view
        padded[len(view) :] = _SPACE
        quotes, inside, found = self.spare
        np.equal(padded, _QUOTE, quotes)
        self.escapes = _NOWHERE
        if b"\\" in text:
            self.escapes = _escaping(places_of(np.equal(padded, _BACKSLASH, found)))
            quotes[self.escapes + 1] = False
        put_parities(quotes, inside)
        if in_string:
            np.logical_not(inside, inside)
        self.ends_in_string = bool(inside[-1])
        np.logical_and(quotes, inside, self.openings)
        np.greater(quotes, inside, self.closings)  # where the one is set and the other is not
        has_controls = int(padded.min()) < _SPACE
        self.controls = _NOWHERE
        if has_controls:
            self.controls = places_of(np.less(padded, _SPACE, found) & inside)
        np.bitwise_or(padded, _TO_LOWER, lower)
        np.equal(lower, _OPEN, marks)
        marks |= np.equal(lower, _CLOSE, found)
        marks |= np.equal(padded, ord(":"), found)
        marks |= np.equal(padded, ord(","), found)
        np.greater(marks, inside, marks)
        inside |= quotes
        inside |= marks
        self._add_spaces(inside, has_controls=has_controls)
        np.logical_not(inside, scalars)

    def _add_spaces(self, others: Flags, *, has_controls: bool) -> None:
        found = self.spare[2]
        others |= np.equal(self.padded, _SPACE, found)
        if has_controls:
            for space in b"\n\r\t":
                others |= np.equal(self.padded, space, found)

    def _make_room(self, length: int) -> None:
        room = (length // WORD + 1) * WORD
        if room > self._bytes.shape[1]:
            self._bytes = np.empty((2, room), np.uint8)
            self._flags = np.empty((7, room), np.bool_)
        self.padded, self.lower = self._bytes[:, :room]
        self.marks, self.openings, self.closings, self.scalars, *spare = self._flags[:, :room]
        self.spare = (spare[0], spare[1], spare[2])


def escapes_of(text: bytes, view: Bytes) -> Places:
    """Return the backslashes that escape what follows: every other one of a run, from its first."""
    return _escaping(np.flatnonzero(view == _BACKSLASH)) if b"\\" in text else _NOWHERE


def _escaping(places: Places) -> Places:
    """Return every other backslash of each run, of places of backslashes."""
    begins = np.ones(len(places), np.bool_)
    np.not_equal(places[1:], places[:-1] + 1, out=begins[1:])
    if begins.all():
        return places
    numbers = np.arange(len(places))
    firsts = np.maximum.accumulate(np.where(begins, numbers, 0))
    return places.compress((numbers - firsts) & 1 == 0)
