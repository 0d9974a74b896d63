"""Marks: the quotes, brackets, colons and commas that are no part of a string."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import MARKS, Bytes, Flags, Kind, Kinds, Places

_BACKSLASH: Final = 0x5C
_QUOTE: Final = 0x22
_TABLE: Final = bytes(MARKS.get(bytes([byte]), 0) for byte in range(256))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marks:
    """The marks of a text that begins outside of any string.

    Attributes:
        kinds: of each; a string is one mark.
        starts: where each begins.
        ends: where each ends; of a string, behind its closing quote.
        escapes: the backslashes that escape the byte behind them, in and outside of strings.
        unfinished_at: where the string begins that the text ends in; None outside of strings.

    """

    kinds: Kinds
    starts: Places
    ends: Places
    escapes: Places
    unfinished_at: int | None


def marks_of(text: bytes, view: Bytes) -> Marks:
    """Return the marks of a text; `view` are its bytes as an array."""
    classes = np.frombuffer(text.translate(_TABLE), np.uint8)
    places = np.flatnonzero(classes != 0)
    escapes = escapes_of(text, view)
    if len(escapes):
        places = _without_escaped_quotes(places, view, escapes)
    kinds = classes.take(places)
    is_quote = kinds == Kind.STRING
    inside = (np.cumsum(is_quote, dtype=np.uint8) & 1).view(np.bool_)
    # An opening quote is inside what it opens, a closing one is outside; other marks count outside.
    kept = is_quote == inside
    quotes = places.compress(is_quote)
    starts = places.compress(kept)
    kinds = kinds.compress(kept)
    unfinished_at = None
    if len(quotes) & 1:
        unfinished_at = int(quotes[-1])
        quotes, starts, kinds = quotes[:-1], starts[:-1], kinds[:-1]
    ends = starts + 1
    ends[np.flatnonzero(kinds == Kind.STRING)] = quotes[1::2] + 1
    return Marks(
        kinds=kinds, starts=starts, ends=ends, escapes=escapes, unfinished_at=unfinished_at
    )


def escapes_of(text: bytes, view: Bytes) -> Places:
    """Return the backslashes that escape what follows: every other one of a run, from its first."""
    if b"\\" not in text:
        return np.empty(0, np.intp)
    places = np.flatnonzero(view == _BACKSLASH)
    numbers = np.arange(len(places))
    begins = np.ones(len(places), np.bool_)
    np.not_equal(places[1:], places[:-1] + 1, out=begins[1:])
    firsts = np.maximum.accumulate(np.where(begins, numbers, 0))
    return places.compress((numbers - firsts) & 1 == 0)


def _without_escaped_quotes(places: Places, view: Bytes, escapes: Places) -> Places:
    escaped = escapes + 1
    if escaped[-1] == len(view):
        escaped = escaped[:-1]
    quotes = escaped[view[escaped] == _QUOTE]
    if not len(quotes):
        return places
    kept: Flags = np.ones(len(places), np.bool_)
    kept[np.searchsorted(places, quotes)] = False
    return places.compress(kept)
