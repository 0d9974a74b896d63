"""The scaling law of a worker: how its peak grows with the size of the snapshot, and what fits.

A law is made of runs that completed. A run that died knows only that it needed more than it was
seen with; it makes no point of a law, but it can contradict one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, assert_never

import msgspec

from harness.core.case import Case
from harness.core.ending import Ending
from harness.core.fit import LINEAR_WITHIN, Fit, Line, Point, Shape, fit_shape
from harness.core.largest import LargestSnapshot, confirmed, largest_on_line, measured_bounds
from harness.core.noise import noise_floor_bytes
from harness.core.quantity import Limit
from harness.core.run import Purpose, Run
from harness.core.scenario import Setting

_SHAPE_WORDS: Final = {
    Shape.QUADRATIC: "the peak grows with the square of the size",
    Shape.STEP: "the peak jumps between two sizes",
    Shape.NOT_LINEAR: "the peak follows no line in the size",
    Shape.UNKNOWN: "fewer than two sizes completed",
}


class MeasuredSize(msgspec.Struct, frozen=True, kw_only=True):
    """One size: the largest peak of the runs that completed with it, and their numbers.

    The largest and not the median, because what is promised to fit must fit each time.
    """

    input_bytes: int
    peak_bytes: int
    runs: tuple[int, ...]


class ScalingLaw(msgspec.Struct, frozen=True, kw_only=True):
    """peak = `base_bytes` + `slope` x size of the snapshot, for one worker with its settings.

    Attributes:
        variant: the worker with its settings, as cases name it.
        limits: the limits that its runs were made under, by their labels. Runs under several are
            one law where a size that completed under two of them had the same peak.
        points: what was measured, by size.
        shape: whether `base_bytes` and `slope` mean anything; in other shapes than ``linear`` and
            ``unchecked`` they describe the nearest line, which must not be relied on.
        base_bytes: of the line at no input; None where there is no line.
        slope: in bytes of peak per byte of snapshot.
        error: the largest residual of the line as a share of its peak: 0.004 is 0.4 %. None below
            three sizes, where a line has none.
        is_flat: the peak does not depend on the size, within what was measured.
        contradicted_by: the numbers of runs that were killed where the line says they fit.
        largest: for each limit of the scenario, the largest snapshot that fits.
        approximate: its peaks are.

    """

    worker: str
    variant: str
    limits: tuple[str, ...]
    points: tuple[MeasuredSize, ...]
    shape: Shape
    settings: dict[str, Setting] = {}
    base_bytes: int | None = None
    slope: float | None = None
    error: float | None = None
    is_flat: bool = False
    contradicted_by: tuple[int, ...] = ()
    largest: tuple[LargestSnapshot, ...] = ()
    approximate: bool = False

    @property
    def is_line(self) -> bool:
        """Whether base and slope can be relied on, as far as could be checked."""
        match self.shape:
            case Shape.LINEAR | Shape.UNCHECKED:
                return True
            case Shape.QUADRATIC | Shape.STEP | Shape.NOT_LINEAR | Shape.UNKNOWN:
                return False
            case _ as never:
                assert_never(never)

    @property
    def name(self) -> str:
        """The worker, its settings and the limits, in one line."""
        return f"{self.variant} · {', '.join(self.limits)}"

    def largest_for(self, limit_bytes: int) -> LargestSnapshot | None:
        """Return the largest snapshot that fits this limit; None if it was not asked for."""
        return next((one for one in self.largest if one.limit_bytes == limit_bytes), None)


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A confirming run that is wanted: `case` with a snapshot of `input_bytes` for its own."""

    case: Case
    input_bytes: int


def scaling_laws(runs: Sequence[Run], limits: Iterable[Limit]) -> tuple[ScalingLaw, ...]:
    """Return the law of each worker and its settings, with what fits each of `limits`.

    Confirming runs among `runs` confirm what fits, and nothing else. Cases with several snapshots
    have no size of their own; see `harness.core.growth`.
    """
    limits = tuple(limits)
    variants: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if not run.case.more_snapshots:
            variants[run.case.variant].append(run)
    return tuple(law for of_one in variants.values() for law in _laws_of(of_one, limits))


def probes(laws: Iterable[ScalingLaw], runs: Sequence[Run]) -> tuple[Probe, ...]:
    """Return the runs that would confirm each largest snapshot: a little below it and above."""
    return tuple(
        Probe(
            case=msgspec.structs.replace(
                next(run.case for run in runs if run.case.variant == law.variant),
                memory_limit_bytes=largest.limit_bytes,
                memory_limit_label=largest.limit_label,
            ),
            input_bytes=input_bytes,
        )
        for law in laws
        for largest in law.largest
        for input_bytes in largest.probe_bytes
    )


def _laws_of(runs: Sequence[Run], limits: Sequence[Limit]) -> Iterable[ScalingLaw]:
    confirming = [run for run in runs if run.purpose is Purpose.CONFIRMATION]
    groups = _groups([run for run in runs if run.purpose is Purpose.VERDICT])
    known = {label for group in groups for label in _labels(group)}
    for group in groups:
        asked = [limit for limit in limits if limit.text in _labels(group) or len(groups) == 1]
        asked += [limit for limit in limits if limit.text not in known and limit not in asked]
        yield _law_of(group, asked, confirming)


