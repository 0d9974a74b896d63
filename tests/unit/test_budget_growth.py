import re
from collections.abc import Callable

import msgspec
import pytest

from harness.core.baseline import Baseline, baseline_of
from harness.core.budget import judge_budgets
from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.noise import (
    GROWTH_FLOOR_BYTES,
    NOISE_FLOOR_BYTES,
    growth_floor_bytes,
    noise_floor_bytes,
)
from harness.core.run import Run
from harness.core.scenario import Scenario

Runs = Callable[..., Run]
CONDITIONS = Conditions(sandbox="docker", python="3.13.1")


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(budget=[{"worker": "streaming", "growth": "2%"}])


@pytest.fixture
def baseline(make_run: Runs) -> Baseline:
    return baseline_of("demo", CONDITIONS, thrice(make_run, 1000))


def thrice(make_run: Runs, peak_mib: float, upper_mib: float | None = None) -> list[Run]:
    upper_mib = peak_mib if upper_mib is None else upper_mib
    return [make_run(n, peak_mib=peak_mib, upper_mib=upper_mib) for n in (1, 2, 3)]


def judge(scenario: Scenario, baseline: Baseline | None, *runs: Run) -> tuple[Finding, ...]:
    return judge_budgets(scenario, runs, CONDITIONS, baseline)


@pytest.mark.parametrize(
    ("peak_mib", "severity"),
    # 2 % of 1,000 MiB and half a percent of noise are allowed. Three runs against three that agree
    # may be off by 0.42 MiB to one side in 80 of 100 cases, and by 2.70 MiB in 999 of 1,000.
    [
        (500, None),
        (1000, None),
        (1024.5, None),
        (1024.7, Severity.NO_VERDICT),
        (1027.6, Severity.NO_VERDICT),
        (1027.8, Severity.FAILURE),
        (2000, Severity.FAILURE),
    ],
)
def test_growth_is_what_is_beyond_budget_floor_and_spread(
    peak_mib: float,
    severity: Severity | None,
    scenario: Scenario,
    baseline: Baseline,
    make_run: Runs,
) -> None:
    findings = judge(scenario, baseline, *thrice(make_run, peak_mib))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("peak_mib", "severity"),
    [(1024, Severity.NO_VERDICT), (1300, Severity.NO_VERDICT), (1360, Severity.FAILURE)],
)
def test_one_run_against_one_shows_no_growth_but_a_large_one(
    peak_mib: float, severity: Severity, scenario: Scenario, make_run: Runs
) -> None:
    baseline = baseline_of("demo", CONDITIONS, [make_run(peak_mib=1000, upper_mib=1000)])
    assert judge(scenario, baseline, make_run(peak_mib=1022, upper_mib=1022)) == ()
    (finding,) = judge(scenario, baseline, make_run(peak_mib=peak_mib, upper_mib=peak_mib))
    assert finding.severity is severity
    has_doubt = "one run of each does not show how far the case spreads" in finding.message
    assert has_doubt == (severity is Severity.NO_VERDICT)


def test_what_is_too_noisy_names_the_repeats_it_would_take(
    scenario: Scenario, make_run: Runs
) -> None:
    before = [make_run(n, peak_mib=mib) for n, mib in enumerate((950, 1000, 1050), start=1)]
    noisy = baseline_of("demo", CONDITIONS, _same_uppers(before))
    after = [make_run(n, peak_mib=mib) for n, mib in enumerate((1030, 1080, 1130), start=1)]
    (finding,) = judge(scenario, noisy, *_same_uppers(after))
    assert finding.severity is Severity.NO_VERDICT
    assert "is not known" in finding.message
    assert "grew from 1,000 MiB to 1.1 GiB, by 80 MiB (8.0%)" in finding.message
    found = re.search(r"About (\d+) repeats of both would decide", finding.next_step)
    assert found is not None
    many = int(found[1])
    assert f"--repeat {many}" in finding.next_step
    spread = [950 + 100 * n / (many - 1) for n in range(many)]
    before = [make_run(n, peak_mib=mib) for n, mib in enumerate(spread, start=1)]
    after = [make_run(n, peak_mib=mib + 80) for n, mib in enumerate(spread, start=1)]
    later = baseline_of("demo", CONDITIONS, _same_uppers(before))
    (decided,) = judge(scenario, later, *_same_uppers(after))
    assert decided.severity is Severity.FAILURE


