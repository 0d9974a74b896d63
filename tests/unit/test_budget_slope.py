from collections.abc import Callable, Sequence

import pytest

from harness.core.budget import judge_budgets
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.run import Run
from harness.core.scenario import Scenario

Runs = Callable[..., Run]
Cases = Callable[..., Case]
MIB = 2**20


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(budget=[{"worker": "streaming", "per_input_byte": 0.5}])


def judge(scenario: Scenario, runs: Sequence[Run]) -> tuple[Finding, ...]:
    return judge_budgets(scenario, runs, Conditions(sandbox="docker"), None)


@pytest.fixture
def on_a_line(make_run: Runs, make_case: Cases) -> Callable[..., list[Run]]:
    """Return runs of two sizes whose peaks grow by `slope` bytes for each byte."""

    def make(slope: float, **settings: int) -> list[Run]:
        return [
            make_run(
                number,
                case=make_case(megabytes=megabytes, settings=settings),
                peak_mib=(20_000_000 + slope * megabytes * 10**6) / MIB,
                upper_mib=(21_000_000 + slope * megabytes * 10**6) / MIB,
            )
            for number, megabytes in enumerate((5, 50), start=1)
        ]

    return make


@pytest.mark.parametrize(
    ("slope", "is_over"),
    # Half a megabyte of noise over 45 megabytes of snapshot is 0.012 bytes a byte.
    [(0, False), (-1, False), (0.5, False), (0.51, False), (0.513, True)],
)
def test_the_slope_of_two_sizes_is_held_against_the_budget(
    slope: float, is_over: bool, scenario: Scenario, on_a_line: Callable[..., list[Run]]
) -> None:
    findings = judge(scenario, on_a_line(slope))
    assert [finding.severity for finding in findings] == [Severity.FAILURE] * is_over


def test_the_slope_is_told(scenario: Scenario, on_a_line: Callable[..., list[Run]]) -> None:
    (finding,) = judge(scenario, on_a_line(9.25))
    assert finding.budget is Subject.PER_INPUT_BYTE
    assert "costs 9.25 bytes" in finding.message
    assert "allows 0.5" in finding.message


