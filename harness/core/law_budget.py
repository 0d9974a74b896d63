"""What the budgets say of laws: the cost of a byte of snapshot, and the growth from job to job."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never

from harness.core.finding import Finding, Severity, Subject
from harness.core.fit import Shape, fit_line
from harness.core.growth import GrowthLaw, growth_laws
from harness.core.noise import noise_floor_bytes
from harness.core.quantity import Size
from harness.core.run import Run
from harness.core.scaling import ScalingLaw, scaling_laws
from harness.core.scenario import Budget
from harness.core.units import format_bytes, format_megabytes

_STEP_GROWS: Final = (
    "Something is kept for every record: look for lists, caches and batches that grow with the "
    "input."
)


def judge_slopes(budget: Budget, allowed: float, runs: Sequence[Run]) -> Iterable[Finding]:
    """Hold the laws of a worker against its budget `per_input_byte`, beyond the noise.

    A law that is no line has no slope. Then the budget is kept if no two neighbouring sizes are
    farther apart than it allows. A limit under which too few sizes completed leaves nothing open
    where the same worker has a law under another.
    """
    laws = scaling_laws([run for run in runs if run.case.worker == budget.worker], ())
    known = {law.variant for law in laws if law.shape is not Shape.UNKNOWN}
    for law in laws:
        match law.shape:
            case Shape.UNKNOWN:
                if law.variant not in known:
                    yield _no_slope(budget, law.name)
            case Shape.LINEAR | Shape.UNCHECKED:
                slope = law.slope or 0.0
                lowest = min(slope, _slope_of_counters(law, runs))
                if lowest - _slope_error(law, runs) > allowed:
                    yield _over_slope(budget, law, slope, allowed)
            case Shape.QUADRATIC | Shape.STEP | Shape.NOT_LINEAR:
                yield from _judge_crooked(budget, law, allowed, runs)
            case _ as never:
                assert_never(never)
    if not laws:
        yield _no_slope(budget, budget.worker)


def _over_slope(budget: Budget, law: ScalingLaw, slope: float, allowed: float) -> Finding:
    checked = "" if law.shape is Shape.LINEAR else " (by two sizes, which always make a line)"
    return Finding(
        budget=Subject.PER_INPUT_BYTE,
        worker=budget.worker,
        severity=Severity.FAILURE,
        case=law.name,
        message=f"{law.name}: each byte of snapshot costs {slope:.4g} bytes of peak{checked}; the "
        f"budget `per_input_byte` allows {allowed:g}.",
        next_step=_STEP_GROWS,
    )


def _no_slope(budget: Budget, name: str) -> Finding:
    return Finding(
        budget=Subject.PER_INPUT_BYTE,
        worker=budget.worker,
        severity=Severity.NO_VERDICT,
        case=name,
        message=f"{name}: the budget `per_input_byte` needs runs of two sizes that completed and "
        "were measured.",
        next_step="Add a smaller snapshot, or raise the limit.",
    )


def _judge_crooked(
    budget: Budget, law: ScalingLaw, allowed: float, runs: Sequence[Run]
) -> Iterable[Finding]:
    slope, between = _steepest(law, _noise_of(law, runs), _counters_of(law, runs))
    if slope > allowed:
        yield _not_a_line(
            budget,
            law,
            Severity.FAILURE,
            f"between {between} each byte costs {slope:.4g} bytes of peak; the budget "
            f"`per_input_byte` allows {allowed:g}",
            _STEP_GROWS,
        )
    elif law.contradicted_by:
        numbers = ", ".join(str(number) for number in law.contradicted_by)
        yield _not_a_line(
            budget,
            law,
            Severity.NO_VERDICT,
            f"the sizes that completed keep the budget `per_input_byte`, but run {numbers} was "
            "killed where their line says that it fits",
            "Add a size in between, or raise the limit.",
        )


def _not_a_line(
    budget: Budget, law: ScalingLaw, severity: Severity, what: str, next_step: str
) -> Finding:
    shape = law.shape.replace("_", " ")
    return Finding(
        budget=Subject.PER_INPUT_BYTE,
        worker=budget.worker,
        severity=severity,
        case=law.name,
        message=f"{law.name}: the peak has no one slope, it is {shape} in the size: {what}.",
        next_step=next_step,
    )


def _noise_of(law: ScalingLaw, runs: Sequence[Run]) -> dict[int, int]:
    """Return the noise of the peak of each size, in bytes."""
    sandboxes = {run.number: run.sandbox for run in runs}
    return {
        point.input_bytes: noise_floor_bytes(sandboxes[point.runs[0]], point.peak_bytes)
        for point in law.points
    }


def _counters_of(law: ScalingLaw, runs: Sequence[Run]) -> dict[int, int] | None:
    """Return the smallest upper end seen of each size, in bytes; None where they deny nothing.

    Samples can miss a short peak of a small snapshot, and make the slope too steep so. The kernel's
    counters miss nothing.
    """
    by_number = {run.number: run for run in runs}
    counters: dict[int, int] = {}
    for point in law.points:
        of_size = [by_number[number] for number in point.runs]
        known = [run.peak_upper_bytes for run in of_size if run.peak_upper_bytes is not None]
        if not known or of_size[0].is_filled_by(min(known)):
            return None
        counters[point.input_bytes] = max(min(known), point.peak_bytes)
    return counters


def _slope_of_counters(law: ScalingLaw, runs: Sequence[Run]) -> float:
    counters = _counters_of(law, runs)
    line = None if counters is None else fit_line(tuple(counters.items()))
    return math.inf if line is None else line.slope


def _slope_error(law: ScalingLaw, runs: Sequence[Run]) -> float:
    """Return by how much the slope may be off: the noise of the peaks, over all the sizes."""
    noise = _noise_of(law, runs)
    return max(noise.values()) / (max(noise) - min(noise))


def _steepest(
    law: ScalingLaw, noise: Mapping[int, int], counters: Mapping[int, int] | None
) -> tuple[float, str]:
    """Return the largest slope between two neighbouring sizes, beyond the noise, and which.

    Of each stretch the smaller slope counts, by the samples or by the counters.
    """
    peaks = {point.input_bytes: point.peak_bytes for point in law.points}
    slopes = [
        (
            min(
                (by_size[after] - by_size[before] - noise[after]) / (after - before)
                for by_size in (peaks, counters or peaks)
            ),
            f"{format_megabytes(before)} and {format_megabytes(after)}",
        )
        for before, after in itertools.pairwise(peaks)
    ]
    return max(slopes, default=(0.0, ""))


def judge_job_growth(budget: Budget, allowed: Size, runs: Sequence[Run]) -> Iterable[Finding]:
    """Hold what a worker keeps of each snapshot against its budget `growth_per_snapshot`.

    Growth that settles is none, and growth that is over by less than its error is not over.
    """
    laws = growth_laws([run for run in runs if run.case.worker == budget.worker])
    for law in laws:
        growth, error = law.bytes_per_snapshot, law.error_bytes
        if growth is None or error is None:
            yield _unknown_growth(budget, law.case, law.reason)
        elif law.is_leak and growth > allowed.bytes + error:
            yield _over_growth(budget, law, growth, error, allowed)
    if not laws:
        yield _unknown_growth(budget, budget.worker, "its command was given one snapshot only")


def _unknown_growth(budget: Budget, name: str, reason: str) -> Finding:
    return Finding(
        budget=Subject.GROWTH_PER_SNAPSHOT,
        worker=budget.worker,
        severity=Severity.NO_VERDICT,
        case=name,
        message=f"{name}: whether the budget `growth_per_snapshot` is kept is not known: {reason}.",
        next_step="Give the worker more or larger snapshots of one size, or the same ones again "
        "with `passes`; the worker is to open each once, in order.",
    )


def _over_growth(budget: Budget, law: GrowthLaw, growth: int, error: int, allowed: Size) -> Finding:
    site = f", most of it from {law.kept.site}" if law.kept and law.kept.site else ""
    return Finding(
        budget=Subject.GROWTH_PER_SNAPSHOT,
        worker=budget.worker,
        severity=Severity.FAILURE,
        case=law.case,
        message=f"{law.case}: memory grows by {format_bytes(growth)} from one snapshot to the next "
        f"(give or take {format_bytes(error)}){site}; the budget `growth_per_snapshot` allows "
        f"{allowed.text}.",
        next_step="Something outlives its job: look for module-level lists and caches, and for "
        "handlers that are added and never removed.",
    )


def judge_largest(laws: Sequence[ScalingLaw], *, can_probe: bool) -> Iterable[Finding]:
    """Note each largest snapshot that was to be confirmed and was not.

    `can_probe`: whether snapshots could be made in the sizes that it takes.
    """
    for law in laws:
        for largest in law.largest:
            if largest.bytes is None or largest.confirmed:
                continue
            if not can_probe:
                what = "files have the size they have, so none could be run near it"
                step = "Give `shape` and `sizes` instead of `files` to confirm it."
            elif largest.confirmed is None:
                what = largest.confirmation or "the runs near it were not made"
                step = "See how these runs ended, and run it again."
            else:
                what = largest.confirmation
                step = "Add sizes near it to `snapshots.sizes`: the law is then fitted there."
            yield Finding(
                budget=Subject.LARGEST,
                worker=law.worker,
                severity=Severity.NOTE,
                case=law.name,
                message=f"{law.variant}: that {format_megabytes(largest.bytes)} are the most that "
                f"fits {largest.limit_label} is not confirmed: {what}.",
                next_step=step,
            )
