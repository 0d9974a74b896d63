"""The report: runs, findings and the verdict of one scenario, as it is stored and printed."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from harness.core.attribution import Attribution
from harness.core.baseline import Baseline
from harness.core.budget import judge_budgets
from harness.core.command import knows_snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject, worst_first
from harness.core.growth import GrowthLaw
from harness.core.node import judge_heap_limits
from harness.core.run import Purpose, Run
from harness.core.scaling import ScalingLaw
from harness.core.scenario import Scenario, Worker
from harness.core.sites import CaseProfile
from harness.core.units import format_bytes
from harness.core.verdict import Verdict, verdict_of

SCHEMA: Final = 1


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one invocation found.

    Attributes:
        schema: of this document; loaders refuse one they do not know.
        oomproof: the version that wrote it.
        scenario: its name.
        started_at: UTC, ISO 8601.
        finished: False when the invocation was stopped or failed before all cases had run.
        planned_runs: how many there were to be, confirmations not counted.
        laws: how the peak of each worker grows with the size of the snapshot, and what fits.
        growth: what each worker that got several snapshots keeps of one after the other.
        profiles: what held the memory of the cases that got a profiled pass.
        attributions: what grew in the cases that are over a budget for memory.

    """

    schema: int
    oomproof: str
    scenario: str
    verdict: Verdict
    started_at: str
    conditions: Conditions
    runs: tuple[Run, ...]
    findings: tuple[Finding, ...]
    finished: bool = True
    planned_runs: int = 0
    laws: tuple[ScalingLaw, ...] = ()
    growth: tuple[GrowthLaw, ...] = ()
    profiles: tuple[CaseProfile, ...] = ()
    attributions: tuple[Attribution, ...] = ()


def judge(
    scenario: Scenario,
    runs: Sequence[Run],
    conditions: Conditions,
    baseline: Baseline | None,
    more: Iterable[Finding] = (),
) -> tuple[tuple[Finding, ...], Verdict]:
    """Return all findings on these runs, failures first, and the verdict that follows.

    `more` are findings from elsewhere: of the snapshots, the output folder, the harness.
    """
    findings = [
        *judge_endings(scenario, runs),
        *judge_budgets(scenario, runs, conditions, baseline),
        *judge_commands(scenario, runs),
        *judge_heap_limits(scenario, runs, conditions),
        *more,
    ]
    return worst_first(findings), verdict_of(findings)


def judge_endings(scenario: Scenario, runs: Sequence[Run]) -> tuple[Finding, ...]:
    """Return a finding for each run that did not end as its worker's `expect` says."""
    workers = {worker.name: worker for worker in scenario.worker}
    return tuple(
        finding
        for run in runs
        if run.purpose is Purpose.VERDICT
        for finding in _judge_ending(run, workers[run.case.worker])
    )


def judge_commands(scenario: Scenario, runs: Sequence[Run]) -> tuple[Finding, ...]:
    """Return a note on each worker that was run, but could not know its snapshot."""
    was_run = {run.case.worker for run in runs}
    return tuple(
        Finding(
            budget=Subject.SNAPSHOT,
            worker=worker.name,
            severity=Severity.NOTE,
            message=f"{worker.name}: its command has no {{snapshot}}, so the worker was not told "
            "which file to read.",
            next_step="Put {snapshot} where the path of the file belongs.",
        )
        for worker in scenario.worker
        if worker.name in was_run and not knows_snapshot(worker.command_line())
    )


def expected_ending(worker: Worker, run: Run) -> Ending:
    """Return the ending that the scenario expects of a run; unstated, it is to complete."""
    labels = {snapshot.label for snapshot in run.case.snapshots}
    for expected in worker.expect:
        if expected.snapshot is not None and expected.snapshot not in labels:
            continue
        if expected.memory is not None and expected.memory != run.case.memory_limit_label:
            continue
        return expected.ending
    return Ending.COMPLETED


def _judge_ending(run: Run, worker: Worker) -> Iterable[Finding]:
    expected = expected_ending(worker, run)
    if run.ending is None:
        yield _ending_finding(
            run,
            Severity.NO_VERDICT,
            f"{run.case.name}: no verdict: {run.reason}.",
            "",
        )
    elif run.ending is expected:
        if run.is_polled and run.completed:
            yield from _doubt(run)
    elif run.ending is Ending.KILLED_FROM_OUTSIDE:
        yield _ending_finding(
            run, Severity.NO_VERDICT, f"{run.case.name}: killed from outside: {run.reason}.", ""
        )
    else:
        yield _ending_finding(
            run,
            Severity.FAILURE,
            f"{run.case.name}: ended {run.ending} instead of {expected}: {run.reason}.",
            _NEXT_STEPS.get(run.ending, ""),
        )


def _doubt(run: Run) -> Iterable[Finding]:
    """Doubt a worker that completed without a kernel's limit, and may have been over it unseen."""
    limit_bytes, upper_bytes = run.case.memory_limit_bytes, run.peak_upper_bytes
    if limit_bytes is None or not (upper_bytes is None or upper_bytes > limit_bytes):
        return
    seen = "never seen" if run.peak_bytes is None else f"seen at {format_bytes(run.peak_bytes)}"
    upper = "an unknown size" if upper_bytes is None else format_bytes(upper_bytes)
    yield _ending_finding(
        run,
        Severity.NO_VERDICT,
        f"{run.case.name}: the worker completed, but whether it kept below its limit is not known: "
        f"it was {seen}, and its processes were resident with up to {upper}.",
        "Run it in the docker or cgroup sandbox, where the kernel holds the limit.",
    )


_NEXT_STEPS: Final = {
    Ending.COMPLETED: "If the worker now fits, state that in the scenario's `expect`.",
    Ending.OOM_KILLED: "Stream the snapshot instead of parsing it whole, or raise the limit; if "
    "the kill is meant, state it in the scenario's `expect`.",
    Ending.HEAP_EXHAUSTED: "Raise --max-old-space-size in NODE_OPTIONS, below the sandbox's limit.",
    Ending.MEMORY_ERROR: "The worker asked for more than it may have at once; see its traceback.",
    Ending.REFUSED: "The snapshot is larger than the worker's size guard; quarantine it, or raise "
    "the guard for a high-memory worker.",
    Ending.CRASHED: "The end of the worker's error stream is in the run's folder.",
    Ending.TIMED_OUT: "Raise `limits.timeout`, or find what the worker waits for.",
}


def _ending_finding(run: Run, severity: Severity, message: str, next_step: str) -> Finding:
    return Finding(
        budget=Subject.EXPECT,
        worker=run.case.worker,
        severity=severity,
        message=message,
        next_step=next_step,
        case=run.case.name,
        run=run.number,
    )
