"""Numbers and literals: told apart by their text, and checked."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.bits import places_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import (
    FALSE,
    FLOAT,
    INTEGER,
    NULL,
    TRUE,
    Bytes,
    Flags,
    Kind,
    Kinds,
    Places,
)
from synthetic.scan.marks import Marks

_TO_LOWER: Final = np.uint8(0x20)
_ZERO: Final = np.uint8(ord("0"))
_A: Final = np.uint8(ord("a"))
_E: Final = ord("e")
_WORD: Final = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Oddities:
    """What of a text's scalars is no digit, and has to be looked at.

    Attributes:
        specials: the signs, points and exponents, and all that is neither these nor a letter.
        strays: letters in numbers.

    """

    specials: Places
    strays: Places

    def before(self, end: int) -> "Oddities":
        """Return those before a byte."""
        return Oddities(
            specials=self.specials[: np.searchsorted(self.specials, end)],
            strays=self.strays[: np.searchsorted(self.strays, end)],
        )


def oddities_of(marks: Marks) -> Oddities:
    """Return what is odd about the scalars of a text, found byte by byte."""
    digits, odd, _ = marks.spare
    np.less(np.subtract(marks.padded, _ZERO, digits.view(np.uint8)), 10, digits)
    np.greater(marks.scalars, digits, odd)  # where the one is set and the other is not
    places = places_of(odd)
    if not len(places):
        return Oddities(specials=places, strays=places)
    # The first byte of a text has none before it, but then it can be no stray.
    before = np.maximum(places - 1, 0)
    lower = marks.lower.take(places)
    letters = _are_letters(lower)
    exponents = digits.take(before)
    exponents &= lower == _E
    numeric_before = marks.scalars.take(before)
    numeric_before &= ~_are_letters(marks.lower.take(before))
    strays = letters & numeric_before
    strays &= ~exponents
    specials = ~letters
    specials |= exponents
    return Oddities(specials=places.compress(specials), strays=places.compress(strays))


def _are_letters(lower: Bytes) -> Flags:
    letters: Flags = (lower - _A) < 26
    return letters


def _are_digits(characters: Bytes) -> Flags:
    digits: Flags = (characters - _ZERO) < 10
    return digits


def kinds_of_scalars(padded: Bytes, starts: Places, ends: Places, odd: Oddities) -> Kinds:
    """Return the kind of each scalar of a text: INTEGER, FLOAT, TRUE, FALSE or NULL.

    Raises InvalidJsonError, with the offset in the text, for the first that is none of these.
    """
    kinds = np.full(len(starts), INTEGER, np.uint8)
    firsts = padded.take(starts)
    signed = firsts == ord("-")
    is_word = ~(_are_digits(firsts) | signed)
    wrong: list[Places] = []
    words = np.flatnonzero(is_word)
    if len(words):
        kinds[words] = _literals(padded, starts.take(words), ends.take(words))
        wrong.append(words.compress(kinds.take(words) == Kind.START))
    may_lead = np.flatnonzero((firsts == _ZERO) | signed)
    if len(may_lead):
        first_digits = starts.take(may_lead) + signed.take(may_lead)
        leads = (padded.take(first_digits) == _ZERO) & _are_digits(padded.take(first_digits + 1))
        wrong.append(may_lead.compress(leads))
    if len(odd.strays):
        wrong.append(_owners(starts, odd.strays))
    if len(odd.specials):
        wrong.append(_look_at(padded, starts, odd.specials, kinds))
    first = min((int(found.min()) for found in wrong if len(found)), default=None)
    if first is not None:
        start, end = int(starts[first]), int(ends[first])
        raise InvalidJsonError(start, _not_json(padded, start, end))
    return kinds


def _literals(padded: Bytes, starts: Places, ends: Places) -> Kinds:
    """Return TRUE, FALSE and NULL of words, and START of those that are none of these."""
    # Not `take`, which would first copy all that may be taken.
    words = np.ndarray((len(padded) - _WORD + 1,), "<u4", padded, strides=(1,))[starts]
    lengths = ends - starts
    is_short = lengths == _WORD
    are_true = is_short & (words == int.from_bytes(b"true", "little"))
    are_null = is_short & (words == int.from_bytes(b"null", "little"))
    are_false = (lengths == _WORD + 1) & (words == int.from_bytes(b"fals", "little"))
    are_false &= padded.take(starts + _WORD) == ord("e")
    kinds: Kinds = are_true * np.uint8(TRUE)
    kinds += are_false * np.uint8(FALSE)
    kinds += are_null * np.uint8(NULL)
    return kinds


def _look_at(padded: Bytes, starts: Places, specials: Places, kinds: Kinds) -> Places:
    """Return the scalars whose points, exponents or signs are wrong; mark those that are floats.

    A point is between digits; an exponent follows a digit, and a digit or a sign follows it; a
    sign is first or follows an exponent, and a digit follows it. Of points and exponents in one
    number, a point before an exponent is all there may be.
    """
    here = padded.take(specials)
    # The first byte of a text has none before it, but then only a minus may be special.
    ahead = padded.take(np.maximum(specials - 1, 0))
    behind = padded.take(specials + 1)
    owners = _owners(starts, specials)
    is_point = here == ord(".")
    is_exponent = (here | _TO_LOWER) == ord("e")
    is_sign = (here == ord("+")) | (here == ord("-"))
    digit_behind = _are_digits(behind)
    sign_behind = (behind == ord("+")) | (behind == ord("-"))
    leads = (here == ord("-")) & (specials == starts.take(owners))
    fine = is_point & _are_digits(ahead) & digit_behind
    fine |= is_exponent & (digit_behind | sign_behind)
    fine |= is_sign & digit_behind & (leads | ((ahead | _TO_LOWER) == ord("e")))
    marks = np.flatnonzero(is_point | is_exponent)
    mark_owners = owners.take(marks)
    same = mark_owners[1:] == mark_owners[:-1]
    in_order = is_point.take(marks[:-1]) & is_exponent.take(marks[1:])
    numbers = mark_owners.compress(kinds.take(mark_owners) == INTEGER)
    kinds[numbers] = FLOAT
    return np.concatenate((owners.compress(~fine), mark_owners[1:].compress(same & ~in_order)))


def _owners(starts: Places, places: Places) -> Places:
    return np.searchsorted(starts, places, side="right") - 1


def _not_json(padded: Bytes, start: int, end: int) -> str:
    text = padded[start : min(end, start + 24)].tobytes().decode("utf-8", "replace")
    return f"{text!r} is no JSON value"
