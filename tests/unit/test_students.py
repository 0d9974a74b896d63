"""The distribution against published values of its quantiles and against its own symmetry."""

import itertools

import pytest

from harness.core.students import cumulative, quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    [
        (0.90, 1, 3.078),
        (0.95, 1, 6.314),
        (0.975, 2, 4.303),
        (0.95, 3, 2.353),
        (0.999, 3, 10.215),
        (0.999, 4, 7.173),
        (0.99, 5, 3.365),
        (0.999, 7, 4.785),
        (0.95, 30, 1.697),
        (0.999, 100, 3.174),
    ],
)
def test_the_quantiles_are_those_of_the_tables(
    probability: float, freedom: int, expected: float
) -> None:
    assert quantile(probability, freedom) == pytest.approx(expected, abs=0.0006)
    assert cumulative(quantile(probability, freedom), freedom) == pytest.approx(probability)


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 9, 2001])
def test_it_is_symmetric_and_rises(freedom: int) -> None:
    assert cumulative(0.0, freedom) == pytest.approx(0.5)
    assert quantile(0.5, freedom) == pytest.approx(0.0, abs=1e-12)
    steps = [cumulative(t / 4, freedom) for t in range(-80, 81)]
    for lower, higher in itertools.pairwise(steps):
        assert lower <= higher + 1e-12
    for low, high in zip(steps, reversed(steps), strict=True):
        assert low + high == pytest.approx(1.0)
