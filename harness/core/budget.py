"""What the budgets say of the runs: findings, and the confirming runs that a decision needs."""

from collections.abc import Iterable, Sequence

import msgspec

from harness.core.baseline import Baseline
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.growth_budget import judge_growth
from harness.core.law_budget import judge_job_growth, judge_slopes
from harness.core.quantity import Size
from harness.core.run import Purpose, Run
from harness.core.scenario import Budget, Scenario
from harness.core.undecided import unknown, unmeasured
from harness.core.units import format_bytes


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """A run wanted at a budget's size, because the budget lies inside a run's interval."""

    run: Run
    case: Case


def confirmations(scenario: Scenario, runs: Sequence[Run]) -> tuple[Confirmation, ...]:
    """Return the confirming runs that the peak budgets still need, one for each case and size."""
    wanted: dict[str, Confirmation] = {}
    done = {run.case.name for run in runs if run.purpose is Purpose.CONFIRMATION}
    for budget in scenario.budget:
        for run in _measured(runs, budget.worker):
            if budget.peak is None or run.is_polled or not _is_open(run, budget.peak):
                continue
            case = _case_at(run.case, budget.peak)
            if case.name not in done:
                wanted.setdefault(case.name, Confirmation(run=run, case=case))
    return tuple(wanted.values())


def _case_at(case: Case, size: Size) -> Case:
    """Return the same case under a limit of `size`."""
    return msgspec.structs.replace(
        case, memory_limit_bytes=size.bytes, memory_limit_label=size.text
    )


def _is_open(run: Run, size: Size) -> bool:
    """Whether a run that completed leaves open if its worker fits in `size`."""
    if _survived(run, size):
        return False
    if run.peak is None:
        return run.peak_upper_bytes is None or run.peak_upper_bytes > size.bytes
    return run.peak.holds(size.bytes)


def _survived(run: Run, size: Size) -> bool:
    """Whether a run completed under a kernel's limit of `size` or less, which decides."""
    limit_bytes = run.case.memory_limit_bytes
    return not run.is_polled and limit_bytes is not None and limit_bytes <= size.bytes


def _measured(runs: Sequence[Run], worker: str) -> Iterable[Run]:
    """Yield the verdict runs of a worker that completed, so that their peak is a peak."""
    for run in runs:
        if run.case.worker == worker and run.purpose is Purpose.VERDICT and run.completed:
            yield run


def judge_budgets(
    scenario: Scenario, runs: Sequence[Run], conditions: Conditions, baseline: Baseline | None
) -> tuple[Finding, ...]:
    """Return what the scenario's budgets find in its runs, each thing once.

    The budgets of a worker that was not run, because others were asked for, find nothing.
    """
    was_run = {run.case.worker for run in runs}
    findings: dict[Finding, None] = {}
    for budget in scenario.budget:
        if budget.worker not in was_run:
            continue
        measured = tuple(_measured(runs, budget.worker))
        if budget.peak is not None:
            findings.update(dict.fromkeys(_judge_peaks(budget, budget.peak, measured, runs)))
        if budget.growth is not None:
            growth = judge_growth(budget, budget.growth, measured, conditions, baseline)
            findings.update(dict.fromkeys(growth))
        if budget.per_input_byte is not None:
            findings.update(dict.fromkeys(judge_slopes(budget, budget.per_input_byte, runs)))
        if budget.growth_per_snapshot is not None:
            growing = judge_job_growth(budget, budget.growth_per_snapshot, runs)
            findings.update(dict.fromkeys(growing))
    return tuple(findings)


def _judge_peaks(
    budget: Budget, size: Size, measured: Sequence[Run], runs: Sequence[Run]
) -> Iterable[Finding]:
    for run in measured:
        if run.peak_bytes is not None and run.peak_bytes > size.bytes and not _survived(run, size):
            yield _over_peak(budget, run, size)
        elif _is_open(run, size):
            yield from _judge_inside(budget, run, size, runs)
    # A worker that died above its budget is over it, whatever ending was expected.
    died_over = [run for run in runs if _died_over(run, budget.worker, size)]
    for run in died_over:
        yield _over_peak(budget, run, size)
    if not measured and not died_over:
        yield unmeasured(budget, Subject.PEAK)


def _died_over(run: Run, worker: str, size: Size) -> bool:
    return (
        run.case.worker == worker
        and run.purpose is Purpose.VERDICT
        and run.ending is not None
        and not run.completed
        and run.peak is not None
        and run.peak.peak_bytes > size.bytes
    )


def _over_peak(budget: Budget, run: Run, size: Size) -> Finding:
    peak_bytes = run.peak.peak_bytes if run.peak is not None else 0
    at_least = "at least " if run.peak_is_lower_bound else ""
    return Finding(
        budget=Subject.PEAK,
        worker=budget.worker,
        severity=Severity.FAILURE,
        case=run.case.name,
        run=run.number,
        message=f"{run.case.name}: the peak of {at_least}{format_bytes(peak_bytes)} is over the "
        f"budget `peak` of {size.text} by {at_least}{format_bytes(peak_bytes - size.bytes)}.",
        next_step="Find what the worker keeps (its batches, lists, caches), or raise the budget "
        "if it needs the memory.",
    )


def _judge_inside(budget: Budget, run: Run, size: Size, runs: Sequence[Run]) -> Iterable[Finding]:
    """Judge a budget that lies inside a run's interval: a run at that limit decides."""
    name = _case_at(run.case, size).name
    for confirming in runs:
        if confirming.purpose is Purpose.CONFIRMATION and confirming.case.name == name:
            yield from _judge_confirmation(budget, run, size, confirming)
            return
    yield unknown(budget, run, Subject.PEAK, _interval(run, size))


def _judge_confirmation(budget: Budget, run: Run, size: Size, confirming: Run) -> Iterable[Finding]:
    if confirming.completed:
        return
    if confirming.ending is Ending.OOM_KILLED:
        yield Finding(
            budget=Subject.PEAK,
            worker=budget.worker,
            severity=Severity.FAILURE,
            case=run.case.name,
            run=confirming.number,
            message=f"{run.case.name}: the worker does not fit in its budget `peak` of "
            f"{size.text}: a confirming run at that limit was killed.",
            next_step="Find what the worker keeps, or raise the budget if it needs the memory.",
        )
    else:
        ended = confirming.ending or f"without an ending ({confirming.reason})"
        yield unknown(
            budget,
            run,
            Subject.PEAK,
            f"{_interval(run, size)}, and the confirming run ended {ended}",
        )


def _interval(run: Run, size: Size) -> str:
    if run.peak is None:
        return "not one sample of it could be taken"
    upper = run.peak.peak_upper_bytes
    top = "an unknown upper end" if upper is None else format_bytes(upper)
    return f"{size.text} lies between {format_bytes(run.peak.peak_bytes)} and {top}"
