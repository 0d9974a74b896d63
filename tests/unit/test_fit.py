"""Which curve a few points follow."""

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.fit import Point, Shape, fit_line, fit_shape

MIB = 2**20
MB = 10**6
THREE = (5, 50, 200)
FOUR = (5, 20, 50, 200)
FIVE = (5, 20, 50, 100, 200)


def points_of(
    curve: Callable[[float], float], sizes: tuple[int, ...], noise: float = 0.0001, seed: int = 0
) -> list[Point]:
    """Return points on `curve` (MB -> MiB), each off by up to `noise` of it."""
    dice = random.Random(seed)  # noqa: S311  (no secret)
    points = []
    for size in sizes:
        peak = curve(size) * MIB * (1 + dice.uniform(-noise, noise))
        floor = max(512 * 1024, int(peak * noise))
        points.append(Point(x=size * MB, y=int(peak), noise=floor))
    return points


@given(st.integers(-1000, 1000), st.integers(0, 10**9), st.sets(st.integers(1, 10**9), min_size=2))
def test_a_line_is_found_again(slope: int, base: int, sizes: set[int]) -> None:
    line = fit_line([(size, base + slope * size) for size in sizes])
    assert line is not None
    assert line.slope == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize("points", [[], [(5, 7)], [(5, 7), (5, 8), (5, 9)]])
def test_one_size_has_no_slope(points: list[tuple[int, int]]) -> None:
    assert fit_line(points) is None


def test_points_count_by_their_weight() -> None:
    line = fit_line([(0, 10), (0, 30), (100, 110), (100, 130)])
    assert line is not None
    assert line.base == pytest.approx(20)
    assert line.slope == pytest.approx(1)
    heavy = fit_line([(0, 10), (0, 30), (100, 110)], [1.0, 0.0, 1.0])
    assert heavy is not None
    assert heavy.base == pytest.approx(10)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.0001, 0.005, 0.02])
@pytest.mark.parametrize("sizes", [THREE, FOUR, FIVE, (1, 2, 3)])
@pytest.mark.parametrize("slope", [0.5, 7.9, 16.0])
def test_a_full_parse_is_linear(
    slope: float, sizes: tuple[int, ...], noise: float, seed: int
) -> None:
    fit = fit_shape(points_of(lambda size: 14 + slope * size / 1.048576, sizes, noise, seed))
    assert fit.shape is Shape.LINEAR
    assert fit.line is not None
    if sizes != (1, 2, 3):  # so small, the noise floor hides a small slope
        assert not fit.is_flat
    if noise < 0.001 and sizes in (FOUR, FIVE):
        assert fit.line.slope == pytest.approx(slope, rel=0.01)
        assert fit.line.base == pytest.approx(14 * MIB, rel=0.03)
        assert fit.error is not None
        assert fit.error < 0.001


@pytest.mark.parametrize("noise", [0.0001, 0.005])
@pytest.mark.parametrize("sizes", [THREE, FOUR, FIVE, (5, 50)])
def test_a_streaming_worker_is_flat(sizes: tuple[int, ...], noise: float) -> None:
    fit = fit_shape(points_of(lambda _: 25, sizes, noise))
    assert fit.is_flat
    assert fit.shape is (Shape.UNCHECKED if len(sizes) == 2 else Shape.LINEAR)


@pytest.mark.parametrize("noise", [0.0001, 0.005])
@pytest.mark.parametrize("sizes", [THREE, FOUR, FIVE, (1, 2, 3, 4)])
def test_a_square_is_named(sizes: tuple[int, ...], noise: float) -> None:
    fit = fit_shape(points_of(lambda size: 10 + 2.5 * size**2, sizes, noise))
    assert fit.shape is Shape.QUADRATIC
    assert fit.error is not None
    assert fit.error > 0.05


def test_a_square_beside_a_line_takes_four_sizes_to_see() -> None:
    def curve(size: float) -> float:
        return 10 + 8 * size + 0.1 * size**2

    assert fit_shape(points_of(curve, THREE)).shape is Shape.NOT_LINEAR
    assert fit_shape(points_of(curve, FOUR)).shape is Shape.QUADRATIC
    assert fit_shape(points_of(curve, FIVE)).shape is Shape.QUADRATIC


@pytest.mark.parametrize("noise", [0.0001, 0.005])
def test_a_step_is_named(noise: float) -> None:
    flat = points_of(lambda size: 25 if size < 40 else 150, FOUR, noise)
    assert fit_shape(flat).shape is Shape.STEP
    tilted = points_of(lambda size: 25 + 2 * size + (size > 40) * 400, FIVE, noise)
    assert fit_shape(tilted).shape is Shape.STEP


def test_three_sizes_do_not_show_a_step() -> None:
    fit = fit_shape(points_of(lambda size: 25 if size < 100 else 150, THREE))
    assert fit.shape is Shape.NOT_LINEAR


@pytest.mark.parametrize("sizes", [THREE, FOUR, FIVE])
def test_what_grows_ever_slower_is_none_of_them(sizes: tuple[int, ...]) -> None:
    assert fit_shape(points_of(lambda size: 10 + 60 * size**0.5, sizes)).shape is Shape.NOT_LINEAR


@pytest.mark.parametrize("sizes", [THREE, FOUR, FIVE, tuple(range(5, 200, 10))])
def test_a_table_that_doubles_while_it_fills_makes_no_step(sizes: tuple[int, ...]) -> None:
    """A dictionary of one key for each 340 bytes, as a real one grows, beside what it holds."""

    def curve(size: float) -> float:
        keys = size * MB / 340
        slots = 8
        while slots * 2 / 3 < keys:
            slots *= 2
        table = slots * 4 + slots * 2 / 3 * 24
        return 14 + (7 * size * MB + table) / MIB

    fit = fit_shape(points_of(curve, sizes))
    assert fit.shape is Shape.LINEAR
    assert not fit.is_flat


@given(
    st.dictionaries(st.integers(1, 10**13), st.integers(0, 10**13), max_size=6),
    st.integers(0, 10**9),
)
def test_any_points_have_a_shape(values: dict[int, int], noise: int) -> None:
    points = [Point(x=x, y=y, noise=noise) for x, y in values.items()]
    fit = fit_shape(points)
    assert (fit.line is None) == (len(points) < 2)
    assert (fit.shape is Shape.UNKNOWN) == (len(points) < 2)
    assert (fit.shape is Shape.UNCHECKED) == (len(points) == 2)
    assert fit_shape(points[::-1]) == fit


@given(
    st.integers(0, 10**9), st.integers(1, 50), st.sets(st.integers(1, 400), min_size=3, max_size=5)
)
def test_what_lies_on_a_line_is_linear(base: int, slope: int, sizes: set[int]) -> None:
    points = [Point(x=size * MB, y=base + slope * size * MB, noise=1) for size in sizes]
    fit = fit_shape(points)
    assert fit.shape is Shape.LINEAR
    assert fit.error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("factor", [1, 2**40])
def test_huge_values_are_points_too(factor: int) -> None:
    points = [Point(x=x * factor, y=x * x * factor, noise=0) for x in (1, 2, 4, 8)]
    assert fit_shape(points).shape is Shape.QUADRATIC
    assert all(a.x < b.x for a, b in itertools.pairwise(points))
