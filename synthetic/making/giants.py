"""Giants: values so large that each is made on its own, as a stream, at its place in the file."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from synthetic.making.quotas import Sizes
from synthetic.shape import Bin

HEAVY_BYTES: Final = 1 << 20
"""Values as large as this are giants, even if a shape has them among the others."""
_MOST: Final = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Giant:
    """A giant: where it begins, as a share of the file, and its elements, keys or characters."""

    at: float
    size: int


def heavy_parted(bins: Sequence[Bin], mean_bytes: tuple[int, int]) -> tuple[list[Bin], list[Giant]]:
    """Return the bins of usual values, and as giants the values of the others.

    `mean_bytes` is what each element or character has, as a fraction. Raises ValueError for more
    large values than any file has.
    """
    light: list[Bin] = []
    heavy: list[Giant] = []
    part, whole = mean_bytes
    for bin_ in bins:
        if not bin_.count:
            continue
        if bin_.total * part < HEAVY_BYTES * bin_.count * whole:
            light.append(bin_)
            continue
        if bin_.count > _MOST:
            raise ValueError(f"{bin_.count} values of {bin_.low} to {bin_.high} are too much")
        sizes = Sizes(low=bin_.low, high=bin_.high, count=bin_.count, total=bin_.total)
        heavy += [
            Giant(at=index / bin_.count, size=size)
            for index, size in enumerate(sizes.take(bin_.count))
        ]
    return light, heavy
