"""Findings that leave a budget undecided: what could not be seen, and what would show it."""

from harness.core.finding import Finding, Severity, Subject
from harness.core.run import Run
from harness.core.scenario import Budget


def unmeasured(budget: Budget, subject: Subject) -> Finding:
    """Return the finding that no run of the budget's worker completed."""
    return Finding(
        budget=subject,
        worker=budget.worker,
        severity=Severity.NO_VERDICT,
        message=f"{budget.worker}: whether the budget `{subject}` is kept is not known: no run "
        "completed, so what the worker needs was not seen.",
        next_step="Raise the limit, or take the budget out.",
    )


def unknown(budget: Budget, run: Run, subject: Subject, why: str) -> Finding:
    """Return the finding that a run does not decide a budget, and why."""
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
