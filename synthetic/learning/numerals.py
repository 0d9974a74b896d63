"""Numbers by class: what decides their memory and their text, and nothing of their digits."""

import dataclasses
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Bytes, Flags, Places

_MINUS: Final = ord("-")
_ZERO: Final = np.uint8(ord("0"))
_E: Final = ord("e")
_TO_LOWER: Final = np.uint8(0x20)
_MOST_SHARED: Final = 256
_MOST_SHARED_NEGATIVE: Final = 5
_LIMB_BITS: Final = 30
_SHORTEST_LARGE: Final = 10
"""Integers of fewer digits have one limb."""
_WORD: Final = 8
_STEPS: Final = [1 << (_LIMB_BITS * limbs) for limbs in range(1, 129)]
_STEP_DIGITS: Final = np.array([len(str(step)) for step in _STEPS], np.intp)
_STEP_WORDS: Final = np.array(
    [int.from_bytes(str(step)[:_WORD].encode(), "big") for step in _STEPS], np.uint64
)
"""The first digits of each step, as one number in the order of their values."""
_NEGATIVE: Final = np.uint8(4)
_EXPONENT: Final = np.uint8(2)
_STRIDES: Final = 64
_EXPONENT_CHARACTERS: Final = 7
_DIGITS_OF_LIMB: Final = _LIMB_BITS * math.log10(2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classes:
    """The class of each of some numbers.

    Attributes:
        characters: of each in the text.
        details: of an integer, its limbs; of a float, its digits before the point or exponent.
        flags: NEGATIVE where a minus stands first, EXPONENT where a float has one.

    """

    characters: Places
    details: Places
    flags: Bytes


def integer_classes(view: Bytes, starts: Places, ends: Places) -> Classes:
    """Return the classes of integers."""
    characters = ends - starts
    negative = view.take(starts) == _MINUS
    digits = characters
    flags = negative.view(np.uint8)
    if negative.any():
        digits = characters - negative
        flags = flags * _NEGATIVE
    limbs = (digits > 2).astype(np.intp)
    doubtful = (digits == 3).nonzero()[0]
    if len(doubtful):
        at = starts.take(doubtful)
        limbs[doubtful] = negative.take(doubtful) | (_leading(view, at, 3) > _MOST_SHARED)
    signed = (negative & (digits <= 2)).nonzero()[0]
    if len(signed):
        small = digits.take(signed) == 1
        values = _leading(view, starts.take(signed) + 1, 1)
        limbs[signed] = ~small | (values > _MOST_SHARED_NEGATIVE)
    if int(digits.max()) >= _SHORTEST_LARGE:
        large = (digits >= _SHORTEST_LARGE).nonzero()[0]
        firsts = (starts + negative).take(large)
        limbs[large] = _limbs_of_large(view, firsts, digits.take(large))
    return Classes(characters=characters, details=limbs, flags=flags)


def _limbs_of_large(view: Bytes, firsts: Places, digits: Places) -> Places:
    """Return the limbs of integers of ten digits and more.

    One more for each step that has fewer digits, and one where the step of as many is reached.
    """
    steps = np.searchsorted(_STEP_DIGITS, digits)
    limbs: Places = steps + 1
    at = np.flatnonzero(_STEP_DIGITS.take(steps, mode="clip") == digits)
    if len(at):
        words = np.ndarray((len(view) - _WORD + 1,), ">u8", view, strides=(1,))[firsts.take(at)]
        reached = _STEP_WORDS.take(steps.take(at))
        limbs[at] += words > reached
        for index in at.compress(words == reached).tolist():  # which hardly any are
            start = int(firsts[index])
            number = int(view[start : start + int(digits[index])].tobytes())
            limbs[index] += number >= _STEPS[steps[index]]
    huge = np.flatnonzero(steps == len(_STEPS))
    limbs[huge] = np.ceil(digits.take(huge) / _DIGITS_OF_LIMB)
    return limbs


def float_classes(view: Bytes, starts: Places, ends: Places) -> Classes:
    """Return the classes of floats."""
    characters = ends - starts
    negative = view.take(starts) == _MINUS
    firsts = starts + negative
    at = firsts + 1
    todo = np.arange(len(starts))
    for _ in range(_STRIDES):
        todo = todo.compress(_is_digit(view.take(at.take(todo))))
        if not len(todo):
            break
        at[todo] += 1
    for index in todo.tolist():  # of hundreds of digits, which are few
        at[index] += int(np.argmin(_is_digit(view[at[index] : ends[index]])))
    flags = negative * _NEGATIVE
    flags += _has_exponent(view, at, ends) * _EXPONENT
    return Classes(characters=characters, details=at - firsts, flags=flags)


def _has_exponent(view: Bytes, points: Places, ends: Places) -> Flags:
    """Return which of the numbers end in an exponent; one of more digits than any float needs."""
    found = np.zeros(len(points), np.bool_)
    for place in range(2, _EXPONENT_CHARACTERS):
        at = np.maximum(ends - place, points)
        found |= (view.take(at) | _TO_LOWER) == _E
    return found


def _is_digit(characters: Bytes) -> Flags:
    digits: Flags = (characters - _ZERO) < 10
    return digits


def _leading(view: Bytes, firsts: Places, count: int) -> NDArray[np.intp]:
    """Return the numbers that the first digits make."""
    values = np.zeros(len(firsts), np.intp)
    for place in range(count):
        values = values * 10 + (view.take(firsts + place) - _ZERO)
    return values
