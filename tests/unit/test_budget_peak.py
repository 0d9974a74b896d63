from collections.abc import Callable, Sequence
from typing import Any

import pytest

from harness.core.budget import confirmations, judge_budgets
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario

Runs = Callable[..., Run]
Cases = Callable[..., Case]
CONDITIONS = Conditions(sandbox="docker")


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(budget=[{"worker": "streaming", "peak": "64MiB"}])


def judge(scenario: Scenario, *runs: Run) -> tuple[Finding, ...]:
    return judge_budgets(scenario, runs, CONDITIONS, None)


def severities(findings: Sequence[Finding]) -> list[Severity]:
    return [finding.severity for finding in findings]


@pytest.fixture
def confirming(make_run: Runs, make_case: Cases) -> Callable[..., Run]:
    """Return runs at the budget's own size."""

    def make(**changes: Any) -> Run:
        case = make_case(limit_mib=64)
        return make_run(2, case=case, purpose=Purpose.CONFIRMATION, **changes)

    return make


def test_a_peak_below_the_budget_is_kept(scenario: Scenario, make_run: Runs) -> None:
    run = make_run(peak_mib=40, upper_mib=64)
    assert judge(scenario, run) == ()
    assert confirmations(scenario, [run]) == ()


def test_a_peak_above_the_budget_fails(scenario: Scenario, make_run: Runs) -> None:
    (finding,) = judge(scenario, make_run(7, peak_mib=65, upper_mib=80))
    assert (finding.severity, finding.budget) == (Severity.FAILURE, Subject.PEAK)
    assert (finding.worker, finding.run) == ("streaming", 7)
    assert "65 MiB is over the budget `peak` of 64MiB by 1 MiB" in finding.message
    assert finding.next_step


@pytest.mark.parametrize("upper_mib", [80, None])
def test_a_budget_inside_the_interval_wants_a_run_at_it(
    upper_mib: float | None, scenario: Scenario, make_run: Runs
) -> None:
    run = make_run(peak_mib=60, upper_mib=upper_mib)
    (wanted,) = confirmations(scenario, [run])
    assert wanted.case.memory_limit_bytes == 64 * 2**20
    assert wanted.case.memory_limit_label == "64MiB"
    assert wanted.case.snapshot == run.case.snapshot
    (finding,) = judge(scenario, run)
    assert finding.severity is Severity.NO_VERDICT
    top = "80 MiB" if upper_mib else "an unknown upper end"
    assert f"64MiB lies between 60 MiB and {top}" in finding.message


def test_a_run_without_a_sample_wants_one_too(scenario: Scenario, make_run: Runs) -> None:
    run = make_run(peak_mib=None, upper_mib=None)
    assert len(confirmations(scenario, [run])) == 1
    (finding,) = judge(scenario, run)
    assert finding.severity is Severity.NO_VERDICT
    assert "not one sample" in finding.message
    assert judge(scenario, make_run(peak_mib=None, upper_mib=50)) == ()


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending.COMPLETED, []),
        (Ending.OOM_KILLED, [Severity.FAILURE]),
        (Ending.CRASHED, [Severity.NO_VERDICT]),
        (Ending.TIMED_OUT, [Severity.NO_VERDICT]),
        (Ending.KILLED_FROM_OUTSIDE, [Severity.NO_VERDICT]),
        (None, [Severity.NO_VERDICT]),
    ],
)
def test_the_run_at_the_budget_decides(
    ending: Ending | None,
    expected: list[Severity],
    scenario: Scenario,
    make_run: Runs,
    confirming: Runs,
) -> None:
    runs = make_run(peak_mib=60, upper_mib=80), confirming(ending=ending)
    assert severities(judge(scenario, *runs)) == expected
    assert confirmations(scenario, runs) == ()


def test_a_killed_confirmation_is_named(
    scenario: Scenario, make_run: Runs, confirming: Runs
) -> None:
    runs = make_run(peak_mib=60, upper_mib=80), confirming(ending=Ending.OOM_KILLED)
    (finding,) = judge(scenario, *runs)
    assert finding.run == 2
    assert "a confirming run at that limit was killed" in finding.message


