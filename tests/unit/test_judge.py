"""Endings against what a scenario expects, and all findings together."""

from collections.abc import Callable

import pytest

from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.report import expected_ending, judge, judge_endings
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.verdict import Verdict

Runs = Callable[..., Run]
Cases = Callable[..., Case]
Scenarios = Callable[..., Scenario]
WORKER = {"name": "streaming", "command": ["w", "{snapshot}"]}
CONDITIONS = Conditions(sandbox="docker")


@pytest.fixture
def scenario(make_scenario: Scenarios) -> Scenario:
    expect = [
        {"snapshot": "50MB", "memory": "512MiB", "ending": "oom_killed"},
        {"snapshot": "5MB", "ending": "refused"},
        {"memory": "1GiB", "ending": "timed_out"},
    ]
    return make_scenario(
        worker=[{**WORKER, "expect": expect}], limits={"memory": ["512MiB", "1GiB", "2GiB"]}
    )


@pytest.mark.parametrize(
    ("asked", "ending"),
    [
        ((50, "512MiB"), Ending.OOM_KILLED),
        ((50, "1GiB"), Ending.TIMED_OUT),
        ((50, "2GiB"), Ending.COMPLETED),
        ((5, "512MiB"), Ending.REFUSED),
        ((5, "1GiB"), Ending.REFUSED),
    ],
)
def test_the_first_expectation_that_matches_counts(
    asked: tuple[int, str], ending: Ending, scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    megabytes, limit = asked
    run = make_run(case=make_case(megabytes=megabytes, memory_limit_label=limit))
    assert expected_ending(scenario.worker[0], run) is ending


def test_an_expectation_matches_any_of_several_snapshots(
    scenario: Scenario,
    make_run: Runs,
    make_case: Cases,
    make_snapshot: Callable[..., Snapshot],
) -> None:
    case = make_case(megabytes=200, more_snapshots=(make_snapshot(50),))
    assert expected_ending(scenario.worker[0], make_run(case=case)) is Ending.OOM_KILLED


def findings_on(scenario: Scenario, *runs: Run) -> list[tuple[Severity, int | None]]:
    return [(finding.severity, finding.run) for finding in judge_endings(scenario, runs)]


@pytest.mark.parametrize(
    ("ending", "severity"),
    [
        (Ending.COMPLETED, None),
        (Ending.OOM_KILLED, Severity.FAILURE),
        (Ending.HEAP_EXHAUSTED, Severity.FAILURE),
        (Ending.MEMORY_ERROR, Severity.FAILURE),
        (Ending.REFUSED, Severity.FAILURE),
        (Ending.CRASHED, Severity.FAILURE),
        (Ending.TIMED_OUT, Severity.FAILURE),
        (Ending.KILLED_FROM_OUTSIDE, Severity.NO_VERDICT),
        (None, Severity.NO_VERDICT),
    ],
)
def test_each_ending_where_completion_is_expected(
    ending: Ending | None, severity: Severity | None, make_scenario: Scenarios, make_run: Runs
) -> None:
    findings = judge_endings(make_scenario(), [make_run(4, ending=ending)])
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    for finding in findings:
        assert (finding.budget, finding.run, finding.worker) == (Subject.EXPECT, 4, "streaming")
        assert "it was" in finding.message


def test_a_worker_that_lives_where_it_should_die_fails(
    scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    (finding,) = judge_endings(scenario, [make_run(case=make_case(megabytes=50))])
    assert finding.severity is Severity.FAILURE
    assert "ended completed instead of oom_killed" in finding.message
    assert "expect" in finding.next_step


def test_only_verdict_runs_are_held_against_expectations(
    make_scenario: Scenarios, make_run: Runs
) -> None:
    confirming = make_run(ending=Ending.OOM_KILLED, purpose=Purpose.CONFIRMATION)
    assert findings_on(make_scenario(), confirming) == []


@pytest.mark.parametrize(
    ("peak_mib", "upper_mib", "is_doubted"),
    [
        (100, 500, False),
        (100, 600, True),
        (500, 520, True),
        (100, None, True),
        (None, 600, True),
        (None, 80, False),
        (None, None, True),
    ],
)
def test_completion_without_a_kernels_limit_is_doubted_near_it(
    peak_mib: float | None,
    upper_mib: float | None,
    is_doubted: bool,
    make_scenario: Scenarios,
    make_run: Runs,
) -> None:
    run = make_run(peak_mib=peak_mib, upper_mib=upper_mib, sandbox="process", approximate=True)
    expected = [(Severity.NO_VERDICT, 1)] if is_doubted else []
    assert findings_on(make_scenario(), run) == expected


def test_no_limit_no_doubt(make_scenario: Scenarios, make_run: Runs, make_case: Cases) -> None:
    run = make_run(case=make_case(limit_mib=None), upper_mib=None, sandbox="process")
    assert findings_on(make_scenario(), run) == []


def test_a_limit_that_a_remote_kernel_held_is_not_doubted(
    make_scenario: Scenarios, make_run: Runs
) -> None:
    run = make_run(upper_mib=None, sandbox="docker", approximate=True)
    assert findings_on(make_scenario(), run) == []


def test_failures_come_first_and_decide(make_scenario: Scenarios, make_run: Runs) -> None:
    scenario = make_scenario(budget=[{"worker": "streaming", "peak": "64MiB", "growth": "2%"}])
    runs = [make_run(1, ending=None), make_run(2, ending=Ending.CRASHED), make_run(3)]
    more = [Finding(budget=Subject.HARNESS, worker="", message="m", severity=Severity.NO_VERDICT)]
    findings, verdict = judge(scenario, runs, CONDITIONS, None, more)
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.FAILURE
    assert findings[-1].severity is Severity.NOTE
    assert more[0] in findings
    assert verdict is Verdict.FAIL


def test_runs_that_are_as_asked_pass(make_scenario: Scenarios, make_run: Runs) -> None:
    assert judge(make_scenario(), [make_run()], CONDITIONS, None) == ((), Verdict.PASS)


@pytest.mark.parametrize(
    ("command", "is_noted"),
    [
        (["w", "{snapshot}"], False),
        (["w", "{snapshots}"], False),
        (["sh", "-c", "w < {snapshot}"], False),
        (["w", "export.json"], True),
        (["w", "{{snapshot}}"], True),
    ],
)
def test_a_worker_that_cannot_know_its_snapshot_is_noted(
    command: list[str], is_noted: bool, make_scenario: Scenarios, make_run: Runs
) -> None:
    scenario = make_scenario(worker=[{"name": "streaming", "command": command}])
    findings, verdict = judge(scenario, [make_run()], CONDITIONS, None)
    assert [finding.severity for finding in findings] == [Severity.NOTE] * is_noted
    assert verdict is Verdict.PASS
