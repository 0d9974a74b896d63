import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.peaks import Parts, Peak, Sample, Timeline, peak_of

PARTS = Parts(anon_bytes=0, kernel_bytes=0, shmem_bytes=0, file_bytes=0, rss_bytes=0)
SIZES = st.lists(st.integers(0, 2**40), min_size=1, max_size=300)


def timeline_of(*sizes: int, capacity: int = 4096) -> Timeline:
    timeline = Timeline(capacity)
    timeline.add_all(Sample(at_s=index / 100, anon_bytes=size) for index, size in enumerate(sizes))
    return timeline


def test_what_must_fit_is_anonymous_shared_and_kernel_memory() -> None:
    sample = Sample(
        at_s=0, anon_bytes=1, shmem_bytes=20, kernel_bytes=300, file_bytes=4000, rss_bytes=50_000
    )
    assert sample.unreclaimable_bytes == 321


def test_no_sample_makes_no_peak() -> None:
    assert peak_of(Timeline(), 5) is None


def test_the_parts_of_a_peak_are_of_one_sample() -> None:
    timeline = Timeline()
    timeline.add(Sample(at_s=0, anon_bytes=100, file_bytes=7))
    timeline.add(Sample(at_s=1, anon_bytes=50, shmem_bytes=60, kernel_bytes=5, rss_bytes=9))
    timeline.add(Sample(at_s=2, anon_bytes=20, file_bytes=900))
    peak = peak_of(timeline, 1000)
    assert peak is not None
    assert (peak.peak_bytes, peak.peak_upper_bytes) == (115, 1000)
    assert peak.parts == Parts(
        anon_bytes=50, shmem_bytes=60, kernel_bytes=5, file_bytes=0, rss_bytes=9
    )


def test_the_first_of_two_equal_samples_is_the_peak() -> None:
    assert timeline_of(5, 9, 9).top == Sample(at_s=0.01, anon_bytes=9)


@pytest.mark.parametrize(("high_water_bytes", "upper"), [(None, None), (90, 100), (120, 120)])
def test_the_upper_end_is_never_below_the_peak(
    high_water_bytes: int | None, upper: int | None
) -> None:
    peak = peak_of(timeline_of(100), high_water_bytes)
    assert peak is not None
    assert peak.peak_upper_bytes == upper


@pytest.mark.parametrize(
    ("upper", "size_bytes", "holds"),
    [
        (120, 99, False),
        (120, 100, True),
        (120, 119, True),
        (120, 120, False),
        (120, 121, False),
        (100, 100, False),
        (None, 99, False),
        (None, 100, True),
        (None, 2**50, True),
    ],
)
def test_which_sizes_a_peak_cannot_decide(upper: int | None, size_bytes: int, holds: bool) -> None:
    assert Peak(peak_bytes=100, peak_upper_bytes=upper, parts=PARTS).holds(size_bytes) is holds


@given(SIZES, st.integers(2, 40))
def test_a_timeline_is_bounded_and_keeps_the_largest(sizes: list[int], capacity: int) -> None:
    timeline = timeline_of(*sizes, capacity=capacity)
    samples = timeline.samples()
    assert len(samples) <= capacity + capacity % 2
    assert timeline.seen == len(sizes)
    assert timeline.top is not None
    assert timeline.top.unreclaimable_bytes == max(sizes)
    assert max(sample.unreclaimable_bytes for sample in samples) == max(sizes)
    assert [sample.at_s for sample in samples] == sorted({sample.at_s for sample in samples})


@given(SIZES)
def test_a_timeline_with_room_keeps_everything(sizes: list[int]) -> None:
    samples = timeline_of(*sizes).samples()
    assert [sample.anon_bytes for sample in samples] == sizes


def test_a_long_timeline_still_covers_all_of_the_time() -> None:
    samples = timeline_of(*range(100_000), capacity=64).samples()
    assert samples[0].at_s < 30
    assert samples[-1].at_s == pytest.approx(999.99)


@given(SIZES, st.floats(0, 5), st.integers(2, 40))
def test_a_shift_moves_all_samples_and_none_before_zero(
    sizes: list[int], seconds: float, capacity: int
) -> None:
    timeline = timeline_of(*sizes, capacity=capacity)
    before = timeline.samples()
    timeline.shift(seconds)
    after = timeline.samples()
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new.at_s == pytest.approx(max(0, old.at_s - seconds), abs=1e-3)
        assert new.anon_bytes == old.anon_bytes
    assert timeline.top in after


def test_a_shift_of_nothing_is_nothing() -> None:
    timeline = Timeline()
    timeline.shift(3)
    assert (timeline.samples(), timeline.top) == ((), None)


@pytest.mark.parametrize(
    ("file_bytes", "is_blurred"), [(0, False), (3_000_000, False), (4_000_000, True)]
)
def test_much_page_cache_blurs_a_peak(file_bytes: int, is_blurred: bool) -> None:
    timeline = Timeline()
    timeline.add(Sample(at_s=0, anon_bytes=100_000_000, file_bytes=file_bytes))
    assert timeline.is_blurred_by_cache() is is_blurred
    assert Timeline().is_blurred_by_cache() is False


def test_slab_is_taken_from_kernel_memory_and_can_move_the_peak() -> None:
    timeline = Timeline()
    timeline.add(Sample(at_s=0, anon_bytes=100, kernel_bytes=10))
    timeline.add(Sample(at_s=1, anon_bytes=90, kernel_bytes=40, file_bytes=1000))
    timeline.add(Sample(at_s=2, anon_bytes=1, kernel_bytes=2, file_bytes=1000))
    assert timeline.top is not None
    assert timeline.top.at_s == 1
    corrected = timeline.without_slab(0.03)
    assert [sample.kernel_bytes for sample in corrected.samples()] == [10, 10, 0]
    assert corrected.top is not None
    assert (corrected.top.at_s, corrected.seen) == (0, 3)
    assert timeline.top.kernel_bytes == 40


@given(SIZES, st.floats(0, 1))
def test_without_slab_no_sample_grows(sizes: list[int], share: float) -> None:
    timeline = Timeline(16)
    timeline.add_all(
        Sample(at_s=index, anon_bytes=1, kernel_bytes=size // 2, file_bytes=size)
        for index, size in enumerate(sizes)
    )
    corrected = timeline.without_slab(share)
    assert corrected.top is not None
    assert timeline.top is not None
    assert 1 <= corrected.top.unreclaimable_bytes <= timeline.top.unreclaimable_bytes


def test_the_largest_page_cache_is_known_whatever_is_merged_or_corrected() -> None:
    timeline = Timeline(capacity=2)
    for at_s, file_bytes in enumerate((1, 7, 3, 2, 1)):
        timeline.add(Sample(at_s=at_s, anon_bytes=at_s, file_bytes=file_bytes))
    assert timeline.cache_bytes == 7
    assert timeline.without_slab(0.03).cache_bytes == 7
    timeline.note_reclaimable(1000)
    assert timeline.cache_bytes == 1000
    assert timeline.without_slab(0.03).cache_bytes == 1030
