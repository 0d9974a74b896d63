"""Excerpts: what of a text is outside of its strings, where these are most of it.

Long strings need no look at what each of their bytes may be: it is enough to know where they end,
that none holds a control character, and how many characters they have.
"""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.bits import WORD, places_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Bytes, Kinds, Places
from synthetic.scan.marks import escapes_of
from synthetic.scan.strings import WIDTHS, Wide

_QUOTE: Final = 0x22
_SPACE: Final = 0x20
_LEAST_OTHER: Final = 0x80
_BYTES_OF_QUOTE: Final = 24
"""Texts with more quotes than one for so many bytes have no long strings to speak of."""
_BYTES_OF_RARE_QUOTE: Final = 256
"""Quotes that are rarer are found faster one by one."""
_SAMPLE: Final = 8192
_LEAST_SHARE: Final = 0.75
"""So much of a text is in strings, or no excerpt is made."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Excerpt:
    """A text without what is between the quotes of its strings.

    Attributes:
        text, view: what is left of it.
        places: where each byte that is left, and the end, is in the whole text.
        escapes: the escaping backslashes in the whole text, all of them in strings.

    """

    text: bytes
    view: Bytes
    places: Places
    escapes: Places


def excerpt_of(text: bytes, view: Bytes) -> Excerpt | None:
    """Return the excerpt of a text that begins outside of a string; None if it is not worth it.

    None also where there may be something wrong with the text, which is then to be looked at as a
    whole: a control character in a string, or a backslash outside of any.
    """
    size = len(text)
    escapes = escapes_of(text, view)
    if len(escapes) or text.count(_QUOTE, 0, _SAMPLE) * _BYTES_OF_RARE_QUOTE > _SAMPLE:
        quotes = _quotes(view, escapes)
    else:
        quotes = _rare_quotes(text)
    if quotes is None:
        return None
    firsts, lasts = _outside(quotes, size)
    lengths = lasts - firsts
    left = int(lengths.sum())
    if left > (1 - _LEAST_SHARE) * size:
        return None
    # Each byte that is left is behind the one before, but for the jumps over strings.
    jumps = np.ones(left + 1, np.intp)
    jumps[0] = 0
    begins = np.cumsum(lengths)[:-1]
    jumps[begins] = firsts[1:] - lasts[:-1] + 1
    places: Places = np.cumsum(jumps)
    places[-1] = size
    found = view.take(places[:-1])
    excerpt = found.tobytes()
    if b"\\" in excerpt:
        return None
    if int(view.min()) < _SPACE and np.count_nonzero(view < _SPACE) != np.count_nonzero(
        found < _SPACE
    ):
        return None
    return Excerpt(text=excerpt, view=found, places=places, escapes=escapes)


def _quotes(view: Bytes, escapes: Places) -> Places | None:
    """Return where quotes are that are not escaped; None if they are many."""
    size = len(view)
    flags = np.zeros((size // WORD + 1) * WORD, np.bool_)
    np.equal(view, _QUOTE, flags[:size])
    flags[escapes + 1] = False
    if int(np.count_nonzero(flags)) * _BYTES_OF_QUOTE > size:
        return None
    return places_of(flags)


def _rare_quotes(text: bytes) -> Places | None:
    """Do the same, where nothing is escaped, one quote after the other."""
    most = len(text) // _BYTES_OF_RARE_QUOTE
    quotes: list[int] = []
    find = text.find
    place = find(_QUOTE)
    while place >= 0:
        quotes.append(place)
        if len(quotes) > most:
            return _quotes(np.frombuffer(text, np.uint8), np.empty(0, np.intp))
        place = find(_QUOTE, place + 1)
    return np.array(quotes, np.intp)


def _outside(quotes: Places, size: int) -> tuple[Places, Places]:
    """Return where what is outside of strings begins and ends, the quotes included."""
    firsts = np.concatenate((np.zeros(1, np.intp), quotes[1::2]))
    lasts = quotes[::2] + 1
    if len(lasts) < len(firsts):
        lasts = np.append(lasts, size)
    return firsts, lasts


def wide_of(text: bytes, view: Bytes, starts: Places, ends: Places) -> Wide | None:
    """Return the width of each long string, and how many of its bytes continue a character.

    None if all are ASCII.

    Raises InvalidJsonError, with the offset in the text, for what is not UTF-8.
    """
    if text.isascii() or not len(starts):
        return None
    continuations = np.zeros(len(starts), np.intp)
    edges = np.empty(2 * len(starts), np.intp)
    edges[::2], edges[1::2] = starts, ends - 1
    greatest = np.maximum.reduceat(view, edges)[::2]
    widths: Kinds = WIDTHS.take(greatest)
    at = (greatest >= _LEAST_OTHER).nonzero()[0]
    found = zip(starts.take(at).tolist(), ends.take(at).tolist(), strict=True)
    characters = [_characters(text, start, end) for start, end in found]
    continuations[at] = ends.take(at) - starts.take(at) - np.array(characters, np.intp)
    return widths, continuations


def _characters(text: bytes, start: int, end: int) -> int:
    try:
        return len(text[start:end].decode())
    except UnicodeDecodeError as error:
        raise InvalidJsonError(start + error.start, "the text is not UTF-8") from None
