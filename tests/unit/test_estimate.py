"""The largest snapshot that fits, from one run."""

import pytest

from harness.core.estimate import base_of, estimate_largest
from harness.core.peaks import Sample

MIB = 2**20


def test_in_proportion_beyond_the_base() -> None:
    found = estimate_largest(
        peak_bytes=410 * MIB,
        size_bytes=50_000_000,
        base_bytes=10 * MIB,
        limit_bytes=210 * MIB,
        died=True,
    )
    assert found.snapshot_bytes == 25_000_000
    assert found.slope == pytest.approx(400 * MIB / 50_000_000)
    assert "this one snapshot" in found.reason


def test_a_base_above_the_limit_fits_nothing() -> None:
    found = estimate_largest(
        peak_bytes=40 * MIB, size_bytes=1000, base_bytes=20 * MIB, limit_bytes=10 * MIB, died=True
    )
    assert found.snapshot_bytes is None
    assert "before it opens" in found.reason


def test_a_flat_worker_fits_any() -> None:
    found = estimate_largest(
        peak_bytes=21 * MIB,
        size_bytes=50_000_000,
        base_bytes=20 * MIB,
        limit_bytes=64 * MIB,
        died=False,
    )
    assert found.snapshot_bytes is None
    assert "hardly depends" in found.reason


def test_nothing_that_is_held_is_flat_too() -> None:
    found = estimate_largest(peak_bytes=0, size_bytes=1, base_bytes=0, limit_bytes=MIB, died=False)
    assert found.snapshot_bytes is None


def test_what_died_does_not_fit_whatever_another_run_held() -> None:
    found = estimate_largest(
        peak_bytes=99 * MIB, size_bytes=1000, base_bytes=9 * MIB, limit_bytes=100 * MIB, died=True
    )
    assert found.snapshot_bytes is None
    assert "died of this snapshot" in found.reason


def test_one_small_snapshot_tells_nothing_of_large_ones() -> None:
    found = estimate_largest(
        peak_bytes=12 * MIB, size_bytes=1000, base_bytes=9 * MIB, limit_bytes=100 * MIB, died=False
    )
    assert found.snapshot_bytes is None
    assert "10 times" in found.reason


def test_the_base_is_what_was_held_before_the_snapshot_was_open() -> None:
    samples = [
        Sample(at_s=0.001, anon_bytes=1 * MIB),
        Sample(at_s=0.002, anon_bytes=5 * MIB),
        Sample(at_s=0.003, anon_bytes=6 * MIB, offset_bytes=0),
        Sample(at_s=0.004, anon_bytes=60 * MIB, offset_bytes=9),
    ]
    assert base_of(samples) == 5 * MIB
    assert base_of(samples[2:]) is None
    assert base_of(samples[:2]) is None
