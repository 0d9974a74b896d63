import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.units import (
    SIZE_PATTERN,
    format_bytes,
    format_megabytes,
    format_seconds,
    parse_duration,
    parse_percent,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("5", 5),
        ("5B", 5),
        ("5kB", 5000),
        ("5KB", 5000),
        ("5MB", 5 * 10**6),
        ("200MB", 200 * 10**6),
        ("512MiB", 512 * 2**20),
        ("512 MiB", 512 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("0.1GB", 10**8),
        ("512Mi", 512 * 2**20),
        ("2Gi", 2**31),
        ("500M", 500 * 10**6),
        ("8k", 8000),
        ("1TiB", 2**40),
        ("9007199254740993B", 2**53 + 1),
    ],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "MiB",
        "512Mb",
        "512mb",
        "512mib",
        "512MIB",
        "500m",
        "5K",
        "-5MB",
        "+5MB",
        "5,5MB",
        ".5MB",
        "5.MB",
        "1e3",
        "0x10",
        "inf",
        "nan",
        "5MB5",
        " 5MB",
        "5MB\n",
        "5\u00a0MB",
        "\N{ARABIC-INDIC DIGIT FIVE}MB",
        "unlimited",
        "9" * 5000,
    ],
)
def test_what_is_no_size_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; write for example"):
        parse_size(text)


def test_a_unit_may_differ_from_another_only_by_its_case() -> None:
    assert parse_size("1M") == parse_size("1MB") != parse_size("1Mi")


@given(st.integers(0, 10**15), st.sampled_from(["kB", "MiB", "GB", "Ti", "B", ""]))
def test_a_size_counts_its_unit(count: int, unit: str) -> None:
    assert parse_size(f"{count}{unit}") == count * parse_size(f"1{unit}")


@given(st.integers(0, 2**60), st.integers(0, 999))
def test_a_fraction_loses_less_than_a_byte(whole: int, thousandths: int) -> None:
    size_bytes = parse_size(f"{whole}.{thousandths:03d}KiB")
    assert 0 <= whole * 1024_000 + thousandths * 1024 - size_bytes * 1000 < 1000


@given(st.text(max_size=12))
def test_the_published_pattern_is_what_is_taken(text: str) -> None:
    published = re.fullmatch(SIZE_PATTERN, text) is not None
    try:
        parse_size(text)
    except ValueError:
        assert not published
    else:
        assert published


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120s", 120), ("500ms", 0.5), ("2m", 120), ("2min", 120), ("1.5h", 5400), ("0 s", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "120", "2 minutes", "1d", "-1s", "inf", "9" * 400 + "s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_the_longest_duration_is_finite() -> None:
    assert math.isfinite(parse_duration("9" * 20 + "h"))


@pytest.mark.parametrize(("text", "fraction"), [("2%", 0.02), ("0%", 0), ("12.5 %", 0.125)])
def test_percentages(text: str, fraction: float) -> None:
    assert parse_percent(text) == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["2", "%", "-2%", "nan%", "9" * 400 + "%"])
def test_what_is_no_percentage(text: str) -> None:
    with pytest.raises(ValueError, match="is not a percentage"):
        parse_percent(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (64 * 2**20, "64 MiB"),
        (394_893_722, "376.6 MiB"),
        (2**30, "1 GiB"),
        (-(2**20), "-1 MiB"),
        (20_000 * 2**40, "20,000 TiB"),
    ],
)
def test_bytes_for_people(count: int, text: str) -> None:
    assert format_bytes(count) == text


@given(st.integers(-(2**80), 2**80))
def test_bytes_for_people_are_near_the_truth(count: int) -> None:
    number, unit = format_bytes(count).replace(",", "").split()
    shown = float(number) * parse_size(f"1{unit}")
    assert shown == pytest.approx(count, rel=0.06)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.449, "0.45 s"), (12.34, "12.3 s"), (125, "2 min 5 s")]
)
def test_seconds_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (5_000_000, "5 MB"),
        (54_590_000, "54.5 MB"),
        (999_999_999, "999.9 MB"),
        (12_300, "12.3 kB"),
        (1_234_500_000_000, "1,234.5 GB"),
    ],
)
def test_the_size_of_a_snapshot_is_shown_in_decimal_and_rounded_down(count: int, text: str) -> None:
    assert format_megabytes(count) == text
