"""The history of a scenario: a line a case and commit, and the trend that the lines show."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from harness.core.baseline import SCHEMA as BASELINE_SCHEMA
from harness.core.baseline import Baseline, BaselineEntry, baseline_of
from harness.core.comparison import CaseComparison, Outcome, Side, compare
from harness.core.conditions import Conditions
from harness.core.report import Report
from harness.core.run import Purpose
from harness.core.spread import median_of
from harness.core.verdict import Verdict

SCHEMA: Final = 1
# Commits at one level that the next is held against together, so that single runs show a spread.
_MOST_TOGETHER: Final = 5
_FEW: Final = 3


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What was run.

    Attributes:
        id: its whole name; empty where it is not known.
        is_dirty: the working tree had changes that are in no commit.

    """

    id: str = ""
    is_dirty: bool = False


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One case of one report.

    Attributes:
        at: when the report was begun: UTC, ISO 8601.
        verdict: of the whole report.
        endings: how many runs of the case ended how; ``none`` where nothing could be said.
        entry: its peaks; None where no run completed.

    """

    schema: int
    at: str
    commit: Commit
    scenario: str
    case: str
    verdict: Verdict
    endings: dict[str, int]
    conditions: Conditions
    entry: BaselineEntry | None = None


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One case at one commit, with how it changed since the last few that were alike."""

    line: HistoryLine
    change: CaseComparison


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One case over its commits, oldest first.

    Attributes:
        overall: how it changed from the first few to the last few that can be compared, which shows
            what crept in by steps that are too small to count alone; None where there are no two.

    """

    scenario: str
    case: str
    points: tuple[TrendPoint, ...]
    overall: CaseComparison | None = None


class TrendDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `oomproof report --history FILE --format json` prints."""

    schema: int
    oomproof: str
    trends: tuple[Trend, ...]


def lines_of(report: Report, commit: Commit) -> tuple[HistoryLine, ...]:
    """Return what a report adds to a history, in the order of its cases."""
    judged = [run for run in report.runs if run.purpose is Purpose.VERDICT]
    made = baseline_of(report.scenario, report.conditions, judged)
    entries = {entry.case: entry for entry in made.entries}
    endings: dict[str, Counter[str]] = {}
    for run in judged:
        endings.setdefault(run.case.name, Counter())[run.ending or "none"] += 1
    return tuple(
        HistoryLine(
            schema=SCHEMA,
            at=report.started_at,
            commit=commit,
            scenario=report.scenario,
            case=case,
            verdict=report.verdict,
            endings=dict(counts),
            conditions=report.conditions,
            entry=entries.get(case),
        )
        for case, counts in endings.items()
    )


def trends_of(lines: Iterable[HistoryLine]) -> tuple[Trend, ...]:
    """Return the trend of each case, in the order in which the cases first appear.

    A commit that was run again counts once, as it was run last.
    """
    cases: dict[tuple[str, str], list[HistoryLine]] = {}
    for line in lines:
        cases.setdefault((line.scenario, line.case), []).append(line)
    return tuple(_trend(name, case, of) for (name, case), of in cases.items())


def _trend(scenario: str, case: str, lines: Sequence[HistoryLine]) -> Trend:
    kept = _last_of_each_commit(lines)
    points: list[TrendPoint] = []
    level: list[HistoryLine] = []
    for line in kept:
        change = _change(level[-_MOST_TOGETHER:], [line])
        points.append(TrendPoint(line=line, change=change))
        if line.entry is None:
            continue
        if change.outcome in {Outcome.GROWN, Outcome.SHRUNK, Outcome.NOT_COMPARABLE}:
            level.clear()
        level.append(line)
    return Trend(scenario=scenario, case=case, points=tuple(points), overall=_overall(kept))


def _last_of_each_commit(lines: Iterable[HistoryLine]) -> list[HistoryLine]:
    """Return the lines without those that the same commit has made anew; order is of the first."""
    kept: dict[tuple[str, int], HistoryLine] = {}
    for number, line in enumerate(lines):
        is_known = line.commit.id and not line.commit.is_dirty
        kept[(line.commit.id, -1) if is_known else ("", number)] = line
    return [*kept.values()]


def _overall(lines: Sequence[HistoryLine]) -> CaseComparison | None:
    """Return how the last few commits differ from the first few that can be compared with them."""
    measured = [line for line in lines if line.entry is not None]
    like = [line for line in measured if _is_like(line, measured[-1])]
    few = min(_FEW, len(like) // 2)
    return _change(like[:few], like[-few:]) if few else None


def _is_like(line: HistoryLine, last: HistoryLine) -> bool:
    return _change([line], [last]).outcome is not Outcome.NOT_COMPARABLE


def _change(before: Sequence[HistoryLine], now: Sequence[HistoryLine]) -> CaseComparison:
    olds = (_side(before),) if before else ()
    (comparison,) = compare(olds, (_side(now),))
    (case,) = comparison.cases
    if comparison.differences:
        return msgspec.structs.replace(case, reason="; ".join(comparison.differences))
    return case


def _side(lines: Sequence[HistoryLine]) -> Side:
    """Return lines of one case, measured under the same conditions, as one side."""
    line = lines[-1]
    entries = [one.entry for one in lines if one.entry is not None]
    ended = ", ".join(f"{count} {ending}" for ending, count in line.endings.items())
    return Side(
        source=line.commit.id,
        kind="history",
        baseline=Baseline(
            schema=BASELINE_SCHEMA,
            scenario=line.scenario,
            conditions=line.conditions,
            entries=(_together(entries),) if entries else (),
        ),
        incomplete={} if set(line.endings) == {"completed"} else {line.case: f"ended {ended}"},
    )


def _together(entries: Sequence[BaselineEntry]) -> BaselineEntry:
    """Return the entry that the runs of all entries make together."""
    if len(entries) == 1:
        return entries[0]
    peaks = [size for entry in entries for size in entry.peaks_bytes]
    uppers = _joined([entry.peak_uppers_bytes for entry in entries])
    return msgspec.structs.replace(
        entries[-1],
        peak_bytes=median_of(peaks),
        peak_upper_bytes=median_of(uppers) if uppers else None,
        runs=len(peaks),
        peaks_bytes=tuple(peaks),
        peak_uppers_bytes=uppers,
        caches_bytes=_joined([entry.caches_bytes for entry in entries]) if uppers else (),
    )


def _joined(lists: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return all sizes together; none where one list is empty, because its sizes are not known."""
    return tuple(size for sizes in lists for size in sizes) if all(lists) else ()
