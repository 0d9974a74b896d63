"""Tokens: brackets, colons, commas, strings and scalars, in the order of the text."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import MARKS, SCALAR, STRING, Flags, Kinds, Places
from synthetic.scan.marks import Marks

_TABLE: Final = bytes(MARKS.get(bytes([byte]), SCALAR) for byte in range(256))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of a text.

    A string's quotes belong to it. Every scalar is `SCALAR` yet, and every string `STRING`.

    Attributes:
        kinds: of each.
        starts: where each begins.
        strings, scalars: the indices of those that are strings, and of those that are scalars.
        string_ends, scalar_ends: where these end.
        unfinished_at: where the string begins that the text ends in; None outside of strings.

    """

    kinds: Kinds
    starts: Places
    strings: Places
    scalars: Places
    string_ends: Places
    scalar_ends: Places
    unfinished_at: int | None

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def end(self) -> int:
        """Where the last token ends; 0 if there is none."""
        if not len(self):
            return 0
        if self.kinds[-1] >= SCALAR:
            return int(self.scalar_ends[-1])
        return int(self.string_ends[-1] if self.kinds[-1] >= STRING else self.starts[-1] + 1)

    def ends(self) -> Places:
        """Return where each ends."""
        ends = self.starts + 1
        ends[self.strings] = self.string_ends
        ends[self.scalars] = self.scalar_ends
        return ends

    def moved(self, places: Places) -> "Tokens":
        """Return the tokens of a longer text, by where in it each byte of this one is.

        Both have the same kinds, also those that are found later.
        """
        unfinished_at = self.unfinished_at
        return Tokens(
            kinds=self.kinds,
            starts=places.take(self.starts),
            strings=self.strings,
            scalars=self.scalars,
            string_ends=_behind_last(places, self.string_ends),
            scalar_ends=_behind_last(places, self.scalar_ends),
            unfinished_at=None if unfinished_at is None else int(places[unfinished_at]),
        )

    def first(self, count: int) -> "Tokens":
        """Return the first tokens alone."""
        if count == len(self):
            return self
        strings = int(np.searchsorted(self.strings, count))
        scalars = int(np.searchsorted(self.scalars, count))
        return Tokens(
            kinds=self.kinds[:count],
            starts=self.starts[:count],
            strings=self.strings[:strings],
            scalars=self.scalars[:scalars],
            string_ends=self.string_ends[:strings],
            scalar_ends=self.scalar_ends[:scalars],
            unfinished_at=self.unfinished_at,
        )


def tokens_of(marks: Marks, *, is_last: bool) -> Tokens:
    """Return the tokens of a text.

    A scalar that only the end of the text ends may go on behind it; it is a token if the text
    `is_last`.
    """
    begins = marks.spare[0]
    begins[0] = marks.scalars[0]
    np.greater(marks.scalars[1:], marks.scalars[:-1], begins[1:])
    begins |= marks.marks
    begins |= marks.openings
    starts = begins.nonzero()[0]
    kinds: Kinds = np.frombuffer(
        bytearray(marks.padded.take(starts).tobytes().translate(_TABLE)), np.uint8
    )
    strings = (kinds == STRING).nonzero()[0]
    unfinished_at = None
    if marks.ends_in_string:  # where nothing begins a token, so that the string is the last one
        unfinished_at = int(starts[-1])
        starts, kinds, strings = starts[:-1], kinds[:-1], strings[:-1]
    scalars = (kinds == SCALAR).nonzero()[0]
    tokens = Tokens(
        kinds=kinds,
        starts=starts,
        strings=strings,
        scalars=scalars,
        string_ends=_behind(marks.closings),
        scalar_ends=_behind(np.greater(marks.scalars[:-1], marks.scalars[1:], begins[1:])),
        unfinished_at=unfinished_at,
    )
    if unfinished_at is None and not is_last and len(kinds) and kinds[-1] == SCALAR:
        return tokens.first(len(kinds) - 1)
    return tokens


def _behind_last(places: Places, ends: Places) -> Places:
    """Return the ends of what ends at some bytes, by where its last byte is."""
    moved: Places = places.take(ends - 1)
    moved += 1
    return moved


def _behind(lasts: Flags) -> Places:
    """Return where something ends, of flags of its last byte or of the byte behind that."""
    ends = lasts.nonzero()[0]
    ends += 1
    return ends
