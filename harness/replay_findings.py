"""What a replay finds beside what its scenario asks: of snapshots, output folders and itself."""

from collections.abc import Iterable
from pathlib import Path

from harness.core.case import Case
from harness.core.ending import Ending
from harness.core.errors import InterruptedRunError, OomproofError
from harness.core.finding import Finding, Severity, Subject
from harness.core.run import Run
from harness.reading import ByteProgress
from harness.snapshots import invalid_json_at


def unsaved(message: str, severity: Severity) -> Finding:
    """Return the finding that something could not be saved."""
    return Finding(
        budget=Subject.HARNESS,
        worker="",
        severity=severity,
        message=message,
        next_step="Free some space, or name another folder with --out, and run again.",
    )


def unmade(case: Case, error: OomproofError) -> Finding:
    """Return the finding that a snapshot to confirm what fits could not be made."""
    return Finding(
        budget=Subject.LARGEST,
        worker=case.worker,
        severity=Severity.NOTE,
        message=f"A snapshot to confirm what fits {case.memory_limit_label} could not be made: "
        f"{error}.",
        case=case.name,
    )


def interruption(made: int, planned: int) -> Finding:
    """Return the finding that the replay was stopped before its end."""
    return Finding(
        budget=Subject.HARNESS,
        worker="",
        severity=Severity.NO_VERDICT,
        message=f"The replay was stopped after {made} of {planned} runs.",
        next_step="Run it again for a verdict; what has finished is in this report.",
    )


def output_findings(runs: Iterable[Run]) -> Iterable[Finding]:
    """Find the workers that crashed because their output folder was full."""
    for run in runs:
        if run.output_folder_full and run.ending is Ending.CRASHED:
            yield Finding(
                budget=Subject.OUTPUT,
                worker=run.case.worker,
                severity=Severity.NOTE,
                message=f"{run.case.name}: the worker crashed because its output folder was full.",
                next_step="Free some space, or name another folder with --out.",
                case=run.case.name,
                run=run.number,
            )


def snapshot_findings(runs: Iterable[Run], told: ByteProgress) -> Iterable[Finding]:
    """Find the snapshots that are no JSON, among those of runs that did not complete.

    Generated snapshots are JSON; checking each one of the user's would double a replay's time.
    `told` hears how far each has been read, and ends it where the replay is to stop.
    """
    seen = {
        snapshot.path: (run, snapshot)
        for run in runs
        if not run.completed
        for snapshot in run.case.snapshots
        if snapshot.shape is None
    }
    for path, (run, snapshot) in seen.items():
        try:
            failed = invalid_json_at(Path(path), told)
        except (OSError, InterruptedRunError):
            continue
        if failed is not None:
            yield Finding(
                budget=Subject.SNAPSHOT,
                worker=run.case.worker,
                severity=Severity.NOTE,
                message=f"{snapshot.label} is not valid JSON: at byte {failed[0]:,}: {failed[1]}.",
                next_step="Export the snapshot again if it was cut short; if the worker met the "
                "same file, its failure is what happened.",
                case=run.case.name,
                run=run.number,
            )
