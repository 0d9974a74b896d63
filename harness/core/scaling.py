"""The scaling law of a worker: how its peak grows with the size of the snapshot."""

from collections.abc import Sequence

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """peak = base + slope x input: `base_bytes`, and `slope` in bytes per input byte."""

    base_bytes: float
    slope: float


def fit_line(points: Sequence[tuple[int, int]]) -> Line | None:
    """Return the least-squares line through (input bytes, peak bytes).

    None where fewer than two sizes differ: one size has no slope.
    """
    count = len(points)
    if len({size for size, _ in points}) < 2:
        return None
    mean_size = sum(size for size, _ in points) / count
    mean_peak = sum(peak for _, peak in points) / count
    spread = sum((size - mean_size) ** 2 for size, _ in points)
    joint = sum((size - mean_size) * (peak - mean_peak) for size, peak in points)
    slope = joint / spread
    return Line(base_bytes=mean_peak - slope * mean_size, slope=slope)
