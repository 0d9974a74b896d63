"""Numerals: templates of numbers, as long in the text and in memory as the shape says."""

import functools
from typing import Final

from synthetic.making.holes import DIGIT, FIRST_DIGIT
from synthetic.shape import Floats, Integers

_DIGIT: Final = bytes([DIGIT])
_FIRST: Final = bytes([FIRST_DIGIT])
_LIMB_BITS: Final = 30
_MOST_PREFIXES: Final = 90
_LEAST_SHARED: Final = -5
_MOST_SHARED: Final = 256
_MOST_KEPT: Final = 1024


def integer_templates(class_: Integers) -> tuple[bytes, ...]:
    """Return templates of integers of a class, to be used in turn.

    Raises ValueError if there are no such integers.
    """
    # Very many places have the same few classes.
    return _integer_templates(class_.characters, class_.limbs, is_negative=class_.negative)


@functools.lru_cache(maxsize=_MOST_KEPT)
def _integer_templates(characters: int, limbs: int, *, is_negative: bool) -> tuple[bytes, ...]:
    sign = b"-" if is_negative else b""
    digits = characters - len(sign)
    low, high = _bounds(digits, limbs, is_negative=is_negative)
    if low > high:
        raise ValueError(f"no integer of {characters} characters has {limbs} limbs of 30 bits")
    if limbs == 0:
        return tuple(b"%b%d" % (sign, value) for value in range(low, high + 1))
    for known in range(1, digits + 1):
        unit = 10 ** (digits - known)
        first, last = -(-low // unit), (high + 1) // unit - 1
        if first <= last:
            last = min(last, first + _MOST_PREFIXES - 1)
            rest = _DIGIT * (digits - known)
            return tuple(b"%b%d%b" % (sign, prefix, rest) for prefix in range(first, last + 1))
    raise AssertionError("a single integer is its own prefix")


def _bounds(digits: int, limbs: int, *, is_negative: bool) -> tuple[int, int]:
    """Return the least and the greatest magnitude of integers of a class."""
    if digits < 1:
        return 1, 0
    low = 10 ** (digits - 1) if digits > 1 else 0
    high = 10**digits - 1
    if limbs == 0:
        shared = -_LEAST_SHARED if is_negative else _MOST_SHARED
        return max(low, int(is_negative)), min(high, shared)
    if limbs == 1:
        low = max(low, (-_LEAST_SHARED if is_negative else _MOST_SHARED) + 1)
    else:
        low = max(low, 1 << _LIMB_BITS * (limbs - 1))
    return low, min(high, (1 << _LIMB_BITS * limbs) - 1)


def float_template(class_: Floats) -> bytes:
    """Return the template of floats of a class.

    Raises ValueError if there are no such floats.
    """
    sign = b"-" if class_.negative else b""
    rest = class_.characters - len(sign) - class_.whole
    if class_.whole < 1 or rest < 2:
        raise ValueError(
            f"no float of {class_.characters} characters has {class_.whole} "
            "before its point or exponent"
        )
    whole = _DIGIT if class_.whole == 1 else _FIRST + _DIGIT * (class_.whole - 1)
    return sign + whole + (_exponent(rest) if class_.has_exponent else _fraction(rest))


def _fraction(length: int) -> bytes:
    return b"." + _DIGIT * (length - 2) + _FIRST


def _exponent(length: int) -> bytes:
    match length:
        case 2:
            return b"e" + _FIRST
        case 3:
            return b"e-" + _FIRST
        case 4:
            return b"." + _FIRST + b"e" + _FIRST
        case _:
            return b"." + _DIGIT * (length - 4) + b"e-" + _FIRST
