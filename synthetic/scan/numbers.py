"""Numbers and literals: told apart by their text, and checked."""

from typing import Final

import numpy as np

from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Bytes, Flags, Kind, Kinds, Places

_DIGIT: Final = 1
_MINUS: Final = 2
_FRACTION: Final = 4  # . e E +
_OTHER: Final = 8


def _class_of(byte: int) -> int:
    if chr(byte) in "0123456789":
        return _DIGIT
    if chr(byte) in ".eE+":
        return _FRACTION
    return _MINUS if byte == ord("-") else _OTHER


_CLASSES: Final = np.array([_class_of(byte) for byte in range(256)], np.uint8)
_LITERALS: Final = {b"true": Kind.TRUE, b"false": Kind.FALSE, b"null": Kind.NULL}
_WORD: Final = 4


def kinds_of_scalars(view: Bytes, starts: Places, ends: Places) -> Kinds:
    """Return the kind of each scalar of a text: INTEGER, FLOAT, TRUE, FALSE or NULL.

    Raises InvalidJsonError, with the offset in the text, for the first that is none of these.
    """
    kinds = np.full(len(starts), Kind.INTEGER, np.uint8)
    firsts = view.take(starts)
    is_word = _CLASSES.take(firsts) == _OTHER
    words = np.flatnonzero(is_word)
    if len(words):
        kinds[words] = _literals(view, starts.take(words), ends.take(words))
    numbers = np.flatnonzero(~is_word) if len(words) else np.arange(len(starts))
    if len(numbers):
        kinds[numbers] = _numbers(view, starts.take(numbers), ends.take(numbers))
    return kinds


def _literals(view: Bytes, starts: Places, ends: Places) -> Kinds:
    kinds = np.zeros(len(starts), np.uint8)
    lengths = ends - starts
    for word, kind in _LITERALS.items():
        found = np.flatnonzero(lengths == len(word))
        for index, byte in enumerate(word):
            found = found.compress(view.take(starts.take(found) + index) == byte)
        kinds[found] = kind
    if not kinds.all():
        bad = int(np.argmin(kinds))
        raise InvalidJsonError(int(starts[bad]), _not_json(view, int(starts[bad]), int(ends[bad])))
    return kinds


def _numbers(view: Bytes, starts: Places, ends: Places) -> Kinds:
    """Tell integers from floats; each begins with a digit, a sign, a point or an exponent."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    places = np.repeat(starts - before, lengths)
    places += np.arange(len(places))
    text = view.take(places)
    classes = _CLASSES.take(text)
    seen = np.bitwise_or.reduceat(classes, before)
    bad = np.flatnonzero(
        (seen >= _OTHER)
        | _starts_wrong(view, starts, lengths)
        | (_CLASSES.take(view.take(ends - 1)) != _DIGIT)
    )
    kinds = np.where(seen & _FRACTION, Kind.FLOAT, Kind.INTEGER).astype(np.uint8)
    # A sign or a point inside: only these need a closer look.
    inner = np.flatnonzero(seen & (_FRACTION | _MINUS | _OTHER))
    if len(inner):
        wrong = _wrong_inside(text, classes, before)
        bad = np.union1d(bad, wrong)
    if len(bad):
        first = int(bad[0])
        start, end = int(starts[first]), int(ends[first])
        raise InvalidJsonError(start, _not_json(view, start, end))
    return kinds


def _starts_wrong(view: Bytes, starts: Places, lengths: Places) -> Flags:
    """Whether a number's first digit is missing, or is a zero before another digit."""
    signed = view.take(starts) == ord("-")
    firsts = starts + signed
    last = len(view) - 1
    is_digit = _CLASSES.take(view.take(np.minimum(firsts, last))) == _DIGIT
    missing = (lengths <= signed) | ~is_digit
    seconds = np.minimum(firsts + 1, last)
    has_second = lengths > 1 + signed
    zeros = view.take(np.minimum(firsts, last)) == ord("0")
    wrong: Flags = missing | (zeros & has_second & (_CLASSES.take(view.take(seconds)) == _DIGIT))
    return wrong


def _wrong_inside(text: Bytes, classes: Kinds, before: Places) -> Places:
    """Return the numbers whose points, exponents or signs are wrong, of numbers put together.

    Checked are neighbours: a point is between digits; an exponent follows a digit, and a digit or
    a sign follows it; a sign is first or follows an exponent. A second point or exponent, and a
    point behind an exponent, are found by their order.
    """
    special = np.flatnonzero(classes != _DIGIT)
    special = special.compress(special != before.take(_owners(before, special)))
    if not len(special):
        return np.empty(0, np.intp)
    owners = _owners(before, special)
    here = text.take(special)
    ahead = text.take(special - 1)
    behind = text.take(np.minimum(special + 1, len(text) - 1))
    behind_classes = _CLASSES.take(behind)
    is_point = here == ord(".")
    is_exponent = (here | 0x20) == ord("e")
    is_sign = (here == ord("+")) | (here == ord("-"))
    follows_digit = _CLASSES.take(ahead) == _DIGIT
    follows_exponent = (ahead | 0x20) == ord("e")
    digit_behind = behind_classes == _DIGIT
    sign_behind = (behind == ord("+")) | (behind == ord("-"))
    fine = (
        (is_point & follows_digit & digit_behind)
        | (is_exponent & follows_digit & (digit_behind | sign_behind))
        | (is_sign & follows_exponent & digit_behind)
    )
    wrong = ~fine
    # Of two that follow each other in one number: point then exponent is the only order, but for
    # the sign behind its exponent.
    same = np.zeros(len(special), np.bool_)
    same[1:] = owners[1:] == owners[:-1]
    after_other = np.zeros(len(special), np.bool_)
    after_other[1:] = ~is_point[:-1] & same[1:]
    wrong |= is_point & same
    wrong |= is_exponent & after_other
    return np.unique(owners.compress(wrong))


def _owners(before: Places, places: Places) -> Places:
    return np.searchsorted(before, places, side="right") - 1


def _not_json(view: Bytes, start: int, end: int) -> str:
    text = view[start : min(end, start + 24)].tobytes().decode("utf-8", "replace")
    return f"{text!r} is no JSON value"