def test_repeats_want_one_confirmation_and_make_one_finding(
    scenario: Scenario, make_run: Runs, confirming: Runs
) -> None:
    repeats = [make_run(n, peak_mib=60, upper_mib=80, repeat=n) for n in (1, 3)]
    assert len(confirmations(scenario, repeats)) == 1
    assert len(judge(scenario, *repeats, confirming(ending=Ending.OOM_KILLED))) == 1


@pytest.mark.parametrize("limit_mib", [64, 48])
@pytest.mark.parametrize("upper_mib", [64, None])
def test_a_run_that_lived_under_such_a_limit_needs_no_confirmation(
    limit_mib: int, upper_mib: float | None, scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    run = make_run(case=make_case(limit_mib=limit_mib), peak_mib=47, upper_mib=upper_mib)
    assert confirmations(scenario, [run]) == ()
    assert judge(scenario, run) == ()


@pytest.mark.parametrize("limit_mib", [None, 64, 512])
def test_a_polled_peak_decides_only_outside_its_interval(
    limit_mib: int | None, scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    case = make_case(limit_mib=limit_mib)
    inside = make_run(case=case, peak_mib=60, upper_mib=80, sandbox="process")
    assert confirmations(scenario, [inside]) == ()
    (finding,) = judge(scenario, inside)
    assert finding.severity is Severity.NO_VERDICT
    assert "docker or cgroup" in finding.next_step
    below = make_run(case=case, peak_mib=40, upper_mib=60, sandbox="process")
    assert judge(scenario, below) == ()
    over = make_run(case=case, peak_mib=65, upper_mib=80, sandbox="process")
    assert severities(judge(scenario, over)) == [Severity.FAILURE]


def test_a_remote_kernel_confirms_a_budget_too(
    scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    run = make_run(peak_mib=60, upper_mib=None, sandbox="docker", approximate=True)
    assert [wanted.run for wanted in confirmations(scenario, [run])] == [run]
    at_budget = make_run(
        2, case=make_case(limit_mib=64), purpose=Purpose.CONFIRMATION, approximate=True
    )
    assert judge(scenario, run, at_budget) == ()


@pytest.mark.parametrize("ending", [Ending.OOM_KILLED, Ending.CRASHED, Ending.TIMED_OUT])
def test_a_worker_that_died_over_its_budget_is_over_it(
    ending: Ending, scenario: Scenario, make_run: Runs
) -> None:
    (finding,) = judge(scenario, make_run(peak_mib=100, ending=ending))
    assert finding.severity is Severity.FAILURE
    assert "at least 100 MiB" in finding.message


def test_what_a_dead_worker_needs_is_not_known(scenario: Scenario, make_run: Runs) -> None:
    died = make_run(1, peak_mib=20, ending=Ending.OOM_KILLED)
    (finding,) = judge(scenario, died)
    assert finding.severity is Severity.NO_VERDICT
    assert "no run completed" in finding.message
    assert judge(scenario, died, make_run(2, peak_mib=40)) == ()


def test_a_worker_that_was_not_run_has_no_findings(make_scenario: Callable[..., Scenario]) -> None:
    everything = {"peak": "64MiB", "growth": "2%", "per_input_byte": 0.1}
    scenario = make_scenario(budget=[{"worker": "streaming", **everything}])
    assert judge(scenario) == ()


def test_confirmations_are_no_runs_of_their_own(
    scenario: Scenario, make_run: Runs, confirming: Runs
) -> None:
    runs = make_run(peak_mib=60, upper_mib=80), confirming(peak_mib=70)
    assert judge(scenario, *runs) == ()


def test_each_case_is_confirmed(scenario: Scenario, make_run: Runs, make_case: Cases) -> None:
    runs = [
        make_run(1, case=make_case(megabytes=5), peak_mib=60, upper_mib=80),
        make_run(2, case=make_case(megabytes=50), peak_mib=60, upper_mib=80),
        make_run(3, case=make_case("other"), peak_mib=60, upper_mib=80),
    ]
    names = [wanted.case.name for wanted in confirmations(scenario, runs)]
    assert names == ["streaming · 5MB · 64MiB", "streaming · 50MB · 64MiB"]
