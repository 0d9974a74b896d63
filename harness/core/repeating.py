"""Which cases another repeat may decide, after as many as were asked for."""

import enum
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from harness.core.baseline import Baseline, fingerprint
from harness.core.case import Case
from harness.core.conditions import Conditions, differences
from harness.core.finding import Severity, Subject
from harness.core.report import judge
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.spread import MOST_REPEATS_UNASKED

# What a case needs whose runs are to become a baseline: the least that shows a spread.
BASELINE_REPEATS: Final = 3


class Repeating(enum.Enum):
    """Which cases are run again.

    Attributes:
        NONE: none, because somebody said how often.
        OPEN: those of which more repeats may decide whether they have grown.
        AUTO: also those that have nothing to be held against, to be a baseline themselves.

    """

    NONE = "none"
    OPEN = "open"
    AUTO = "auto"


def cases_to_repeat(
    scenario: Scenario,
    runs: Sequence[Run],
    conditions: Conditions,
    baseline: Baseline | None,
    repeating: Repeating,
) -> tuple[Case, ...]:
    """Return the cases of `runs` to be run once more; none where that can change no verdict.

    A failure is certain whatever else is open, so after one there is nothing to run. Open is a
    budget `growth` whose case spreads too much; and by `AUTO` a case that has one but nothing to
    be held against is run three times, so that a baseline made of it knows its spread.
    """
    if repeating is Repeating.NONE:
        return ()
    cases = {run.case.name: run.case for run in runs if run.purpose is Purpose.VERDICT}.values()
    findings, _ = judge(scenario, runs, conditions, baseline)
    if any(finding.severity is Severity.FAILURE for finding in findings):
        return ()
    open_ = {
        finding.case
        for finding in findings
        if finding.budget is Subject.GROWTH and finding.severity is Severity.NO_VERDICT
    }
    budgeted = {budget.worker for budget in scenario.budget if budget.growth is not None}
    made = Counter(run.case.name for run in runs if run.purpose is Purpose.VERDICT)
    completed = {run.case.name for run in runs if run.purpose is Purpose.VERDICT and run.completed}
    known = _known(cases, conditions, baseline)
    return tuple(
        case
        for case in cases
        if case.name in completed
        and made[case.name] < MOST_REPEATS_UNASKED
        and (
            case.name in open_
            or (
                repeating is Repeating.AUTO
                and case.worker in budgeted
                and case.name not in known
                and made[case.name] < BASELINE_REPEATS
            )
        )
    )


def _known(
    cases: Iterable[Case], conditions: Conditions, baseline: Baseline | None
) -> Collection[str]:
    """Return the cases that the baseline can be held against."""
    if baseline is None or differences(baseline.conditions, conditions):
        return ()
    return {
        case.name
        for case in cases
        if (entry := baseline.entry_of(case)) and entry.snapshot_sha256 == fingerprint(case)
    }
