"""What the budget `growth` says of runs: their peaks against those of an accepted baseline.

A peak has grown where it is over what is allowed, the floor and its own spread together. Where the
spread is too large to say, there is no verdict, and the finding names the repeats that would do.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import assert_never

from harness.core.baseline import Baseline, BaselineEntry, fingerprint, peaks_of
from harness.core.change import Change, change_of
from harness.core.conditions import Conditions, differences
from harness.core.finding import Finding, Severity, Subject
from harness.core.noise import growth_floor_bytes
from harness.core.quantity import Percent
from harness.core.run import Run
from harness.core.scenario import Budget
from harness.core.spread import MOST_REPEATS_ADVISED, MOST_REPEATS_UNASKED, Standing, median_of
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
        if not _kept_within(runs, entry, growth):
            why = "not one sample of it could be taken"
            yield unknown(budget, runs[0], Subject.GROWTH, why)
    else:
        change = change_of(entry.peaks, peaks_of(seen), seen[0].sandbox)
        match change.growth(growth.fraction):
            case Standing.OVER:
                yield _grown(budget, growth, seen[0], change)
            case Standing.OPEN:
                yield _open(budget, growth, seen[0], change)
            case Standing.WITHIN:
                pass
            case _ as never:
                assert_never(never)


def _kept_within(runs: Sequence[Run], entry: BaselineEntry, growth: Percent) -> bool:
    """Whether the counters alone show that a case without a sample has not grown."""
    uppers = [run.peak_upper_bytes for run in runs]
    known = [upper for upper in uppers if upper is not None]
    if len(known) < len(uppers):
        return False
    floor_bytes = growth_floor_bytes(runs[0].sandbox, entry.peak_bytes)
    return median_of(known) <= entry.peak_bytes * (1 + growth.fraction) + floor_bytes


def _grown(budget: Budget, growth: Percent, run: Run, change: Change) -> Finding:
    return Finding(
        budget=Subject.GROWTH,
        worker=budget.worker,
        severity=Severity.FAILURE,
        case=run.case.name,
        run=run.number,
        message=f"{run.case.name}: the peak grew {_distance(change)}, give or take "
        f"{format_bytes(change.margin_bytes)}; the budget `growth` allows {growth.text} beyond a "
        f"noise floor of {format_bytes(change.floor_bytes)}.",
        next_step="Look at what changed since the baseline; if the growth is meant, accept it with "
        "`oomproof baseline accept`.",
    )


def _distance(change: Change) -> str:
    """Return ``from A to B, by C (2.0%)``, whichever way it went."""
    lower, by_bytes = change.lower, abs(change.lower.by_bytes)
    return (
        f"from {format_bytes(lower.old_bytes)} to {format_bytes(lower.new_bytes)}, by "
        f"{format_bytes(by_bytes)} ({by_bytes / max(1, lower.old_bytes):.1%})"
    )


def _open(budget: Budget, growth: Percent, run: Run, change: Change) -> Finding:
    way = "grew" if change.lower.by_bytes >= 0 else "shrank"
    return Finding(
        budget=Subject.GROWTH,
        worker=budget.worker,
        severity=Severity.NO_VERDICT,
        case=run.case.name,
        run=run.number,
        message=f"{run.case.name}: whether the budget `growth` is kept is not known: the peak "
        f"{way} {_distance(change)}, {_doubt(change)}; {growth.text} and a noise floor of "
        f"{format_bytes(change.floor_bytes)} are allowed.",
        next_step=advise_repeats(change, growth.fraction),
    )


def _doubt(change: Change) -> str:
    if change.lower.old_count == change.lower.new_count == 1:
        return "and one run of each does not show how far the case spreads"
    return f"which may be off by {format_bytes(change.margin_bytes)}"


def advise_repeats(change: Change, allowed: float) -> str:
    """Return how many repeats would decide whether a peak grew by more than the share `allowed`."""
    wanted, lower = change.wanted(allowed), change.lower
    if wanted is None:
        return (
            f"Not even {MOST_REPEATS_ADVISED} repeats would decide: the growth is too near to what "
            "is allowed for what the case spreads. Allow more or less, or accept it with `oomproof "
            "baseline accept`."
        )
    option = f"`--repeat {wanted.new_count}`"
    if wanted.new_count <= MOST_REPEATS_UNASKED:
        option += ", or `--repeat auto`"
    if wanted.old_count > lower.old_count:
        return (
            f"About {wanted.new_count} repeats of both would decide: accept a baseline that was "
            f"run with `--repeat {wanted.old_count}` instead of {lower.old_count}, and run with "
            f"{option}."
        )
    return f"About {wanted.new_count} repeats instead of {lower.new_count} would decide: {option}."


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
