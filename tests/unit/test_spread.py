"""Differences between repeats: their error, and what may be said of them."""

import random
from collections.abc import Sequence

import pytest

from harness.core.spread import (
    LIKELY,
    Difference,
    Repeats,
    Standing,
    difference_of,
    median_of,
    repeats_of,
    repeats_to_decide,
)

MIB = 2**20


def between(old: Sequence[float], new: Sequence[float], prior_mib: float = 1.0) -> Difference:
    sets = [repeats_of([int(mib * MIB) for mib in values]) for values in (old, new)]
    return difference_of(sets[0], sets[1], int(prior_mib * MIB))


@pytest.mark.parametrize(
    ("values", "median"), [([5], 5), ([1, 9], 5), ([9, 1, 5], 5), ([1, 2, 3, 10], 2)]
)
def test_the_median(values: list[int], median: int) -> None:
    assert median_of(values) == median


def test_one_run_against_one_has_the_error_of_the_prior() -> None:
    difference = between([1000], [1000])
    assert difference.freedom == 1
    # t(0.8, 1) = 1.376, for the difference of two values of 1 MiB each
    assert difference.margin_bytes(LIKELY) / MIB == pytest.approx(1.376 * 2**0.5, rel=1e-3)
    # t(0.999, 1) = 318.3 would be more than any worker was seen to spread by.
    assert difference.margin_bytes() == 1000 * MIB // 3
    assert between([1], [1]).margin_bytes() == 4 * MIB


def test_what_is_more_than_any_spread_is_certain() -> None:
    difference = between([1000], [1400])
    assert difference.standing(0) is Standing.OVER
    assert difference.confidence_above(0) == 0.999
    assert between([1000], [1300]).standing(0) is Standing.OPEN


def test_repeats_that_agree_make_the_error_smaller_and_those_that_do_not_larger() -> None:
    alone = between([1000], [1000]).margin_bytes()
    quiet = between([1000, 1000, 1000], [1000, 1000, 1000]).margin_bytes()
    noisy = between([1000, 1000, 1000], [980, 1000, 1020]).margin_bytes()
    assert quiet / MIB == pytest.approx(5.893 * (1 / 5) ** 0.5 * (3.14159 / 3) ** 0.5, rel=1e-3)
    assert quiet < noisy < alone


def test_a_median_without_its_values_adds_no_knowledge_of_the_spread() -> None:
    old = Repeats(median_bytes=1000 * MIB, count=5)
    difference = difference_of(old, repeats_of([1000 * MIB]), MIB)
    assert (difference.freedom, difference.deviation_bytes) == (1, MIB)
    alone = between([1000], [1000])
    assert difference.margin_bytes(LIKELY) < alone.margin_bytes(LIKELY)


def test_what_is_said_depends_on_the_error() -> None:
    difference = between([1000] * 3, [1010] * 3)
    margin = difference.margin_bytes() / MIB
    assert difference.standing(int((10 - margin - 0.1) * MIB)) is Standing.OVER
    assert difference.standing(10 * MIB) is Standing.OPEN
    assert difference.standing(30 * MIB) is Standing.WITHIN
    assert difference.confidence_above(10 * MIB) == pytest.approx(0.5)
    assert difference.confidence_above(0) > 0.999
    assert difference.confidence_above(20 * MIB) < 0.001


def test_no_spread_at_all_is_no_division_by_nothing() -> None:
    difference = difference_of(repeats_of([7, 7]), repeats_of([7, 7]), 0)
    assert difference.margin_bytes() == 0
    assert difference.standing(0) is Standing.WITHIN
    assert difference.confidence_above(0) == pytest.approx(0.5)


def test_the_repeats_to_decide_decide() -> None:
    difference = between([1000] * 3, [1004, 1006, 1005])
    assert difference.standing(3 * MIB) is Standing.OPEN
    wanted = repeats_to_decide(difference, 3 * MIB)
    assert wanted is not None
    assert wanted.new_count > 3
    later = difference.with_counts(wanted.old_count, wanted.new_count)
    assert later.standing(3 * MIB) is Standing.OVER
    fewer = difference.with_counts(wanted.old_count, wanted.new_count - 1)
    assert fewer.standing(3 * MIB) is Standing.OPEN


def test_where_the_old_runs_are_too_few_more_of_both_are_wanted() -> None:
    difference = between([1000], [1003])
    wanted = repeats_to_decide(difference, MIB)
    assert wanted is not None
    assert wanted.old_count == wanted.new_count > 1


def test_a_difference_of_just_the_threshold_is_never_decided() -> None:
    assert repeats_to_decide(between([1000], [1010]), 10 * MIB) is None


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_what_is_the_same_is_hardly_ever_said_to_differ(count: int) -> None:
    """A thousand pairs of a case whose spread is twice the prior's, and never a threshold's."""
    chance = random.Random(7)  # noqa: S311  (no secret)
    over = 0
    for _ in range(1000):
        old, new = ([chance.gauss(1000, 2) for _ in range(count)] for _ in range(2))
        over += between(old, new).standing(0) is Standing.OVER
    assert over <= 3