def _same_uppers(runs: list[Run]) -> list[Run]:
    return [msgspec.structs.replace(run, peak_upper_bytes=run.peak_bytes) for run in runs]


def test_growth_that_equals_the_budget_is_never_decided_by_repeats(
    scenario: Scenario, baseline: Baseline, make_run: Runs
) -> None:
    (finding,) = judge(scenario, baseline, *thrice(make_run, 1025))
    assert finding.severity is Severity.NO_VERDICT
    assert "Not even 100 repeats would decide" in finding.next_step


def test_growth_is_told_in_numbers(scenario: Scenario, baseline: Baseline, make_run: Runs) -> None:
    (finding,) = judge(scenario, baseline, *thrice(make_run, 1100))
    assert (finding.budget, finding.run) == (Subject.GROWTH, 1)
    assert "from 1,000 MiB to 1.1 GiB, by 100 MiB (10.0%)" in finding.message
    assert "give or take 2.7 MiB" in finding.message
    assert "allows 2%" in finding.message


def test_the_median_of_the_repeats_is_compared(
    scenario: Scenario, baseline: Baseline, make_run: Runs
) -> None:
    repeats = [make_run(n, peak_mib=mib) for n, mib in enumerate((1000, 1011, 1001), start=1)]
    assert judge(scenario, baseline, *_same_uppers(repeats)) == ()
    higher = [make_run(n, peak_mib=mib) for n, mib in enumerate((1000, 1101, 1102), start=1)]
    (finding,) = judge(scenario, baseline, *_same_uppers(higher))
    assert "to 1.1 GiB, by 101 MiB" in finding.message


@pytest.fixture
def missed(make_run: Runs) -> Baseline:
    """Return a baseline whose samples missed a short peak of 52 MiB."""
    return baseline_of("demo", CONDITIONS, thrice(make_run, 38, 52))


def test_a_peak_that_the_baseline_missed_is_no_growth(
    scenario: Scenario, missed: Baseline, make_run: Runs
) -> None:
    assert missed.entries[0].peak_upper_bytes == 52 * 2**20
    assert judge(scenario, missed, *thrice(make_run, 52, 52.1)) == ()
    (finding,) = judge(scenario, missed, *thrice(make_run, 52, 60))
    assert finding.severity is Severity.FAILURE


@pytest.mark.parametrize(("sandbox", "is_over"), [("docker", True), ("process", False)])
def test_a_counter_that_page_cache_filled_denies_nothing(
    sandbox: str, is_over: bool, scenario: Scenario, make_run: Runs
) -> None:
    runs = [make_run(peak_mib=mib, upper_mib=511, sandbox=sandbox) for mib in (38, 60)]
    full = baseline_of("demo", CONDITIONS, runs[:1])
    findings = judge(scenario, full, runs[1])
    assert [finding.severity for finding in findings] == [Severity.FAILURE] * is_over


def test_an_upper_end_that_is_not_known_denies_nothing(
    scenario: Scenario, missed: Baseline, make_run: Runs
) -> None:
    entry = msgspec.structs.replace(missed.entries[0], peak_upper_bytes=None)
    older = msgspec.structs.replace(missed, entries=(entry,))
    assert len(judge(scenario, older, make_run(peak_mib=52, upper_mib=52))) == 1
    assert len(judge(scenario, missed, make_run(peak_mib=52, upper_mib=None))) == 1


@pytest.mark.parametrize(("upper_mib", "is_open"), [(1000, False), (1030, True), (None, True)])
def test_a_case_without_a_sample_is_decided_by_its_upper_end(
    upper_mib: float | None,
    is_open: bool,
    scenario: Scenario,
    baseline: Baseline,
    make_run: Runs,
) -> None:
    findings = judge(scenario, baseline, make_run(peak_mib=None, upper_mib=upper_mib))
    assert [finding.severity for finding in findings] == [Severity.NO_VERDICT] * is_open
    assert all("not one sample" in finding.message for finding in findings)


def test_a_case_that_never_had_a_sample_is_a_note(
    scenario: Scenario, baseline: Baseline, make_run: Runs, make_case: Callable[..., Case]
) -> None:
    unseen = make_run(case=make_case(megabytes=50), peak_mib=None)
    (finding,) = judge(scenario, baseline, unseen)
    assert finding.severity is Severity.NOTE
    assert "not one sample" in finding.message
    assert "baseline accept" not in finding.next_step


