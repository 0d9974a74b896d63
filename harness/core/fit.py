"""Which curve a few points follow: a line, a square, a step, or none of these.

Points come with their noise, and errors are relative: a worker's small peaks are to be met as well
as its large ones, so a residual counts by its share of the peak.
"""

import enum
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

# A line may miss peaks by this share. Real workers do: a table that doubles while it fills is half
# empty at one size and full at the next, and a dictionary of 235,000 keys is 2 % of its document.
LINEAR_WITHIN: Final = 0.05
# A rise across all sizes of less than this share of the peak is none.
_FLAT_WITHIN: Final = 0.02
# What a container's growth makes is never this large a share of what was there before.
_SMALLEST_STEP: Final = 0.10
_NOISES: Final = 2


class Shape(enum.StrEnum):
    """How the peak depends on the size of the snapshot.

    Attributes:
        LINEAR: a line meets every peak within 5 %, or within the noise; a flat one too.
        UNCHECKED: two sizes, through which a line always goes.
        QUADRATIC: the square of the size is in it.
        STEP: two groups of sizes, each flat or on parallel lines, with a jump between them.
        NOT_LINEAR: none of these.
        UNKNOWN: fewer than two sizes completed.

    """

    LINEAR = "linear"
    UNCHECKED = "unchecked"
    QUADRATIC = "quadratic"
    STEP = "step"
    NOT_LINEAR = "not_linear"
    UNKNOWN = "unknown"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A value `y` at `x`; `noise` is the difference below which two values are the same."""

    x: int
    y: int
    noise: int = 0

    @property
    def tolerance(self) -> float:
        """How far a curve may be from this point and still meet it; never zero."""
        return max(_NOISES * self.noise, LINEAR_WITHIN * self.y, 1.0)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """y = base + slope * x; of a scaling law in bytes, and bytes per input byte."""

    base: float
    slope: float

    def at(self, x: float) -> float:
        """Return y at `x`."""
        return self.base + self.slope * x


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        line: the best line, also where the points follow none; None below two sizes.
        error: the largest residual of the line as a share of the value; None below three sizes.
        is_flat: the line rises by less than the noise, or 2 % of the largest value, in all.

    """

    shape: Shape
    line: Line | None = None
    error: float | None = None
    is_flat: bool = False


def fit_line(
    points: Sequence[tuple[int, int]], weights: Sequence[float] | None = None
) -> Line | None:
    """Return the line of least squares through points (x, y).

    None where fewer than two x differ: one size has no slope.
    """
    if len({x for x, _ in points}) < 2:
        return None
    weights = weights or [1.0] * len(points)
    total = sum(weights)
    weighted = list(zip(points, weights, strict=True))
    mean_x = sum(weight * x for (x, _), weight in weighted) / total
    mean_y = sum(weight * y for (_, y), weight in weighted) / total
    spread = sum(weight * (x - mean_x) ** 2 for (x, _), weight in weighted)
    joint = sum(weight * (x - mean_x) * (y - mean_y) for (x, y), weight in weighted)
    slope = joint / spread
    return Line(base=mean_y - slope * mean_x, slope=slope)


def fit_shape(points: Sequence[Point]) -> Fit:
    """Return the curve that `points`, one for each x, follow: the simplest that meets them all.

    Each curve must have fewer free numbers than there are points, or it would meet anything.
    """
    points = sorted(points, key=lambda point: point.x)
    weights = [point.tolerance**-2 for point in points]
    line = fit_line([(point.x, point.y) for point in points], weights)
    if line is None:
        return Fit(shape=Shape.UNKNOWN)
    is_flat = _is_flat(points, line)
    if len(points) == 2:
        return Fit(shape=Shape.UNCHECKED, line=line, is_flat=is_flat)
    residuals = [point.y - line.at(point.x) for point in points]
    error = max(abs(r) / max(1, p.y) for r, p in zip(residuals, points, strict=True))
    if _meets(points, residuals):
        return Fit(shape=Shape.LINEAR, line=line, error=error, is_flat=is_flat)
    shape = next((shape for shape, fits in _CURVES if fits(points)), Shape.NOT_LINEAR)
    return Fit(shape=shape, line=line, error=error)


