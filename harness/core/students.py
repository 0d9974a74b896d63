"""Student's t distribution for whole degrees of freedom: what a few repeats allow to be said.

The finite sums are 26.7.3 and 26.7.4 of Abramowitz and Stegun, *Handbook of Mathematical
Functions* (https://personal.math.ubc.ca/~cbm/aands/page_948.htm).
"""

import functools
import math
from typing import Final

_HALVINGS: Final = 200


def cumulative(t: float, freedom: int) -> float:
    """Return the probability that a value of Student's t distribution is at most `t`.

    `freedom` are the degrees of freedom, 1 or more.
    """
    return 0.5 + math.copysign(_between(abs(t), freedom) / 2, t)


def _between(t: float, freedom: int) -> float:
    """Return the probability that a value lies between -t and t."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    if freedom % 2 == 0:
        return min(1.0, sine * _sum(square, range(1, freedom - 2, 2)))
    inner = math.cos(angle) * sine * _sum(square, range(2, freedom - 2, 2)) if freedom > 1 else 0.0
    return min(1.0, (angle + inner) * 2 / math.pi)


def _sum(square: float, numerators: range) -> float:
    """Return 1 + n/(n+1) cos^2 + n/(n+1) (n+2)/(n+3) cos^4 + ..., with n from `numerators`."""
    term = total = 1.0
    for numerator in numerators:
        term *= square * numerator / (numerator + 1)
        total += term
    return total


@functools.lru_cache(maxsize=1024)
def quantile(probability: float, freedom: int) -> float:
    """Return the t that a value stays below with `probability`, from 0.5 to less than 1."""
    low, high = 0.0, 1.0
    while cumulative(high, freedom) < probability:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if cumulative(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return high
