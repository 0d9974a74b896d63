"""What samples and counters show together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.change import CasePeaks, Change, change_of
from harness.core.spread import Standing, repeats_of

MIB = 2**20


def peaks(
    *samples_mib: float,
    uppers_mib: tuple[float, ...] | None = None,
    caches_mib: tuple[float, ...] = (),
    limit_mib: int | None = None,
) -> CasePeaks:
    uppers = samples_mib if uppers_mib is None else uppers_mib
    if len(samples_mib) == 1:  # three runs that agree
        samples_mib, uppers, caches_mib = samples_mib * 3, uppers * 3, caches_mib * 3
    return CasePeaks(
        samples=repeats_of([int(mib * MIB) for mib in samples_mib]),
        uppers=repeats_of([int(mib * MIB) for mib in uppers]) if uppers else None,
        caches_bytes=tuple(int(mib * MIB) for mib in caches_mib),
        memory_limit_bytes=None if limit_mib is None else limit_mib * MIB,
    )


def change(old: CasePeaks, new: CasePeaks, sandbox: str = "cgroup") -> Change:
    return change_of(old, new, sandbox)


def test_growth_is_what_both_measures_show() -> None:
    old = peaks(200, uppers_mib=(210,))
    assert change(old, peaks(220, uppers_mib=(230,))).growth(0.0) is Standing.OVER
    assert change(old, peaks(220, uppers_mib=(210,))).growth(0.0) is Standing.WITHIN
    assert change(old, peaks(200, uppers_mib=(230,))).growth(0.0) is Standing.WITHIN
    assert change(old, peaks(220, uppers_mib=(211.3,))).growth(0.0) is Standing.OPEN
    assert change(old, peaks(220, uppers_mib=(230,))).growth(0.2) is Standing.WITHIN


def test_shrinkage_is_told_as_growth_is() -> None:
    old, new = peaks(220), peaks(200)
    assert change(old, new).shrinkage() is Standing.OVER
    assert change(old, new).growth(0.0) is Standing.WITHIN
    assert change(new, old).shrinkage() is Standing.WITHIN


def test_the_confidence_is_that_of_the_measure_which_shows_less() -> None:
    old = peaks(200, uppers_mib=(210,))
    sure = change(old, peaks(220, uppers_mib=(230,))).confidence()
    assert sure > 0.999
    assert change(old, peaks(220, uppers_mib=(213,))).confidence() < sure
    assert change(peaks(220), peaks(200)).confidence() > 0.999
    assert change(old, old).confidence() < 0.5


@pytest.mark.parametrize(
    ("sandbox", "standing"), [("cgroup", Standing.OVER), ("process", Standing.WITHIN)]
)
def test_a_counter_filled_up_to_a_kernels_limit_says_nothing(
    sandbox: str, standing: Standing
) -> None:
    old = peaks(200, uppers_mib=(255,), limit_mib=256)
    new = peaks(240, uppers_mib=(256,))
    assert change(old, new, sandbox).growth(0.0) is standing


def test_a_counter_that_one_side_lacks_says_nothing() -> None:
    found = change(peaks(200, uppers_mib=()), peaks(240))
    assert found.upper is None
    assert found.growth(0.0) is Standing.OVER


def test_the_repeats_wanted_are_those_of_the_measure_that_takes_most() -> None:
    old = peaks(200, 200, 200, uppers_mib=(200, 203, 206))
    new = peaks(203, 203, 203, uppers_mib=(206, 209, 212))
    found = change(old, new)
    assert found.growth(0.0) is Standing.OPEN
    wanted = found.wanted(0.0)
    assert wanted is not None
    assert wanted.new_count > 3


def test_one_measure_on_its_way_to_no_growth_is_enough() -> None:
    old = peaks(200, 200, 200, uppers_mib=(190, 200, 210))
    new = peaks(205, 205, 205, uppers_mib=(187, 197, 207))
    found = change(old, new)
    assert found.growth(0.0) is Standing.OPEN
    wanted = found.wanted(0.0)
    assert wanted is not None
    assert found.upper is not None
    later = found.upper.with_counts(wanted.old_count, wanted.new_count)
    assert later.standing(found.floor_bytes) is Standing.WITHIN


def test_a_peak_that_samples_missed_was_at_least_the_counter_less_the_page_cache() -> None:
    old = peaks(170, uppers_mib=(182,), caches_mib=(1,))
    new = peaks(157, uppers_mib=(189,), caches_mib=(0.5,))
    found = change(old, new)
    assert (found.lower.old_bytes, found.lower.new_bytes) == (181 * MIB, int(188.5 * MIB))
    assert found.growth(0.0) is Standing.OVER
    cached = peaks(157, uppers_mib=(189,), caches_mib=(20,))
    assert change(old, cached).growth(0.0) is Standing.WITHIN


def test_samples_are_held_against_samples_where_one_side_knows_no_page_cache() -> None:
    found = change(peaks(170, uppers_mib=(182,)), peaks(171, uppers_mib=(182,), caches_mib=(0,)))
    assert (found.lower.old_bytes, found.lower.new_bytes) == (170 * MIB, 171 * MIB)


SIZES = st.lists(st.integers(0, 2**40), min_size=1, max_size=6)


@given(SIZES, st.floats(0, 1))
def test_whatever_a_case_spreads_it_has_not_changed_against_itself(
    sizes: list[int], allowed: float
) -> None:
    same = CasePeaks(
        samples=repeats_of(sizes), uppers=repeats_of(sizes[::-1]), memory_limit_bytes=None
    )
    found = change(same, same)
    assert Standing.OVER not in {found.growth(allowed), found.shrinkage()}
    assert found.confidence() <= 0.5


@given(SIZES, SIZES, st.integers(1, 2**36), st.sampled_from(["cgroup", "process"]))
def test_more_growth_is_never_less_certain(
    old: list[int], new: list[int], more_bytes: int, sandbox: str
) -> None:
    order = [Standing.WITHIN, Standing.OPEN, Standing.OVER]
    ranks = []
    for times in range(3):
        sizes = [size + more_bytes * times for size in new]
        before, now = (
            CasePeaks(samples=repeats_of(of), uppers=None, memory_limit_bytes=None)
            for of in (old, sizes)
        )
        ranks.append(order.index(change_of(before, now, sandbox).growth(0.02)))
    assert ranks == sorted(ranks)
