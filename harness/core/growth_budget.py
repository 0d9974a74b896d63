"""What the budget `growth` says of runs: their peaks against those of an accepted baseline.

A sampled peak is never too high, but it misses what lasts for less than the time between two
looks, and on a busy machine more of it in one run than in another. The kernel's high-water counter
misses nothing, but also counts page cache. So growth is what both show.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.core.baseline import (
    Baseline,
    BaselineEntry,
    fingerprint,
    median_peak_bytes,
    median_upper_bytes,
)
from harness.core.conditions import Conditions, differences
from harness.core.finding import Finding, Severity, Subject
from harness.core.noise import growth_floor_bytes
from harness.core.quantity import Percent
from harness.core.run import Run
from harness.core.scenario import Budget
from harness.core.undecided import unknown, unmeasured
from harness.core.units import format_bytes


def judge_growth(
    budget: Budget,
    growth: Percent,
    measured: Sequence[Run],
    conditions: Conditions,
    baseline: Baseline | None,
) -> Iterable[Finding]:
    """Hold the runs of a worker that completed, `measured`, against its budget `growth`."""
    if baseline is None:
        yield _about_baseline(
            budget,
            "there is no baseline yet, so growth was not judged.",
            "`oomproof baseline accept` makes this report the baseline.",
        )
        return
    reasons = differences(baseline.conditions, conditions)
    if reasons:
        yield _about_baseline(
            budget,
            f"the baseline is not comparable, so growth was not judged: {'; '.join(reasons)}.",
            "Run where the baseline was made, or accept this report with `oomproof baseline "
            "accept`.",
        )
        return
    if not measured:
        yield unmeasured(budget, Subject.GROWTH)
    cases: dict[str, list[Run]] = defaultdict(list)
    for run in measured:
        cases[run.case.name].append(run)
    for runs in cases.values():
        yield from _judge_case(budget, growth, runs, baseline.entry_of(runs[0].case))


def _judge_case(
    budget: Budget, growth: Percent, runs: Sequence[Run], entry: BaselineEntry | None
) -> Iterable[Finding]:
    case = runs[0].case
    seen = [run for run in runs if run.peak is not None]
    if entry is None:
        yield _not_in_baseline(budget, case.name, was_seen=bool(seen))
    elif entry.snapshot_sha256 != fingerprint(case):
        yield _about_baseline(
            budget,
            f"{case.name}: the baseline was made with another snapshot of this name, so growth "
            "was not judged.",
            "Use the same snapshot, or accept this report with `oomproof baseline accept`.",
        )
    elif not seen:
        upper_bytes = median_upper_bytes(runs)
        if upper_bytes is None or _is_over(upper_bytes, entry.peak_bytes, growth, runs[0]):
            why = "not one sample of it could be taken"
            yield unknown(budget, runs[0], Subject.GROWTH, why)
    elif _has_grown(seen, entry, growth):
        yield _grown(budget, growth, seen, entry)


def _has_grown(runs: Sequence[Run], entry: BaselineEntry, growth: Percent) -> bool:
    """Whether the samples are over what is allowed, and the counter does not deny it."""
    run = runs[0]
    if not _is_over(median_peak_bytes(runs), entry.peak_bytes, growth, run):
        return False
    now_bytes, before_bytes = median_upper_bytes(runs), entry.peak_upper_bytes
    if now_bytes is None or before_bytes is None:
        return True
    is_filled = run.is_filled_by(max(now_bytes, before_bytes))
    return is_filled or _is_over(now_bytes, before_bytes, growth, run)


def _is_over(now_bytes: int, before_bytes: int, growth: Percent, run: Run) -> bool:
    floor_bytes = growth_floor_bytes(run.sandbox, before_bytes)
    return now_bytes > before_bytes * (1 + growth.fraction) + floor_bytes


def _grown(budget: Budget, growth: Percent, runs: Sequence[Run], entry: BaselineEntry) -> Finding:
    run, peak_bytes = runs[0], median_peak_bytes(runs)
    grown_bytes = peak_bytes - entry.peak_bytes
    floor_bytes = growth_floor_bytes(run.sandbox, entry.peak_bytes)
    return Finding(
        budget=Subject.GROWTH,
        worker=budget.worker,
        severity=Severity.FAILURE,
        case=run.case.name,
        run=run.number,
        message=f"{run.case.name}: the peak grew from {format_bytes(entry.peak_bytes)} to "
        f"{format_bytes(peak_bytes)}, by {format_bytes(grown_bytes)} "
        f"({grown_bytes / max(1, entry.peak_bytes):.1%}); the budget `growth` allows "
        f"{growth.text} beyond a noise floor of {format_bytes(floor_bytes)}.",
        next_step="Look at what changed since the baseline; if the growth is meant, accept it with "
        "`oomproof baseline accept`.",
    )


def _not_in_baseline(budget: Budget, name: str, *, was_seen: bool) -> Finding:
    if was_seen:
        return _about_baseline(
            budget,
            f"{name}: the baseline does not hold this case, so its growth was not judged.",
            "`oomproof baseline accept` adds it.",
        )
    return _about_baseline(
        budget,
        f"{name}: not one sample of it could be taken, so its growth was not judged.",
        "Give the worker a larger snapshot, so that it runs for longer than a few milliseconds.",
    )


def _about_baseline(budget: Budget, message: str, next_step: str) -> Finding:
    return Finding(
        budget=Subject.BASELINE,
        worker=budget.worker,
        severity=Severity.NOTE,
        message=f"{budget.worker}: {message}" if not message.startswith(budget.worker) else message,
        next_step=next_step,
    )
