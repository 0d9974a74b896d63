"""What is run again, and when that stops."""

from collections.abc import Callable

import msgspec
import pytest

from harness.core.baseline import Baseline, baseline_of
from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.repeating import BASELINE_REPEATS, Repeating, cases_to_repeat
from harness.core.run import Run
from harness.core.scenario import Scenario
from harness.core.spread import MOST_REPEATS_UNASKED

Runs = Callable[..., Run]
Cases = Callable[..., Case]
CONDITIONS = Conditions(sandbox="docker")


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(budget=[{"worker": "streaming", "growth": "2%"}])


@pytest.fixture
def baseline(make_run: Runs) -> Baseline:
    return baseline_of(
        "demo", CONDITIONS, [make_run(n, peak_mib=1000, upper_mib=1000) for n in range(5)]
    )


def wanted(
    scenario: Scenario,
    baseline: Baseline | None,
    *runs: Run,
    repeating: Repeating = Repeating.AUTO,
) -> list[str]:
    found = cases_to_repeat(scenario, runs, CONDITIONS, baseline, repeating)
    return [case.snapshot_label for case in found]


def made(make_run: Runs, *peaks_mib: float, case: Case | None = None) -> list[Run]:
    return [
        make_run(n, peak_mib=mib, upper_mib=mib, case=case)
        for n, mib in enumerate(peaks_mib, start=1)
    ]


@pytest.mark.parametrize(
    ("peaks_mib", "is_open"),
    [((1000,), False), ((1026,), True), ((1026, 1024), True), ((1200,), False), ((900,), False)],
)
def test_a_case_is_repeated_while_it_is_open(
    peaks_mib: tuple[float, ...],
    is_open: bool,
    scenario: Scenario,
    baseline: Baseline,
    make_run: Runs,
) -> None:
    assert wanted(scenario, baseline, *made(make_run, *peaks_mib)) == ["5MB"] * is_open


def test_only_what_is_open_is_repeated(
    scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    small, large = make_case(megabytes=5), make_case(megabytes=50)
    baseline = baseline_of(
        "demo",
        CONDITIONS,
        [*made(make_run, 1000, case=small), *made(make_run, 1000, case=large)],
    )
    runs = [*made(make_run, 1000, case=small), *made(make_run, 1026, case=large)]
    assert wanted(scenario, baseline, *runs) == ["50MB"]


def test_after_a_failure_nothing_is_repeated(
    scenario: Scenario, baseline: Baseline, make_run: Runs, make_case: Cases
) -> None:
    open_ = made(make_run, 1026)
    died = make_run(9, case=make_case(megabytes=50), ending=Ending.OOM_KILLED)
    assert wanted(scenario, baseline, *open_) == ["5MB"]
    assert wanted(scenario, baseline, *open_, died) == []


def test_it_ends_somewhere(scenario: Scenario, baseline: Baseline, make_run: Runs) -> None:
    runs = made(make_run, *[1025] * MOST_REPEATS_UNASKED)
    assert wanted(scenario, baseline, *runs[:-1]) == ["5MB"]
    assert wanted(scenario, baseline, *runs) == []


def test_what_may_become_a_baseline_is_run_three_times(
    scenario: Scenario,
    baseline: Baseline,
    make_scenario: Callable[..., Scenario],
    make_run: Runs,
    make_case: Cases,
    make_snapshot: Callable[..., Snapshot],
) -> None:
    runs = made(make_run, *[1000] * BASELINE_REPEATS)
    assert wanted(scenario, None, *runs[:-1]) == ["5MB"]
    assert wanted(scenario, None, *runs) == []
    other = msgspec.structs.replace(baseline, conditions=Conditions(sandbox="cgroup"))
    assert wanted(scenario, other, *runs[:1]) == ["5MB"]
    changed = make_case(snapshot=make_snapshot(5, sha256="f" * 64))
    assert wanted(scenario, baseline, *made(make_run, 1000, case=changed)) == ["5MB"]
    assert wanted(make_scenario(), None, *runs[:1]) == [], "nothing of it is ever held against it"


def test_unasked_only_what_is_open_is_repeated_and_nothing_where_it_was_said_how_often(
    scenario: Scenario, baseline: Baseline, make_run: Runs
) -> None:
    open_ = made(make_run, 1026)
    assert wanted(scenario, baseline, *open_, repeating=Repeating.OPEN) == ["5MB"]
    assert wanted(scenario, None, *open_, repeating=Repeating.OPEN) == []
    assert wanted(scenario, baseline, *open_, repeating=Repeating.NONE) == []


def test_what_did_not_complete_is_not_repeated(scenario: Scenario, make_run: Runs) -> None:
    assert wanted(scenario, None, make_run(ending=None, peak_mib=None)) == []
