"""What held the memory of each case that was profiled, a line for each."""

from collections.abc import Iterator
from typing import Final

from harness.core.attribution_words import quoted
from harness.core.profile import Moment
from harness.core.report import Report
from harness.core.sites import CaseProfile, SiteRow
from harness.core.units import format_bytes

HOLDERS: Final = "What held the memory, by profiled passes"
_MOST_NAMED: Final = 3
# A line that holds less is not what the memory went for.
_LEAST_SHARE: Final = 0.05


def holder_lines(report: Report) -> tuple[str, ...]:
    """Return a line for each case that was profiled: which of its lines held most, or why not."""
    return tuple(f"{profile.case}: {_held(profile)}" for profile in report.profiles)


def _held(profile: CaseProfile) -> str:
    if profile.sites is None:
        return " ".join(profile.problems) or "not known."
    rows = sorted(profile.sites.rows, key=lambda row: -row.bytes)[:_MOST_NAMED]
    return ", ".join(_parts(profile, [row for row in rows if row.share >= _LEAST_SHARE]))


def _parts(profile: CaseProfile, rows: list[SiteRow]) -> Iterator[str]:
    table = profile.sites
    if table is not None:
        when = "at its death" if table.moment is Moment.DEATH else "at its high water"
        yield f"{format_bytes(table.total_bytes)} of heap {when} ({table.profiler})"
    for row in rows:
        where = quoted(row.file, row.line, row.source, row.function)
        yield f"{format_bytes(row.bytes)} ({row.share:.0%}) at {where}"
