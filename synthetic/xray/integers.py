"""What the integers of a block cost, in every parser and in each."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Bytes, Flags, Places
from synthetic.xray.costs import Allocator, Costs
from synthetic.xray.model import CostModel

_MINUS: Final = ord("-")
_ZERO: Final = ord("0")
_SHORT: Final = 4
_LEADING: Final = 15
_BITS_PER_DIGIT: Final = math.log2(10)
_WIDE_DIGITS: Final = 19
_MOST_UNSIGNED: Final = 64.0
_MOST_NEGATIVE: Final = 63.0


class IntegerCosts:
    """What integers cost, where parsers differ and where they do not."""

    def __init__(self, model: CostModel, allocator: Allocator) -> None:
        """Make the tables of a model."""
        self._model = model
        self._allocator = allocator
        # Integers of one size class need no closer look at how many limbs they have.
        limbs = np.arange(1, 64)
        sizes = allocator.resident(limbs * model.limb + model.integer_head)
        self._same_limbs = int(np.count_nonzero(sizes == sizes[0]))
        self._float = float(allocator.resident(np.array([model.float_bytes], np.intp))[0])

    def common(self, view: Bytes, starts: Places, ends: Places) -> Costs:
        """Return what integers cost; those that are shared cost nothing."""
        model = self._model
        is_negative = view.take(starts) == _MINUS
        digits = ends - starts - is_negative
        limbs = np.ones(len(starts), np.intp)
        several = np.flatnonzero(digits * _BITS_PER_DIGIT > model.limb_bits * self._same_limbs)
        if len(several):
            bits = _bits(view, ends.take(several), digits.take(several))
            limbs[several] = np.floor(bits).astype(np.intp) // model.limb_bits + 1
        costs = self._allocator.resident(limbs * model.limb + model.integer_head)
        short = np.flatnonzero(digits <= _SHORT)
        values = _values(view, ends.take(short), digits.take(short), is_negative.take(short))
        low, high = model.shared_integers
        costs[short.compress((values >= low) & (values <= high))] = 0.0
        return costs

    def as_floats(
        self, view: Bytes, starts: Places, ends: Places, common: Costs
    ) -> tuple[Places, Costs]:
        """Return which integers are beyond 64 bits, and what they cost more or less as floats."""
        wide = np.flatnonzero(ends - starts >= _WIDE_DIGITS)
        if not len(wide):
            return wide, np.empty(0)
        is_negative = view.take(starts.take(wide)) == _MINUS
        digits = ends.take(wide) - starts.take(wide) - is_negative
        bits = _bits(view, ends.take(wide), digits)
        wide = wide.compress(bits > np.where(is_negative, _MOST_NEGATIVE, _MOST_UNSIGNED))
        return wide, self._float - common.take(wide)


def _bits(view: Bytes, ends: Places, digits: Places) -> NDArray[np.float64]:
    """Return the binary logarithms of integers, from their first 15 digits."""
    counts = np.minimum(digits, _LEADING)
    leading = np.zeros(len(ends))
    firsts = ends - digits
    for place in range(_LEADING):
        here = np.flatnonzero(counts > place)
        leading[here] = leading.take(here) * 10 + (view.take(firsts.take(here) + place) - _ZERO)
    result: NDArray[np.float64] = np.log2(np.maximum(leading, 1.0))
    return result + (digits - counts) * _BITS_PER_DIGIT


def _values(view: Bytes, ends: Places, digits: Places, is_negative: Flags) -> Places:
    """Return the values of integers of four digits at most."""
    values = np.zeros(len(ends), np.intp)
    for place in range(_SHORT):
        here = digits > place
        digit = view.take(np.maximum(ends - 1 - place, 0)).astype(np.intp) - _ZERO
        values += np.where(here, digit * 10**place, 0)
    return np.where(is_negative, -values, values)
