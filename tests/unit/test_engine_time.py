"""The times that engines tell."""

import pytest

from harness.sandbox.container_run import seconds_of

NOON_S = 1_704_110_400.0  # 2024-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("2024-01-01T12:00:00Z", NOON_S),
        ("2024-01-01T12:00:00.5Z", NOON_S + 0.5),
        ("2024-01-01T12:00:00.123456789Z", NOON_S + 0.123456),
        ("2024-01-01T14:00:00.5+02:00", NOON_S + 0.5),
        ("2024-01-01T14:00:00.123456789+02:00", NOON_S + 0.123456),
        ("2024-01-01T06:30:00-05:30", NOON_S),
    ],
)
def test_times_of_engines(timestamp: str, seconds: float) -> None:
    assert seconds_of(timestamp) == pytest.approx(seconds, abs=1e-6)