@pytest.mark.parametrize(
    ("sandbox", "peak_bytes", "floor_bytes"),
    [
        ("docker", 0, NOISE_FLOOR_BYTES),
        ("docker", 10**9, 5_000_000),
        ("cgroup", 10**9, 1_000_000),
        ("process", 10**9, 30_000_000),
        ("a sandbox to come", 10**9, 30_000_000),
    ],
)
def test_the_floor_of_noise(sandbox: str, peak_bytes: int, floor_bytes: int) -> None:
    assert noise_floor_bytes(sandbox, peak_bytes) == floor_bytes


@pytest.mark.parametrize(
    ("sandbox", "peak_bytes", "floor_bytes"),
    [
        ("docker", 50 * 2**20, GROWTH_FLOOR_BYTES),
        ("docker", 10**9, 5_000_000),
        ("cgroup", 10**9, 5_000_000),
        ("process", 10**9, 30_000_000),
    ],
)
def test_what_two_runs_differ_by_without_growth(
    sandbox: str, peak_bytes: int, floor_bytes: int
) -> None:
    assert growth_floor_bytes(sandbox, peak_bytes) == floor_bytes


def test_a_missing_baseline_is_a_note(scenario: Scenario, make_run: Runs) -> None:
    (finding,) = judge(scenario, None, make_run())
    assert (finding.severity, finding.budget) == (Severity.NOTE, Subject.BASELINE)
    assert "no baseline yet" in finding.message
    assert "baseline accept" in finding.next_step


def test_a_baseline_that_is_not_comparable_says_why(
    scenario: Scenario, baseline: Baseline, make_run: Runs
) -> None:
    other = msgspec.structs.replace(
        baseline, conditions=Conditions(sandbox="process", python="3.12.0")
    )
    (finding,) = judge(scenario, other, make_run(peak_mib=5000))
    assert finding.severity is Severity.NOTE
    assert "the sandbox was process and is docker" in finding.message
    assert "the Python was 3.12.0 and is 3.13.1" in finding.message


def test_a_case_that_the_baseline_lacks_is_a_note(
    scenario: Scenario, baseline: Baseline, make_run: Runs, make_case: Callable[..., Case]
) -> None:
    (finding,) = judge(scenario, baseline, make_run(case=make_case(megabytes=50)))
    assert finding.severity is Severity.NOTE
    assert "does not hold this case" in finding.message


def test_another_snapshot_of_the_same_name_is_not_compared(
    scenario: Scenario,
    baseline: Baseline,
    make_run: Runs,
    make_case: Callable[..., Case],
    make_snapshot: Callable[..., Snapshot],
) -> None:
    case = make_case(snapshot=make_snapshot(5, sha256="f" * 64))
    (finding,) = judge(scenario, baseline, make_run(case=case, peak_mib=5000))
    assert finding.severity is Severity.NOTE
    assert "another snapshot of this name" in finding.message


def test_a_run_that_did_not_complete_has_not_grown(
    scenario: Scenario, baseline: Baseline, make_run: Runs
) -> None:
    died = make_run(1, peak_mib=5000, ending=Ending.OOM_KILLED)
    (finding,) = judge(scenario, baseline, died)
    assert finding.severity is Severity.NO_VERDICT
    assert judge(scenario, baseline, died, make_run(2, peak_mib=1000)) == ()


def test_any_growth_can_be_allowed(
    make_scenario: Callable[..., Scenario], baseline: Baseline, make_run: Runs
) -> None:
    percent = "9" * 20 + "%"
    scenario = make_scenario(budget=[{"worker": "streaming", "growth": percent}])
    assert judge(scenario, baseline, make_run(peak_mib=10**6)) == ()
    none = make_scenario(budget=[{"worker": "streaming", "growth": "0%"}])
    assert judge(none, baseline, make_run(peak_mib=1000)) == ()


def test_a_baseline_of_nothing_allows_the_noise(
    scenario: Scenario, baseline: Baseline, make_run: Runs
) -> None:
    entry = msgspec.structs.replace(baseline.entries[0], peak_bytes=0)
    empty = msgspec.structs.replace(baseline, entries=(entry,))
    assert judge(scenario, empty, make_run(peak_mib=0.5, upper_mib=1100)) == ()
    (finding,) = judge(scenario, empty, make_run(peak_mib=3, upper_mib=1100))
    assert finding.severity is Severity.FAILURE
