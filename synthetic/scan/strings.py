"""Strings: how many characters each has once decoded, and how wide its widest is."""

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
WIDTHS: Final = np.array(
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
_Codes = NDArray[np.uint32]
Wide = tuple[Kinds, Places]
"""Of each string: the width of its widest character, and how many bytes continue characters."""
_UNICODE: Final = ord("u")
_CODE_BYTES: Final = 6
_WORD: Final = 8
_HEX: Final = bytes(
    int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else 0xFF for byte in range(256)
)
"""By byte: its value as a hexadecimal digit."""


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


def texts_of(
    view: Bytes, starts: Places, ends: Places, wide: Leads | Wide | None, escapes: Places
) -> Texts:
    """Return what is known of strings, whose quotes are at `starts` and before `ends`.

    `wide` are the block's characters of several bytes, or what of these is known for each string;
    None if there are none. `escapes` are its escaping backslashes, which must be inside of these
    strings.

    Raises InvalidJsonError, with the offset in the block, for an escape that is none.
    """
    contents = ends - starts
    contents -= 2
    characters = contents
    escaped = np.zeros(len(starts), np.intp)
    widths = np.zeros(len(starts), np.uint8)
    has_lone_surrogate = False
    if isinstance(wide, Leads):
        wide = _wide(starts, ends, wide) if len(wide.places) and len(starts) else None
    if wide is not None:
        widths, continuations = wide
        characters = contents - continuations
    if len(escapes):
        owners = np.searchsorted(starts, escapes, side="right") - 1
        saved, code_widths, has_lone_surrogate = _escapes(view, escapes)
        escaped = np.bincount(owners, saved, minlength=len(starts)).astype(np.intp)
        characters = characters - escaped
        if code_widths.any():
            firsts = _firsts(owners)
            found = owners.take(firsts)
            most = np.maximum.reduceat(code_widths, firsts)
            widths[found] = np.maximum(widths.take(found), most)
    return Texts(
        contents=contents,
        characters=characters,
        widths=widths,
        escaped=escaped,
        are_plain=characters is contents,
        has_lone_surrogate=has_lone_surrogate,
    )


def _wide(starts: Places, ends: Places, leads: Leads) -> Wide:
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
    firsts = _firsts(owners)
    widths[owners.take(firsts)] = WIDTHS.take(np.maximum.reduceat(lead_bytes, firsts))
    more = _CONTINUATIONS.take(lead_bytes)
    return widths, np.bincount(owners, more, minlength=len(starts)).astype(np.intp)


def _firsts(owners: Places) -> Places:
    """Return where each owner is first, of owners in their order."""
    changes = (owners[1:] != owners[:-1]).nonzero()[0]
    changes += 1
    return np.concatenate((_FIRST, changes))


def _escapes(view: Bytes, escapes: Places) -> tuple[Places, Kinds, bool]:
    """Return how many bytes each escape takes beyond its character, and that one's width.

    The two halves of a surrogate pair are one character, counted with the first half.
    """
    letters = view.take(escapes + 1)
    saved = np.ones(len(escapes), np.intp)
    widths = np.zeros(len(escapes), np.uint8)
    is_code = letters == _UNICODE
    is_wrong = ~_SIMPLE.take(letters)
    is_wrong &= ~is_code
    if is_wrong.any():
        raise InvalidJsonError(
            int(escapes[np.argmax(is_wrong)]), "a backslash escapes nothing that it may"
        )
    at = is_code.nonzero()[0]
    if not len(at):
        return saved, widths, False
    codes_at = escapes.take(at)
    codes = _codes(view, codes_at)
    code_widths = (codes >= 0x80).view(np.uint8) + (codes >= 0x100).view(np.uint8)
    saved[at] = _CODE_BYTES - 1
    is_surrogate = (codes & 0xF800) == 0xD800
    has_lone_surrogate = False
    if is_surrogate.any():
        second, has_lone_surrogate = _pairs(codes, codes_at)
        saved[at] += second
        code_widths += second
        code_widths[:-1] += second[1:]
    widths[at] = code_widths
    return saved, widths, has_lone_surrogate


def _codes(view: Bytes, at: Places) -> _Codes:
    r"""Return the numbers of escapes like \u00e9; raise InvalidJsonError where one is none."""
    if int(at[-1]) + _WORD > len(view):
        view = np.concatenate((view, np.zeros(_WORD, np.uint8)))
    words = np.ndarray((len(view) - _WORD + 1,), "<u8", view, strides=(1,))[at]
    words >>= np.uint64(16)
    digits: _Codes = np.frombuffer(words.astype("<u4").tobytes().translate(_HEX), "<u4")
    if (digits & 0xF0F0F0F0).any():
        wrong = int(np.argmax((digits & 0xF0F0F0F0) != 0))
        raise InvalidJsonError(int(at[wrong]), r"\u is not followed by four hexadecimal digits")
    # The first digit is the lowest byte.
    parts = digits << 12 & 0xF000, digits & 0x0F00, digits >> 12 & 0x00F0, digits >> 24
    codes: _Codes = np.bitwise_or.reduce(parts)
    return codes


def _pairs(codes: _Codes, at: Places) -> tuple[Kinds, bool]:
    """Return which codes are the second half of a surrogate pair, and if others stand alone."""
    is_high = (codes & 0xFC00) == 0xD800
    is_low = (codes & 0xFC00) == 0xDC00
    second = np.zeros(len(codes), np.uint8)
    np.logical_and(is_high[:-1], is_low[1:], second[1:].view(np.bool_))
    second[1:] &= (at[1:] - at[:-1] == _CODE_BYTES).view(np.uint8)
    first = np.zeros(len(codes), np.bool_)
    first[:-1] = second[1:]
    is_lone = (is_high & ~first) | (is_low & ~second.view(np.bool_))
    return second, bool(is_lone.any())
