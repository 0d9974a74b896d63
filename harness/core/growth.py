"""Growth from job to job: what a worker that gets several snapshots keeps of each.

What is held after a snapshot is the smallest sample between the peak of its job and that of the
next one. Nothing is known of the last: the worker ends after it, and gives all back.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import mean

import msgspec

from harness.core.case import Case, Snapshot
from harness.core.fit import Line
from harness.core.kept import Kept
from harness.core.noise import noise_floor_bytes
from harness.core.run import Purpose, Run

MOST_WARM_UP = 1
_FEWEST_POINTS = 3
# Snapshots this near in size make jobs that can be compared.
_ALIKE = 1.1
# A worker that settles has all but stopped to grow in its second half; one that leaks has not.
_STILL_GROWING = 0.5
# Student's t for 95 %, two-sided, by the degrees of freedom. A worker that lets go of its last
# document only when it has the next swings by its size, and of a few points of a swing any two
# rise: with so few the bound must be wide.
_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
_STUDENT_OF_MANY = 2.1


class AfterSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was held after one snapshot: its place in the case, from 0, and the memory."""

    index: int
    held_bytes: int
    run: int


class GrowthLaw(msgspec.Struct, frozen=True, kw_only=True):
    """held memory = `base_bytes` + `bytes_per_snapshot` x snapshots, for one case.

    Attributes:
        points: what was measured, of all repeats; the first snapshot is left out as warm-up where
            four and more are known.
        warm_up: how many were left out.
        bytes_per_snapshot: None where `reason` says that it cannot be known.
        error_bytes: how far `bytes_per_snapshot` may be off, 19 times of 20: Student's t for so few
            points times its standard error, and at least the noise of one measurement spread over
            the snapshots.
        is_leak: memory grows by more than the error, and has not settled in the second half.
        kept: the line that keeps most of it, by a profiled pass; None where none was made.

    """

    case: str
    worker: str
    points: tuple[AfterSnapshot, ...] = ()
    warm_up: int = 0
    base_bytes: int | None = None
    bytes_per_snapshot: int | None = None
    error_bytes: int | None = None
    is_leak: bool = False
    reason: str = ""
    kept: Kept | None = None
    approximate: bool = False


def growth_laws(runs: Sequence[Run]) -> tuple[GrowthLaw, ...]:
    """Return the growth of each case that gave one process several snapshots."""
    cases: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.case.more_snapshots and run.purpose is Purpose.VERDICT:
            cases[run.case.name].append(run)
    told = {job_of(run.case): run.kept for run in runs if run.kept is not None}
    return tuple(
        msgspec.structs.replace(_law_of(of_case), kept=told.get(job_of(of_case[0].case)))
        for of_case in cases.values()
    )


def job_of(case: Case) -> tuple[str, tuple[Snapshot, ...]]:
    """Return what a case has a worker do, whatever its limit."""
    return case.variant, case.snapshots


def _law_of(runs: Sequence[Run]) -> GrowthLaw:
    law = GrowthLaw(
        case=runs[0].case.name,
        worker=runs[0].case.worker,
        approximate=any(run.approximate for run in runs),
    )
    points = tuple(_points(run for run in runs if run.completed))
    reason = _obstacle(runs, points)
    if reason:
        return msgspec.structs.replace(law, points=points, reason=reason)
    warm_up = MOST_WARM_UP if len(_indices(points)) > _FEWEST_POINTS else 0
    kept = tuple(point for point in points if point.index >= warm_up)
    line, error = _fit(kept, runs[0])
    if line is None:
        why = "the snapshots differ in size, and not three of the same size can be compared"
        return msgspec.structs.replace(law, points=points, reason=why)
    return msgspec.structs.replace(
        law,
        points=kept,
        warm_up=warm_up,
        base_bytes=round(line.base),
        bytes_per_snapshot=round(line.slope),
        error_bytes=round(error),
        is_leak=line.slope > error and _keeps_growing(kept, runs[0], line.slope),
    )


def _points(runs: Iterable[Run]) -> Iterable[AfterSnapshot]:
    for run in runs:
        for index, held_bytes in enumerate(run.after_snapshots):
            if held_bytes is not None:
                yield AfterSnapshot(index=index, held_bytes=held_bytes, run=run.number)


def _indices(points: Iterable[AfterSnapshot]) -> set[int]:
    return {point.index for point in points}


def _obstacle(runs: Sequence[Run], points: Sequence[AfterSnapshot]) -> str:
    """Return why nothing can be said, or nothing."""
    needed = _FEWEST_POINTS + 1
    if len(runs[0].case.snapshots) < needed:
        return f"it takes {needed} snapshots, for the last leaves nothing to measure"
    if not any(run.completed for run in runs):
        return "no run completed"
    if not any(run.after_snapshots for run in runs):
        return "the worker did not open its snapshots once each in their order, or was not seen to"
    if len(_indices(points)) < _FEWEST_POINTS:
        return "the jobs were too short for a sample between each and the next"
    return ""


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """The slope of points compared with their like, and what it rests on."""

    slope: float
    spread: float
    free: int
    residuals: tuple[float, ...]


def rise_of(points: Sequence[AfterSnapshot], case: Case) -> Rise | None:
    """Return the slope over the index; None where nothing can be compared.

    Where snapshots differ in size, what a worker holds of its last one differs too. So each is
    compared only with those of the same bytes, in other passes: the mean of each is taken off.
    """
    groups: dict[str, list[AfterSnapshot]] = defaultdict(list)
    for point in points:
        groups[_likeness(case, point)].append(point)
    pairs = [
        (point.index - mean(p.index for p in group), point.held_bytes - level)
        for group in groups.values()
        for level in [mean(p.held_bytes for p in group)]
        for point in group
    ]
    spread = sum(x * x for x, _ in pairs)
    if spread == 0:
        return None
    slope = sum(x * y for x, y in pairs) / spread
    return Rise(
        slope=slope,
        spread=spread,
        free=len(pairs) - len(groups) - 1,
        residuals=tuple(y - slope * x for x, y in pairs),
    )


def _fit(points: Sequence[AfterSnapshot], run: Run) -> tuple[Line | None, float]:
    """Return the line and the error of its slope; None where nothing can be compared."""
    rise = rise_of(points, run.case)
    if rise is None or rise.free < 1:
        return None, 0.0
    standard = (sum(r * r for r in rise.residuals) / rise.free / rise.spread) ** 0.5
    student = _STUDENT[rise.free - 1] if rise.free <= len(_STUDENT) else _STUDENT_OF_MANY
    highest = max(point.held_bytes for point in points)
    span = max(1, max(_indices(points)) - min(_indices(points)))
    noise = noise_floor_bytes(run.sandbox, highest) / span
    base = mean(p.held_bytes for p in points) - rise.slope * mean(p.index for p in points)
    return Line(base=base, slope=rise.slope), max(student * standard, noise)


def _likeness(case: Case, point: AfterSnapshot) -> str:
    """Return what names the snapshots that one can be compared with."""
    sizes = [snapshot.bytes for snapshot in case.snapshots]
    if max(sizes) <= _ALIKE * min(sizes):
        return ""
    return case.snapshots[point.index].sha256


def _keeps_growing(points: Sequence[AfterSnapshot], run: Run, slope: float) -> bool:
    """Whether the second half grows too; what settles, such as a cache that fills, is no leak."""
    middle = (min(_indices(points)) + max(_indices(points))) / 2
    later = [point for point in points if point.index >= middle]
    rise = rise_of(later, run.case)
    return rise is None or rise.slope >= _STILL_GROWING * slope
