"""What is held between two snapshots, from samples."""

import pytest

from harness.core.peaks import Sample, Timeline


def timeline_of(*samples: tuple[int | None, int]) -> Timeline:
    """Return the timeline of samples (index of the snapshot, bytes)."""
    timeline = Timeline()
    timeline.add_all(
        Sample(at_s=number / 100, anon_bytes=size, snapshot_index=index)
        for number, (index, size) in enumerate(samples)
    )
    return timeline


def test_what_is_held_when_the_next_is_opened_was_kept() -> None:
    timeline = timeline_of((None, 1), (0, 5), (0, 50), (0, 20), (1, 8), (1, 60), (2, 9), (2, 70))
    assert timeline.troughs.between(3) == (8, 9)


def test_what_a_job_frees_late_is_seen_in_the_next() -> None:
    # The machine was busy, and the last sample before the next file is still at the job's peak.
    timeline = timeline_of((0, 5), (0, 50), (1, 50), (1, 12), (1, 60), (2, 60), (2, 14), (2, 70))
    assert timeline.troughs.between(3) == (12, 14)


def test_a_worker_that_waits_for_its_next_job_shows_what_it_kept_before() -> None:
    # Late for the open, the first sample of the next has read something already.
    timeline = timeline_of((0, 5), (0, 50), (0, 20), (0, 20), (1, 40), (1, 60))
    assert timeline.troughs.between(2) == (20,)
    moving = timeline_of((0, 5), (0, 10 << 20), (0, 20 << 20), (0, 30 << 20), (1, 40 << 20))
    assert moving.troughs.between(2) == (40 << 20,)


def test_a_job_that_was_seen_at_its_start_only_tells_nothing_of_its_end() -> None:
    timeline = Timeline()
    for at_s, index, size in (
        (0.0, 0, 5),
        (0.01, 0, 6),
        (0.5, 1, 30),
        (0.51, 1, 90),
        (0.52, 1, 40),
        (0.53, 2, 50),
    ):
        timeline.add(Sample(at_s=at_s, anon_bytes=size, snapshot_index=index))
    assert timeline.troughs.between(3) == (30, 40)


def test_a_fall_after_the_peak_of_the_next_job_is_not_of_the_one_before() -> None:
    timeline = timeline_of((0, 5), (0, 50), (1, 20), (1, 60), (1, 3), (2, 4), (2, 9))
    assert timeline.troughs.between(3) == (20, 3)


@pytest.mark.parametrize(
    ("samples", "held"),
    [
        ([], (None, None)),
        ([(0, 5), (0, 6)], (None, None)),
        ([(0, 5), (2, 6), (2, 7)], (None, None)),
        ([(1, 5), (2, 6)], (None, 6)),
        ([(0, 5), (1, 6), (0, 5), (1, 6), (2, 7)], ()),
    ],
)
def test_what_was_not_seen_is_not_known(
    samples: list[tuple[int, int]], held: tuple[int | None, ...]
) -> None:
    assert timeline_of(*samples).troughs.between(3) == held


def test_troughs_outlive_the_samples_that_showed_them() -> None:
    timeline = Timeline(capacity=4)
    for index in range(50):
        for size in (100 + index, 900, 500):
            timeline.add(Sample(at_s=0, anon_bytes=size, snapshot_index=index))
    assert min(sample.anon_bytes for sample in timeline.samples()) > 150
    assert timeline.troughs.between(50) == tuple(101 + index for index in range(49))


def test_slab_is_taken_off_troughs_too() -> None:
    timeline = Timeline()
    for index in range(3):
        timeline.add(
            Sample(at_s=0, anon_bytes=100, kernel_bytes=40, file_bytes=200, snapshot_index=index)
        )
    assert timeline.troughs.between(3) == (140, 140)
    assert timeline.without_slab(0.1).troughs.between(3) == (120, 120)
