"""Two reports or baselines side by side: case by case, what changed and how sure that is."""

import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from harness.core.baseline import Baseline, BaselineEntry, baseline_of
from harness.core.change import Change, change_of
from harness.core.conditions import differences, remarks
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.spread import Standing

SCHEMA: Final = 1


class Outcome(enum.StrEnum):
    """What became of a case.

    Attributes:
        GROWN: its peak grew by more than the noise floor and its spread.
        SHRUNK: its peak shrank by more than them.
        SAME: it did neither.
        OPEN: its spread is too large to say.
        NOT_COMPARABLE: both have it, and their peaks say nothing about each other.
        NEW: only the new one has it.
        GONE: only the old one has it.

    """

    GROWN = "grown"
    SHRUNK = "shrunk"
    SAME = "same"
    OPEN = "open"
    NOT_COMPARABLE = "not_comparable"
    NEW = "new"
    GONE = "gone"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A report or a baseline, as far as it is compared.

    Attributes:
        source: where it was read.
        kind: ``report`` or ``baseline``.
        unfinished: of a report that was stopped or killed: how far it came; else empty.
        incomplete: of the cases with runs that did not complete, how those ended.

    """

    source: str
    kind: str
    baseline: Baseline
    unfinished: str = ""
    incomplete: dict[str, str] = {}

    @property
    def entries(self) -> Mapping[str, BaselineEntry]:
        """The entries by the name of their case."""
        return {entry.case: entry for entry in self.baseline.entries}


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One end of the peak's interval, old and new, in bytes."""

    old_bytes: int
    new_bytes: int
    by_bytes: int
    margin_bytes: int


class CaseComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One case, old and new.

    Attributes:
        old_bytes: what the peak was at least, the median of the runs; None where it is not known.
        new_bytes: what it is at least.
        lower: how the lower end of the peak changed, which the outcome is told in.
        upper: how the upper end did; None where it says nothing.
        floor_bytes: what runs of one worker differ by without any change.
        confidence: with which the peak changed by more than the floor, from 0 to 1.
        repeats: of an open case, how many of the new runs would decide; None if no number would.
        old_repeats: and of the old ones.
        reason: why it is not comparable, or what a reader must know of it.

    """

    case: str
    outcome: Outcome
    old_bytes: int | None = None
    new_bytes: int | None = None
    old_runs: int = 0
    new_runs: int = 0
    lower: Measure | None = None
    upper: Measure | None = None
    floor_bytes: int | None = None
    confidence: float | None = None
    repeats: int | None = None
    old_repeats: int | None = None
    reason: str = ""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What changed in one scenario.

    Attributes:
        scenario: its name, of the new one.
        old: where the old one was read; empty where there is none.
        new: where the new one was read; empty where there is none.
        differences: why peaks cannot be compared at all; empty where they can.
        notes: what differs without a bearing on peaks, and what is unfinished.

    """

    scenario: str
    old: str
    new: str
    cases: tuple[CaseComparison, ...]
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class ComparisonDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `oomproof compare --json` prints."""

    schema: int
    oomproof: str
    scenarios: tuple[Comparison, ...]


def side_of_report(report: Report, *, source: str) -> Side:
    """Return a report as a side of a comparison."""
    judged = [run for run in report.runs if run.purpose is Purpose.VERDICT]
    unfinished = "" if report.finished else f"{len(judged)} of {report.planned_runs} runs"
    return Side(
        source=source,
        kind="report",
        baseline=baseline_of(report.scenario, report.conditions, report.runs),
        unfinished=unfinished,
        incomplete=_incomplete(judged),
    )


def side_of_baseline(baseline: Baseline, *, source: str) -> Side:
    """Return a baseline as a side of a comparison."""
    return Side(source=source, kind="baseline", baseline=baseline)


def _incomplete(runs: Sequence[Run]) -> dict[str, str]:
    """Return how the runs that did not complete, or were not seen, ended: by their case."""
    ends: dict[str, Counter[str]] = {}
    for run in runs:
        if run.completed and run.peak is not None:
            continue
        ended = f"ended {run.ending}" if run.ending else "had no ending"
        if run.completed:
            ended = "completed without one sample"
        ends.setdefault(run.case.name, Counter())[ended] += 1
    total = Counter(run.case.name for run in runs)
    return {
        case: ", ".join(f"{count} of {total[case]} runs {ended}" for ended, count in of.items())
        for case, of in ends.items()
    }


def compare(olds: Sequence[Side], news: Sequence[Side]) -> tuple[Comparison, ...]:
    """Return what changed, scenario by scenario; one alone on each side is held against the other.

    A scenario that only one side has is all new, or all gone.
    """
    if len(olds) == len(news) == 1:
        return (_compare(olds[0], news[0]),)
    before = {side.baseline.scenario: side for side in olds}
    now = {side.baseline.scenario: side for side in news}
    return tuple(_compare(before.get(name), now.get(name)) for name in sorted({*before, *now}))


def _compare(old: Side | None, new: Side | None) -> Comparison:
    present = [side for side in (old, new) if side is not None]
    reasons = differences(*(side.baseline.conditions for side in present)) if old and new else ()
    names = sorted({name for side in present for name in (*side.entries, *side.incomplete)})
    return Comparison(
        scenario=present[-1].baseline.scenario,
        old=old.source if old else "",
        new=new.source if new else "",
        differences=reasons,
        notes=tuple(_notes(old, new)),
        cases=tuple(_compare_case(name, old, new, reasons) for name in names),
    )


def _notes(old: Side | None, new: Side | None) -> Iterable[str]:
    for side in (old, new):
        if side is not None and side.unfinished:
            yield f"{side.source} is not finished: it has {side.unfinished}"
    if old is None or new is None:
        return
    before, now = old.baseline, new.baseline
    if before.scenario != now.scenario:
        yield f"the scenario was {before.scenario} and is {now.scenario}"
    yield from remarks(before.conditions, now.conditions)
    if before.schema < now.schema:
        yield (
            f"{old.source} is of schema {before.schema}, which says nothing of the spread of its "
            "runs; accept a report again"
        )


def _compare_case(
    name: str, old: Side | None, new: Side | None, reasons: Sequence[str]
) -> CaseComparison:
    before, now = (side.entries.get(name) if side else None for side in (old, new))
    died = [
        f"{when} {side.incomplete[name]}"
        for when, side in (("before,", old), ("now,", new))
        if side is not None and name in side.incomplete
    ]
    seen = CaseComparison(
        case=name,
        outcome=Outcome.NOT_COMPARABLE,
        old_bytes=before.peaks.least_bytes if before else None,
        new_bytes=now.peaks.least_bytes if now else None,
        old_runs=before.runs if before else 0,
        new_runs=now.runs if now else 0,
        reason="; ".join(died),
    )
    if before is None or now is None:
        return _one_sided(seen, old, new)
    if reasons:
        return msgspec.structs.replace(seen, reason="other conditions")
    if before.snapshot_sha256 != now.snapshot_sha256:
        return msgspec.structs.replace(seen, reason="another snapshot of this name")
    sandbox = new.baseline.conditions.sandbox if new else ""
    return _measured(seen, change_of(before.peaks, now.peaks, sandbox))


def _one_sided(seen: CaseComparison, old: Side | None, new: Side | None) -> CaseComparison:
    """Return a case whose peak at least one side does not know."""
    if old is None or (seen.case not in old.entries and seen.case not in old.incomplete):
        return msgspec.structs.replace(seen, outcome=Outcome.NEW)
    if new is None or (seen.case not in new.entries and seen.case not in new.incomplete):
        return msgspec.structs.replace(seen, outcome=Outcome.GONE)
    return seen


def _measured(seen: CaseComparison, change: Change) -> CaseComparison:
    outcome = _outcome(change)
    wanted = change.wanted_either_way() if outcome is Outcome.OPEN else None
    return msgspec.structs.replace(
        seen,
        outcome=outcome,
        lower=_measure(change, 0),
        upper=_measure(change, 1) if change.upper is not None else None,
        floor_bytes=change.floor_bytes,
        confidence=round(change.confidence(), 6),
        repeats=wanted.new_count if wanted else None,
        old_repeats=wanted.old_count if wanted else None,
    )


def _measure(change: Change, index: int) -> Measure:
    difference = change.measures[index]
    return Measure(
        old_bytes=difference.old_bytes,
        new_bytes=difference.new_bytes,
        by_bytes=difference.by_bytes,
        margin_bytes=difference.margin_bytes(),
    )


def _outcome(change: Change) -> Outcome:
    growth, shrinkage = change.growth(0.0), change.shrinkage()
    if growth is Standing.OVER:
        return Outcome.GROWN
    if shrinkage is Standing.OVER:
        return Outcome.SHRUNK
    return Outcome.OPEN if Standing.OPEN in {growth, shrinkage} else Outcome.SAME
