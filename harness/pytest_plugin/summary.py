"""The summary on the terminal: a line for each run that tests were measured by."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harness.core.units import format_bytes

_HEADINGS: Final = ("ending", "peak", "limit", "test alone", "budget", "test")
_NUMBER: Final = re.compile(r"oomproof\.(?:replay(?P<replay>\d+)\.)?(?P<name>\w+)")
# Within this the two ends of a peak are one number to people.
_SAME_BYTES: Final = 2**20


def table_of(reports: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a table of these tests; `test alone` is above pytest's own memory."""
    rows = [_HEADINGS, *(row for report in reports for row in _rows(report))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [row[column].rjust(widths[column]) for column in range(1, len(widths))]
        yield "  ".join((*cells, row[-1]))


def _rows(report: Any) -> Iterator[tuple[str, ...]]:
    """Yield a row for each run of a test: its own in a sandbox, or those that it replayed."""
    runs: dict[str, dict[str, object]] = {}
    for key, value in report.user_properties:
        if found := _NUMBER.fullmatch(str(key)):
            runs.setdefault(found["replay"] or "", {})[found["name"]] = value
    for replay, known in runs.items():
        yield _row(known, f"{report.nodeid}, replay {replay}" if replay else report.nodeid)


def _row(known: Mapping[str, object], name: str) -> tuple[str, ...]:
    is_bound = known.get("peak_is_lower_bound") == "true"
    before = (">= " if is_bound else "") + ("~" if known.get("approximate") == "true" else "")

    def size(key: str) -> str:
        value = known.get(f"{key}_bytes")
        return format_bytes(value) if isinstance(value, int) else "-"

    def interval(lower: str, upper: str) -> str:
        """Return both ends where they differ: a short test goes by between two samples."""
        low, high = known.get(f"{lower}_bytes"), known.get(f"{upper}_bytes")
        if not isinstance(low, int):
            return "-"
        is_wide = isinstance(high, int) and high - low > _SAME_BYTES and not is_bound
        return f"{before}{size(lower)}" + (f" to {size(upper)}" if is_wide else "")

    return (
        str(known.get("ending", "-")),
        interval("peak", "peak_upper"),
        size("memory_limit"),
        interval("added", "added_upper"),
        size("budget"),
        name,
    )
