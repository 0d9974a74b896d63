"""What held the memory of the cases that were profiled, those of the same lines together."""

from collections.abc import Iterator, Sequence
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
    """Return which lines of the profiled cases held most, or why that is not known.

    Where cases have the same lines, the one that held most is told, and the others are named.
    """
    groups: dict[tuple[str, ...], list[CaseProfile]] = {}
    for profile in report.profiles:
        groups.setdefault(_places(profile) or (profile.case,), []).append(profile)
    return tuple(_line(alike) for alike in groups.values())


def _line(alike: Sequence[CaseProfile]) -> str:
    most = max(alike, key=_total_bytes)
    line = f"{most.case}: {_held(most)}"
    others = [f"{one.case} ({format_bytes(_total_bytes(one))})" for one in alike if one is not most]
    if others:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        line += f"; the same with {', '.join(others[:_MOST_NAMED])}{more}"
    return line


def _total_bytes(profile: CaseProfile) -> int:
    return profile.sites.total_bytes if profile.sites else 0


def _held(profile: CaseProfile) -> str:
    if profile.sites is None:
        return " ".join(profile.problems) or "not known."
    return ", ".join(_parts(profile, _rows(profile)))


def _places(profile: CaseProfile) -> tuple[str, ...]:
    """Return the lines that are named, in the order of the code; none where it is not known."""
    return tuple(sorted(_place(row) for row in _rows(profile)))


def _rows(profile: CaseProfile) -> list[SiteRow]:
    rows = () if profile.sites is None else profile.sites.rows
    most = sorted(rows, key=lambda row: -row.bytes)[:_MOST_NAMED]
    return [row for row in most if row.share >= _LEAST_SHARE]


def _place(row: SiteRow) -> str:
    return quoted(row.file, row.line, row.source, row.function)


def _parts(profile: CaseProfile, rows: list[SiteRow]) -> Iterator[str]:
    table = profile.sites
    if table is not None:
        when = "at its death" if table.moment is Moment.DEATH else "at its high water"
        yield f"{format_bytes(table.total_bytes)} of heap {when} ({table.profiler})"
    for row in rows:
        yield f"{format_bytes(row.bytes)} ({row.share:.0%}) at {_place(row)}"
