"""Sizes, durations and percentages: read from text, and written for people."""

import math
import re
from typing import Final

_FACTORS: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
# Kubernetes' quantities are case-sensitive: "m" is a thousandth there, so only these are taken.
_KUBERNETES: Final = {
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_SPELLINGS: Final = {"B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"}
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)\s*")
_DURATION_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_PERCENT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_STEPS: Final = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def parse_size(text: str) -> int:
    """Return the bytes that `text` names: ``512MiB`` is 512 x 2^20, ``5MB`` is 5 x 10^6.

    Kubernetes' ``512Mi``, ``2Gi`` and ``500M`` are taken too, and plain digits are bytes.

    Raises:
        ValueError: `text` is no size; the message names spellings that are.

    """
    match = _SIZE.fullmatch(text)
    factor = _factor(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError(f'"{text}" is not a size; write for example "512MiB" or "512MB"')
    whole, _, fraction = match[1].partition(".")
    # Integer arithmetic: a size is a count of bytes and must not be rounded by a float.
    return int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)


def _factor(unit: str) -> int | None:
    if unit in _KUBERNETES:
        return _KUBERNETES[unit]
    if unit == "" or unit in _SPELLINGS:
        return _FACTORS[unit.lower()]
    return None


def parse_duration(text: str) -> float:
    """Return the seconds that `text` names, such as ``120s``, ``500ms``, ``2m`` or ``1h``.

    Raises:
        ValueError: `text` is no duration.

    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a duration; write for example "120s" or "2m"')
    return float(match[1]) * _DURATION_S[match[2]]


def parse_percent(text: str) -> float:
    """Return the fraction that `text` names: ``2%`` is 0.02.

    Raises:
        ValueError: `text` is no percentage.

    """
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a percentage; write for example "2%"')
    return float(match[1]) / 100


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