def test_a_slope_that_noise_can_make_is_not_over(
    scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    small = make_run(1, case=make_case(megabytes=5), peak_mib=20, upper_mib=20)
    large = make_case(megabytes=6)
    within = make_run(2, case=large, peak_mib=20.8, upper_mib=20.8)  # 0.84 bytes a byte
    assert judge(scenario, [small, within]) == ()
    beyond = make_run(2, case=large, peak_mib=21.2, upper_mib=21.2)
    (finding,) = judge(scenario, [small, beyond])
    assert "costs 1.258 bytes" in finding.message


@pytest.mark.parametrize("sizes", [(5, 50), (5, 50, 200), (5, 50, 200, 400)])
def test_a_slope_that_the_counters_deny_is_not_over(
    sizes: tuple[int, ...], scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    """Of the smallest snapshot samples missed a short peak, which the counter has."""

    def runs(*, upper_of_smallest_mib: float | None) -> list[Run]:
        return [
            make_run(
                number,
                case=make_case(megabytes=megabytes, limit_mib=1024),
                peak_mib=20 if megabytes == 5 else 40 + 0.45 * megabytes,
                upper_mib=upper_of_smallest_mib if megabytes == 5 else 42 + 0.45 * megabytes,
            )
            for number, megabytes in enumerate(sizes, start=1)
        ]

    assert judge(scenario, runs(upper_of_smallest_mib=44)) == ()
    for upper_mib in (20, None):
        (finding,) = judge(scenario, runs(upper_of_smallest_mib=upper_mib))
        assert finding.severity is Severity.FAILURE


def test_counters_that_page_cache_filled_deny_no_slope(
    scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    runs = [
        make_run(1, case=make_case(megabytes=5), peak_mib=20, upper_mib=512),
        make_run(2, case=make_case(megabytes=50), peak_mib=80, upper_mib=512),
    ]
    (finding,) = judge(scenario, runs)
    assert finding.severity is Severity.FAILURE


def test_one_size_has_no_slope(scenario: Scenario, make_run: Runs) -> None:
    (finding,) = judge(scenario, [make_run(1), make_run(2, repeat=2)])
    assert finding.severity is Severity.NO_VERDICT
    assert "needs runs of two sizes" in finding.message


def test_only_runs_that_completed_make_a_slope(
    scenario: Scenario, make_run: Runs, make_case: Cases
) -> None:
    small = make_run(1, case=make_case(megabytes=5), peak_mib=10)
    large = make_case(megabytes=50)
    died = make_run(2, case=large, peak_mib=10, ending=Ending.OOM_KILLED)
    unseen = make_run(2, case=large, peak_mib=None)
    for other in (died, unseen):
        (finding,) = judge(scenario, [small, other])
        assert finding.severity is Severity.NO_VERDICT
    (finding,) = judge(scenario, [died])
    assert finding.severity is Severity.NO_VERDICT


def test_each_variant_has_its_own_slope(
    scenario: Scenario, on_a_line: Callable[..., list[Run]]
) -> None:
    runs = on_a_line(0.1, batch=1) + on_a_line(3, batch=1000)
    (finding,) = judge(scenario, runs)
    assert finding.case == "streaming[batch=1000] · 512MiB"


def test_each_limit_has_its_own_slope(scenario: Scenario, make_run: Runs, make_case: Cases) -> None:
    runs = [
        make_run(1, case=make_case(megabytes=5, limit_mib=512), peak_mib=10),
        make_run(2, case=make_case(megabytes=50, limit_mib=1024), peak_mib=100),
    ]
    findings = judge(scenario, runs)
    assert [finding.severity for finding in findings] == [Severity.NO_VERDICT] * 2


def test_a_limit_that_is_too_small_for_a_slope_leaves_nothing_open(
    scenario: Scenario, on_a_line: Callable[..., list[Run]], make_run: Runs, make_case: Cases
) -> None:
    tight = make_run(3, case=make_case(megabytes=5, limit_mib=64), peak_mib=30)
    killed = make_run(
        4, case=make_case(megabytes=50, limit_mib=64), peak_mib=64, ending=Ending.OOM_KILLED
    )
    assert judge(scenario, [*on_a_line(0.1), tight, killed]) == ()


@pytest.fixture
def of_sizes(make_run: Runs, make_case: Cases) -> Callable[..., list[Run]]:
    """Return runs of so many megabytes with their peaks in MiB."""
    return lambda peaks: [
        make_run(number, case=make_case(megabytes=megabytes), peak_mib=peak_mib)
        for number, (megabytes, peak_mib) in enumerate(peaks.items(), start=1)
    ]


@pytest.mark.parametrize(
    ("peaks", "words"),
    [
        ({5: 10, 50: 10, 200: 300}, "it is not linear in the size: between 50 MB and 200 MB"),
        ({5: 10, 20: 10, 50: 200, 200: 200}, "it is step in the size: between 20 MB and 50 MB"),
        ({5: 11, 50: 110, 200: 1610}, "it is quadratic in the size: between 50 MB and 200 MB"),
    ],
)
def test_what_is_no_line_is_named_and_judged_where_it_is_steepest(
    peaks: dict[int, float], words: str, scenario: Scenario, of_sizes: Callable[..., list[Run]]
) -> None:
    (finding,) = judge(scenario, of_sizes(peaks))
    assert finding.severity is Severity.FAILURE
    assert words in finding.message


def test_what_is_no_line_may_keep_the_budget_everywhere(
    scenario: Scenario, of_sizes: Callable[..., list[Run]]
) -> None:
    assert judge(scenario, of_sizes({5: 10, 50: 28, 200: 40})) == ()


def test_a_kill_that_contradicts_a_kept_budget_is_no_verdict(
    scenario: Scenario, of_sizes: Callable[..., list[Run]], make_run: Runs, make_case: Cases
) -> None:
    killed = make_run(9, case=make_case(megabytes=200), peak_mib=500, ending=Ending.OOM_KILLED)
    (finding,) = judge(scenario, [*of_sizes({5: 10, 50: 10}), killed])
    assert finding.severity is Severity.NO_VERDICT
    assert "run 9 was killed where their line says that it fits" in finding.message
