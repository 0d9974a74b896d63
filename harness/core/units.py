"""Sizes, durations and percentages: read from text, and written for people."""

import math
import re
from typing import Final

# Kubernetes' quantities are case-sensitive ("m" is a thousandth there), so all of them are.
_FACTORS: Final = {
    "": 1,
    "B": 1,
    **dict.fromkeys(("k", "kB", "KB"), 10**3),
    **dict.fromkeys(("M", "MB"), 10**6),
    **dict.fromkeys(("G", "GB"), 10**9),
    **dict.fromkeys(("T", "TB"), 10**12),
    **dict.fromkeys(("Ki", "KiB"), 2**10),
    **dict.fromkeys(("Mi", "MiB"), 2**20),
    **dict.fromkeys(("Gi", "GiB"), 2**30),
    **dict.fromkeys(("Ti", "TiB"), 2**40),
}
_DURATION_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
# Twenty digits are more than any machine has; without a bound one could be too long for a float.
_NUMBER: Final = r"[0-9]{1,20}(\.[0-9]{1,20})?"
# As a person may write them; the JSON Schema of a scenario publishes the same.
SIZE_PATTERN: Final = f"{_NUMBER} *({'|'.join(_FACTORS)})"
DURATION_PATTERN: Final = f"{_NUMBER} *({'|'.join(_DURATION_S)})"
PERCENT_PATTERN: Final = f"{_NUMBER} *%"
_PARTS: Final = re.compile("([0-9.]+) *(.*)")
_STEPS: Final = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def parse_size(text: str) -> int:
    """Return the bytes that `text` names: ``512MiB`` is 512 x 2^20, ``5MB`` is 5 x 10^6.

    Kubernetes' ``512Mi``, ``2Gi`` and ``500M`` are taken too, and plain digits are bytes.

    Raises:
        ValueError: `text` is no size; the message names spellings that are.

    """
    number, unit = _split(text, SIZE_PATTERN, 'size; write for example "512MiB" or "512MB"')
    factor = _FACTORS[unit]
    whole, _, fraction = number.partition(".")
    # Integer arithmetic: a size is a count of bytes and must not be rounded by a float.
    return int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)


def _split(text: str, pattern: str, kind: str) -> tuple[str, str]:
    """Return number and unit of a quantity; raises ValueError where it is no `kind`."""
    parts = _PARTS.fullmatch(text) if re.fullmatch(pattern, text) else None
    if parts is None:
        raise ValueError(f'"{text}" is not a {kind}')
    return parts[1], parts[2]


def parse_duration(text: str) -> float:
    """Return the seconds that `text` names, such as ``120s``, ``500ms``, ``2m`` or ``1h``.

    Raises:
        ValueError: `text` is no duration.

    """
    number, unit = _split(text, DURATION_PATTERN, 'duration; write for example "120s" or "2m"')
    return float(number) * _DURATION_S[unit]


def parse_percent(text: str) -> float:
    """Return the fraction that `text` names: ``2%`` is 0.02.

    Raises:
        ValueError: `text` is no percentage.

    """
    number, _ = _split(text, PERCENT_PATTERN, 'percentage; write for example "2%"')
    return float(number) / 100


def format_bytes(count: int) -> str:
    """Return `count` bytes for people, in binary units: ``376.6 MiB``."""
    sign = "-" if count < 0 else ""
    size = abs(count)
    for factor, unit in _STEPS:
        if size >= factor:
            return f"{sign}{_significant(size / factor)} {unit}"
    return f"{sign}{size} B"


def _significant(value: float) -> str:
    return f"{value:,.0f}" if value == math.floor(value) or value >= 10_000 else f"{value:,.1f}"


def format_seconds(seconds: float) -> str:
    """Return a duration for people: ``0.45 s``, ``12.3 s`` or ``2 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def format_megabytes(count: int) -> str:
    """Return the size of a snapshot for people, in the decimal units that files have: ``54.1 MB``.

    Rounded down: what is said to fit must fit.
    """
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if abs(count) >= factor:
            tenths = count * 10 // factor
            return f"{tenths // 10:,}" + (f".{tenths % 10}" if tenths % 10 else "") + f" {unit}"
    return f"{count} B"
