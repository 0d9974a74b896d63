"""Strings: how many characters each has once decoded, and how wide its widest is."""

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Bytes, Kinds, Places

ASCII: Final = 0
LATIN_1: Final = 1
UCS_2: Final = 2
UCS_4: Final = 3

_LEAST_LATIN_1: Final = 0x80
_LEAST_UCS_2: Final = 0xC4  # the lead byte of U+0100
_LEAST_UCS_4: Final = 0xF0  # the lead byte of U+10000
_WIDTHS: Final = np.array(
    [(byte >= _LEAST_LATIN_1) + (byte >= _LEAST_UCS_2) + (byte >= _LEAST_UCS_4)
     for byte in range(256)], np.uint8,
)  # fmt: skip
"""By the greatest byte of a text in UTF-8: the width of its widest character."""

_LEAST_LEAD: Final = 0xC2
_CONTINUATIONS: Final = np.array(
    [(byte >= _LEAST_LEAD) + (byte >= 0xE0) + (byte >= _LEAST_UCS_4) for byte in range(256)],
    np.uint8,
)  # fmt: skip
_DENSE: Final = 16
"""From so many bytes for each lead byte on, leads are looked up one by one."""

_SIMPLE: Final = np.isin(np.arange(256), list(b'"\\/bfnrt'))
_HEX: Final = np.array(
    [int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else -1 for byte in range(256)],
    np.int32,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texts:
    """What is known of the strings of a block, in order: of values and of keys.

    Attributes:
        characters: of each once decoded, as Python counts them.
        widths: ASCII, LATIN_1, UCS_2 or UCS_4, of the widest character of each.
        escaped: how many bytes of each are there only because something is escaped.
        has_lone_surrogate: whether one of the strings holds half of a surrogate pair.

    """

    characters: NDArray[np.intp]
    widths: Kinds
    escaped: NDArray[np.intp]
    has_lone_surrogate: bool


def texts_of(view: Bytes, starts: Places, ends: Places, escapes: Places) -> Texts:
    """Return what is known of strings, whose quotes are at `starts` and before `ends`.

    `escapes` are the block's escaping backslashes, which must be inside of these strings.

    Raises InvalidJsonError, with the offset in the block, for an escape that is none.
    """
    characters = ends - starts - 2
    escaped = np.zeros(len(starts), np.intp)
    widths = np.zeros(len(starts), np.uint8)
    has_lone_surrogate = False
    if len(starts) and int(view.max()) >= _LEAST_LATIN_1:
        widths, continuations = _wide(view, starts, ends)
        characters -= continuations
    if len(escapes):
        owners = np.searchsorted(starts, escapes, side="right") - 1
        saved, code_widths, has_lone_surrogate = _escapes(view, escapes)
        np.subtract.at(characters, owners, saved)
        np.add.at(escaped, owners, saved)
        np.maximum.at(widths, owners, code_widths)
    return Texts(
        characters=characters,
        widths=widths,
        escaped=escaped,
        has_lone_surrogate=has_lone_surrogate,
    )


def _wide(view: Bytes, starts: Places, ends: Places) -> tuple[Kinds, Places]:
    """Return the width of each string, and how many of its bytes continue a character."""
    leads = np.flatnonzero(view >= _LEAST_LEAD)
    widths = np.zeros(len(starts), np.uint8)
    if len(leads) * _DENSE > len(view):
        # Of the intervals between the quotes, every other one is a string.
        edges = np.empty(2 * len(starts), np.intp)
        edges[::2], edges[1::2] = starts, ends - 1
        widths = _WIDTHS.take(np.maximum.reduceat(view, edges)[::2])
        before = np.cumsum((view & 0xC0) == 0x80, dtype=np.int32)
        return widths, (before.take(ends - 1) - before.take(starts)).astype(np.intp)
    owners = np.searchsorted(starts, leads, side="right") - 1
    inside = (owners >= 0) & (leads < ends.take(owners))
    owners, lead_bytes = owners.compress(inside), view.take(leads.compress(inside))
    np.maximum.at(widths, owners, _WIDTHS.take(lead_bytes))
    continuations = np.bincount(owners, _CONTINUATIONS.take(lead_bytes), minlength=len(starts))
    return widths, continuations.astype(np.intp)


def _escapes(view: Bytes, escapes: Places) -> tuple[Places, Kinds, bool]:
    """Return how many bytes each escape takes beyond its character, and that one's width.

    The two halves of a surrogate pair are one character, counted with the first half.
    """
    letters = view.take(escapes + 1)
    saved = np.ones(len(escapes), np.intp)
    widths = np.zeros(len(escapes), np.uint8)
    is_code = letters == ord("u")
    wrong = np.flatnonzero(~(is_code | _SIMPLE.take(letters)))
    if len(wrong):
        raise InvalidJsonError(int(escapes[wrong[0]]), "a backslash escapes nothing that it may")
    if not is_code.any():
        return saved, widths, False
    codes_at = escapes.compress(is_code)
    padded = np.concatenate((view, np.zeros(6, np.uint8)))
    codes = np.zeros(len(codes_at), np.int32)
    is_wrong = np.zeros(len(codes_at), np.bool_)
    for digit in range(4):
        values = _HEX.take(padded.take(codes_at + 2 + digit))
        is_wrong |= values < 0
        codes = codes * 16 + values
    if is_wrong.any():
        raise InvalidJsonError(
            int(codes_at[np.argmax(is_wrong)]), r"\u is not followed by four hexadecimal digits"
        )
    code_widths = ((codes >= 0x80).astype(np.uint8) + (codes >= 0x100)).astype(np.uint8)
    is_high = (codes >= 0xD800) & (codes < 0xDC00)
    is_low = (codes >= 0xDC00) & (codes < 0xE000)
    paired = np.zeros(len(codes), np.bool_)
    paired[:-1] = is_high[:-1] & is_low[1:] & (codes_at[1:] - codes_at[:-1] == 6)
    second = np.zeros(len(codes), np.bool_)
    second[1:] = paired[:-1]
    code_widths[paired] = UCS_4
    code_widths[second] = UCS_4
    saved[is_code] = np.where(second, 6, 5)
    widths[is_code] = code_widths
    return saved, widths, bool(((is_high & ~paired) | (is_low & ~second)).any())
