"""What the budgets say of the runs: findings, and the confirming runs that a decision needs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from harness.core.baseline import Baseline, fingerprint, median_peak_bytes
from harness.core.case import Case
from harness.core.conditions import Conditions, differences
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.law_budget import judge_job_growth, judge_slopes
from harness.core.noise import noise_floor_bytes
from harness.core.quantity import Percent, Size
from harness.core.run import Purpose, Run
from harness.core.scenario import Budget, Scenario
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
            growth = _judge_growth(budget, budget.growth, measured, conditions, baseline)
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
        yield _unmeasured(budget, Subject.PEAK)


def _unmeasured(budget: Budget, subject: Subject) -> Finding:
    return Finding(
        budget=subject,
        worker=budget.worker,
        severity=Severity.NO_VERDICT,
        message=f"{budget.worker}: whether the budget `{subject}` is kept is not known: no run "
        "completed, so what the worker needs was not seen.",
        next_step="Raise the limit, or take the budget out.",
    )


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
    yield _unknown(budget, run, Subject.PEAK, _interval(run, size))


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
        yield _unknown(
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


def _unknown(budget: Budget, run: Run, subject: Subject, why: str) -> Finding:
    return Finding(
        budget=subject,
        worker=budget.worker,
        severity=Severity.NO_VERDICT,
        case=run.case.name,
        run=run.number,
        message=f"{run.case.name}: whether the budget `{subject}` is kept is not known: {why}.",
        next_step="Run it in the docker or cgroup sandbox, where a run at the budget decides."
        if run.is_polled
        else "Run it again; if this comes back, repeat the case.",
    )


def _judge_growth(
    budget: Budget,
    growth: Percent,
    measured: Sequence[Run],
    conditions: Conditions,
    baseline: Baseline | None,
) -> Iterable[Finding]:
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
        yield _unmeasured(budget, Subject.GROWTH)
    for runs in _by_case(measured).values():
        yield from _judge_case_growth(budget, growth, runs, baseline)


def _judge_case_growth(
    budget: Budget, growth: Percent, runs: Sequence[Run], baseline: Baseline
) -> Iterable[Finding]:
    run = runs[0]
    entry = baseline.entry_of(run.case)
    if entry is None:
        yield _about_baseline(
            budget,
            f"{run.case.name}: the baseline does not hold this case, so its growth was not judged.",
            "`oomproof baseline accept` adds it.",
        )
        return
    if entry.snapshot_sha256 != fingerprint(run.case):
        yield _about_baseline(
            budget,
            f"{run.case.name}: the baseline was made with another snapshot of this name, so growth "
            "was not judged.",
            "Use the same snapshot, or accept this report with `oomproof baseline accept`.",
        )
        return
    peak_bytes = median_peak_bytes(runs)
    floor_bytes = noise_floor_bytes(run.sandbox, entry.peak_bytes)
    allowed_bytes = entry.peak_bytes * (1 + growth.fraction) + floor_bytes
    if peak_bytes <= allowed_bytes:
        return
    grown_bytes = peak_bytes - entry.peak_bytes
    yield Finding(
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


def _about_baseline(budget: Budget, message: str, next_step: str) -> Finding:
    return Finding(
        budget=Subject.BASELINE,
        worker=budget.worker,
        severity=Severity.NOTE,
        message=f"{budget.worker}: {message}" if not message.startswith(budget.worker) else message,
        next_step=next_step,
    )


def _by_case(runs: Iterable[Run]) -> dict[str, list[Run]]:
    cases: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.peak is not None:
            cases[run.case.name].append(run)
    return cases