def _labels(runs: Iterable[Run]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.case.memory_limit_label for run in runs))


def _groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Return the runs of each limit, joined with those of others where they are seen to agree.

    A worker may size itself after its limit, as runtimes with a heap of their own do. So limits are
    taken together only where a size that completed under both had the same peak.
    """
    by_limit: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_limit[run.case.memory_limit_label].append(run)
    # One under which nothing completed joins the first: it can only contradict.
    ordered = sorted(by_limit.values(), key=lambda of_one: not _completed(of_one))
    groups: list[list[Run]] = []
    for of_one in ordered:
        known = next((group for group in groups if _agree(group, of_one)), None)
        if known is None:
            groups.append(list(of_one))
        else:
            known.extend(of_one)
    return groups


def _agree(left: Sequence[Run], right: Sequence[Run]) -> bool:
    ours, theirs = _completed(left), _completed(right)
    shared = ours.keys() & theirs.keys()
    if not theirs:
        return True
    return bool(shared) and all(
        abs(_peak(ours[size]) - _peak(theirs[size])) <= 2 * _noise(ours[size]) for size in shared
    )


def _completed(runs: Iterable[Run]) -> dict[int, list[Run]]:
    """Return the runs that completed and were measured, by the size of their snapshot."""
    sizes: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        if run.completed and run.peak_bytes is not None:
            sizes[run.case.input_bytes].append(run)
    return dict(sorted(sizes.items()))


def _peak(runs: Iterable[Run]) -> int:
    return max(run.peak_bytes or 0 for run in runs)


def _noise(runs: Sequence[Run]) -> int:
    return noise_floor_bytes(runs[0].sandbox, _peak(runs))


def _law_of(runs: Sequence[Run], limits: Iterable[Limit], confirming: Sequence[Run]) -> ScalingLaw:
    sizes = _completed(runs)
    fit = fit_shape(
        [Point(x=size, y=_peak(of_size), noise=_noise(of_size)) for size, of_size in sizes.items()]
    )
    contradicting = _contradicting(fit, runs)
    shape = Shape.NOT_LINEAR if contradicting else fit.shape
    case = runs[0].case
    law = ScalingLaw(
        worker=case.worker,
        variant=case.variant,
        settings=case.settings,
        limits=_labels(runs),
        points=tuple(_measured(size, of_size) for size, of_size in sizes.items()),
        shape=shape,
        base_bytes=None if fit.line is None else round(fit.line.base),
        slope=None if fit.line is None else fit.line.slope,
        error=fit.error,
        is_flat=fit.is_flat and not contradicting,
        contradicted_by=contradicting,
        approximate=any(run.approximate for run in runs),
    )
    largest = (
        confirmed(_largest(law, fit.line, limit, limit_bytes, runs), law.variant, confirming)
        for limit in limits
        if (limit_bytes := limit.bytes) is not None
    )
    return msgspec.structs.replace(law, largest=tuple(largest))


def _measured(size: int, runs: Sequence[Run]) -> MeasuredSize:
    numbers = tuple(sorted(run.number for run in runs))
    return MeasuredSize(input_bytes=size, peak_bytes=_peak(runs), runs=numbers)


def _contradicting(fit: Fit, runs: Iterable[Run]) -> tuple[int, ...]:
    """Return the runs that needed more than the line says, by more than a line may miss."""
    if fit.line is None or fit.shape not in {Shape.LINEAR, Shape.UNCHECKED}:
        return ()
    return tuple(run.number for run in runs if _contradicts(fit.line, run))


def _contradicts(line: Line, run: Run) -> bool:
    limit_bytes, needed_bytes = run.case.memory_limit_bytes, run.peak_bytes or 0
    if run.completed:
        return False
    if run.ending is Ending.OOM_KILLED and limit_bytes is not None:
        needed_bytes = max(needed_bytes, limit_bytes)
    said_bytes = line.at(run.case.input_bytes)
    noise_bytes = noise_floor_bytes(run.sandbox, needed_bytes)
    return needed_bytes - said_bytes > max(2 * noise_bytes, LINEAR_WITHIN * needed_bytes)


def _largest(
    law: ScalingLaw, line: Line | None, limit: Limit, limit_bytes: int, runs: Sequence[Run]
) -> LargestSnapshot:
    bounds = measured_bounds(limit.text, limit_bytes, runs)
    if line is None or not law.is_line:
        reason = f"{_SHAPE_WORDS[law.shape]}, so what was measured is all that is known"
        return msgspec.structs.replace(bounds, reason=reason)
    noise = noise_floor_bytes(runs[0].sandbox, limit_bytes) / limit_bytes
    sizes = [point.input_bytes for point in law.points]
    margin = max(law.error or 0.0, noise)
    return largest_on_line(bounds, line, margin=margin, sizes=sizes, is_flat=law.is_flat)
