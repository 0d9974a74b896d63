import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.scaling import fit_line


@given(st.integers(-1000, 1000), st.integers(0, 10**9), st.sets(st.integers(1, 10**9), min_size=2))
def test_a_line_is_found_again(slope: int, base: int, sizes: set[int]) -> None:
    line = fit_line([(size, base + slope * size) for size in sizes])
    assert line is not None
    assert line.slope == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize("points", [[], [(5, 7)], [(5, 7), (5, 8), (5, 9)]])
def test_one_size_has_no_slope(points: list[tuple[int, int]]) -> None:
    assert fit_line(points) is None


def test_repeats_are_averaged() -> None:
    line = fit_line([(0, 10), (0, 30), (100, 110), (100, 130)])
    assert line is not None
    assert line.base_bytes == pytest.approx(20)
    assert line.slope == pytest.approx(1)