def _is_flat(points: Sequence[Point], line: Line) -> bool:
    rise = line.slope * (points[-1].x - points[0].x)
    highest = max(points, key=lambda point: point.y)
    return abs(rise) <= max(_NOISES * highest.noise, _FLAT_WITHIN * highest.y)


def _meets(points: Sequence[Point], residuals: Sequence[float]) -> bool:
    return all(abs(r) <= p.tolerance for r, p in zip(residuals, points, strict=True))


def _is_pure_square(points: Sequence[Point]) -> bool:
    """Whether y = a + c x^2 with c > 0: two free numbers, so three points can deny it."""
    return _rises_as(points, [_power(points, 0), _power(points, 2)])


def _is_square(points: Sequence[Point]) -> bool:
    """Whether y = a + b x + c x^2 with c > 0 and no fall between the points."""
    if len(points) < 4:
        return False
    return _rises_as(points, [_power(points, 0), _power(points, 1), _power(points, 2)])


def _rises_as(points: Sequence[Point], columns: Sequence[Sequence[float]]) -> bool:
    residuals, last = _project(points, columns)
    met = [point.y - r for point, r in zip(points, residuals, strict=True)]
    rises = all(after >= before for before, after in itertools.pairwise(met))
    return last > 0 and rises and _meets(points, residuals)


def _is_flat_step(points: Sequence[Point]) -> bool:
    """Whether two flat groups with a jump up between them; each is of two points at least."""
    return any(
        _jumps(points, [_power(points, 0), step], split) for split, step in _steps(points, least=4)
    )


def _is_parallel_step(points: Sequence[Point]) -> bool:
    """Whether two groups on parallel lines with a jump up between them."""
    return any(
        _jumps(points, [_power(points, 0), _power(points, 1), step], split)
        for split, step in _steps(points, least=5)
    )


def _steps(points: Sequence[Point], *, least: int) -> Iterator[tuple[int, list[float]]]:
    """Yield each place of a step, where there are as many points as deny one, and its column."""
    if len(points) >= least:
        for split in range(2, len(points) - 1):
            yield split, [float(index >= split) for index in range(len(points))]


def _jumps(points: Sequence[Point], columns: Sequence[Sequence[float]], split: int) -> bool:
    residuals, jump = _project(points, columns)
    return jump > _SMALLEST_STEP * points[split - 1].y and _meets(points, residuals)


# The simplest first.
_CURVES: Final[tuple[tuple[Shape, Callable[[Sequence[Point]], bool]], ...]] = (
    (Shape.QUADRATIC, _is_pure_square),
    (Shape.STEP, _is_flat_step),
    (Shape.QUADRATIC, _is_square),
    (Shape.STEP, _is_parallel_step),
)


def _power(points: Sequence[Point], exponent: int) -> list[float]:
    """Return the powers of x, which is counted from 0 to 1 so that none is too large a number."""
    largest = points[-1].x
    return [(point.x / largest) ** exponent for point in points]


def _project(
    points: Sequence[Point], columns: Sequence[Sequence[float]]
) -> tuple[list[float], float]:
    """Return the residuals of weighted least squares on `columns`, and the last one's coefficient.

    By Gram and Schmidt: each column is freed of those before it. What the last one then explains
    is its coefficient in the whole fit (the theorem of Frisch, Waugh and Lovell).
    """
    weights = [point.tolerance**-2 for point in points]

    def product(left: Sequence[float], right: Sequence[float]) -> float:
        return sum(w * a * b for w, a, b in zip(weights, left, right, strict=True))

    residuals = [float(point.y) for point in points]
    freed: list[list[float]] = []
    coefficient = 0.0
    for column in columns:
        rest = list(column)
        for basis in freed:
            share = product(rest, basis) / product(basis, basis)
            rest = [a - share * b for a, b in zip(rest, basis, strict=True)]
        length = product(rest, rest)
        if length <= 1e-20 * product(column, column):
            return residuals, 0.0  # it says nothing that those before do not say
        coefficient = product(residuals, rest) / length
        residuals = [r - coefficient * b for r, b in zip(residuals, rest, strict=True)]
        freed.append(rest)
    return residuals, coefficient
