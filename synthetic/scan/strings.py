"""Strings: how many characters each has once decoded, and how wide its widest is."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.characters import LEAST_LEAD as _LEAST_LEAD
from synthetic.scan.characters import Leads
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

_CONTINUATIONS: Final = np.array(
    [(byte >= _LEAST_LEAD) + (byte >= 0xE0) + (byte >= _LEAST_UCS_4) for byte in range(256)],
    np.uint8,
)
_FIRST: Final = np.zeros(1, np.intp)
_SIMPLE: Final = np.isin(np.arange(256), list(b'"\\/bfnrt'))
_HEX: Final = np.array(
    [int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else -1 for byte in range(256)],
    np.int32,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texts:
    """What is known of the strings of a block, in order: of values and of keys.

    Attributes:
        contents: the bytes between the quotes of each.
        characters: of each once decoded, as Python counts them.
        widths: ASCII, LATIN_1, UCS_2 or UCS_4, of the widest character of each.
        escaped: how many bytes of each are there only because something is escaped.
        are_plain: whether each has as many characters as bytes, all of them ASCII.
        has_lone_surrogate: whether one of the strings holds half of a surrogate pair.

    """

    contents: Places
    characters: Places
    widths: Kinds
    escaped: Places
    are_plain: bool
    has_lone_surrogate: bool


def texts_of(view: Bytes, starts: Places, ends: Places, leads: Leads, escapes: Places) -> Texts:
    """Return what is known of strings, whose quotes are at `starts` and before `ends`.

    `leads` are the block's characters of several bytes; `escapes` are its escaping backslashes,
    which must be inside of these strings.

    Raises InvalidJsonError, with the offset in the block, for an escape that is none.
    """
    contents = ends - starts
    contents -= 2
    characters = contents
    escaped = np.zeros(len(starts), np.intp)
    widths = np.zeros(len(starts), np.uint8)
    has_lone_surrogate = False
    if len(leads.places) and len(starts):
        widths, continuations = _wide(starts, ends, leads)
        characters = contents - continuations
    if len(escapes):
        owners = np.searchsorted(starts, escapes, side="right") - 1
        saved, code_widths, has_lone_surrogate = _escapes(view, escapes)
        escaped = np.bincount(owners, saved, minlength=len(starts)).astype(np.intp)
        characters = characters - escaped
        if code_widths.any():
            np.maximum.at(widths, owners, code_widths)
    return Texts(
        contents=contents,
        characters=characters,
        widths=widths,
        escaped=escaped,
        are_plain=characters is contents,
        has_lone_surrogate=has_lone_surrogate,
    )


def _wide(starts: Places, ends: Places, leads: Leads) -> tuple[Kinds, Places]:
    """Return the width of each string, and how many of its bytes continue a character."""
    widths = np.zeros(len(starts), np.uint8)
    owners = np.searchsorted(starts, leads.places, side="right")
    owners -= 1
    inside = owners >= 0
    inside &= leads.places < ends.take(owners)
    lead_bytes = leads.bytes
    if not inside.all():
        owners, lead_bytes = owners.compress(inside), lead_bytes.compress(inside)
    if not len(owners):
        return widths, np.zeros(len(starts), np.intp)
    changes = np.flatnonzero(owners[1:] != owners[:-1])
    changes += 1
    firsts = np.concatenate((_FIRST, changes))
    widths[owners.take(firsts)] = _WIDTHS.take(np.maximum.reduceat(lead_bytes, firsts))
    more = _CONTINUATIONS.take(lead_bytes)
    return widths, np.bincount(owners, more, minlength=len(starts)).astype(np.intp)


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
