"""Tokens: brackets, colons, commas, strings and scalars, in the order of the text."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import MARKS, SCALAR, STRING, Bytes, Flags, Kinds, Places
from synthetic.scan.marks import Marks

_STEPS: Final = 64
_SPACE: Final = ord(" ")
_SPACES: Final = b" \t\n\r"
IS_SPACE: Final[Flags] = np.isin(np.arange(256), list(_SPACES))
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


def tokens_of(text: bytes, marks: Marks, *, is_last: bool) -> Tokens:
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
    end = len(text) if unfinished_at is None else unfinished_at
    tokens = Tokens(
        kinds=kinds,
        starts=starts,
        strings=strings,
        scalars=scalars,
        string_ends=_ends(text, marks.padded, starts, strings, end),
        scalar_ends=_ends(text, marks.padded, starts, scalars, end),
        unfinished_at=unfinished_at,
    )
    if unfinished_at is None and not is_last and len(kinds) and kinds[-1] == SCALAR:
        return tokens.first(len(kinds) - 1)
    return tokens


def _ends(text: bytes, padded: Bytes, starts: Places, tokens: Places, end: int) -> Places:
    """Return the ends of strings or scalars: before the next token, and before white space.

    What follows the last token ends at `end`.
    """
    if not len(tokens):
        return tokens
    ends = starts.take(tokens + 1, mode="clip")
    if int(tokens[-1]) == len(starts) - 1:
        ends[-1] = end
    ends -= 1
    todo = (padded.take(ends) <= _SPACE).nonzero()[0]
    todo = todo.compress(IS_SPACE.take(padded.take(ends.take(todo))))
    for _ in range(_STEPS):
        if not len(todo):
            break
        ends[todo] -= 1
        todo = todo.compress(IS_SPACE.take(padded.take(ends.take(todo))))
    for index in todo.tolist():  # few, before long runs of white space
        start = int(starts[tokens[index]])
        ends[index] = start + len(text[start : ends[index] + 1].rstrip(_SPACES)) - 1
    ends += 1
    return ends
