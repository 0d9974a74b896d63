"""Pools: pieces of JSON text made once, of which records then draw one each."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import Dice, Draws, DrawStream, scaled
from synthetic.rows import Counts, Pieces

S = TypeVar("S", bound=np.generic)

POOL_SIZE = 512
"""Pieces in a pool: so many that gzip, which looks back 32 KiB, seldom meets one twice, and so few
that the pools stay near the processor (measured: twice as many cost a tenth of the speed)."""


def pool(dice: Dice, render: Callable[[Dice], str], *, size: int = POOL_SIZE) -> Pieces:
    """Return a pool of ``size`` pieces that ``render`` made."""
    return pieces_of(render(dice).encode() for _ in range(size))


def pieces_of(texts: Iterable[bytes]) -> Pieces:
    """Return the texts as pieces."""
    return np.array(list(texts), dtype=object)


def drawn(pools: Sequence[NDArray[S]], draws: Draws) -> list[NDArray[S]]:
    """Return a column for each pool; ``draws`` has a row per record and a column per pool."""
    return [pool[scaled(draws[:, index], len(pool))] for index, pool in enumerate(pools)]


def drawn_columns(pools: Sequence[Pieces], stream: DrawStream, count: int) -> list[Pieces]:
    """Return a column of ``count`` pieces for each pool, drawn from the stream."""
    return drawn(pools, stream.rows(count, width=len(pools)))


def skewed_counts(*, limit: int) -> Counts:
    """Return counts of 0..limit to draw from: few are common, many are rare (a Zipf-like tail)."""
    weights = [6 * limit * limit // (count + 2) ** 2 for count in range(limit + 1)]
    return np.repeat(np.arange(limit + 1), weights)


def digits(width: int) -> Pieces:
    """Return the last ``width`` digits that a number can have, in order."""
    return pieces_of(b"%0*d" % (width, number) for number in range(10**width))


def decimals(width: int) -> Pieces:
    """Return the decimals that a number can have, point included, in order."""
    return pieces_of(b".%0*d" % (width, number) for number in range(10**width))


def hundredths(number: int) -> str:
    """Return the number of hundredths with two decimals, without ever making a float of it."""
    return f"{number // 100}.{number % 100:02d}"


def moment(dice: Dice) -> str:
    """Return a moment of the years 2019 to 2025, in UTC."""
    date = f"{dice.between(2019, 2025)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}"
    seconds = dice.below(24 * 60 * 60)
    return f"{date}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"


def json_strings(texts: Iterable[str]) -> str:
    """Return a JSON array of texts, none of which needs escaping."""
    return "[" + ",".join(f'"{text}"' for text in texts) + "]"
