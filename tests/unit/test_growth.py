"""Growth from job to job, and its budget."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from harness.core.budget import judge_budgets
from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.growth import GrowthLaw, growth_laws
from harness.core.kept import Kept
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.reporters.laws import describe_growth

Runs = Callable[..., Run]
Cases = Callable[..., Case]
Make = Callable[..., Run]
MIB = 2**20


@pytest.fixture
def worked(make_run: Runs, make_case: Cases, make_snapshot: Callable[..., Snapshot]) -> Make:
    """Return a run that held so many MiB after each of its snapshots but the last."""

    def make(
        *held_mib: float | None, sizes: Sequence[int] = (), number: int = 1, **changes: object
    ) -> Run:
        sizes = sizes or (5,) * (len(held_mib) + 1)
        snapshots = tuple(make_snapshot(size) for size in sizes)
        return make_run(
            number,
            case=make_case("jobs", snapshot=snapshots[0], more_snapshots=snapshots[1:]),
            sandbox="cgroup",
            after_snapshots=tuple(None if mib is None else int(mib * MIB) for mib in held_mib),
            **changes,
        )

    return make


def law_of(*runs: Run) -> GrowthLaw:
    (law,) = growth_laws(runs)
    return law


def test_a_leak_is_measured_and_the_first_is_warm_up(worked: Make) -> None:
    law = law_of(worked(20, 33, 36, 39, 42))
    assert law.bytes_per_snapshot == 3 * MIB
    assert law.base_bytes == 30 * MIB
    assert law.error_bytes == pytest.approx(512 * 1024 / 3, abs=1), "the noise of one, over three"
    assert law.is_leak
    assert (law.warm_up, [point.index for point in law.points]) == (1, [1, 2, 3, 4])
    assert law.kept is None


def test_three_are_too_few_to_leave_one_out(worked: Make) -> None:
    law = law_of(worked(33, 36, 39))
    assert (law.warm_up, law.bytes_per_snapshot) == (0, 3 * MIB)


@pytest.mark.parametrize(
    "held",
    [
        (20, 30, 30, 30, 30),
        (20, 30, 30.1, 30, 30.1),
        (30, 29, 28, 27, 26),
        (13.5, 14, 13.6, 16, 14.6),  # swings: the last document goes only when the next is there
        (10, 14, 15, 15.2, 15.2, 15.2),  # settles
        (11.6, 14.8, 19.9, 19.9, 19.9, 20),
    ],
)
def test_what_does_not_go_on_growing_is_no_leak(held: tuple[float, ...], worked: Make) -> None:
    assert not law_of(worked(*held)).is_leak


def test_repeats_are_fitted_together(worked: Make) -> None:
    first, second = worked(20, 30, 33, 36), worked(21, 31, 34, 37, number=2, repeat=2)
    law = law_of(first, second)
    assert len(law.points) == 6
    assert law.bytes_per_snapshot == 3 * MIB


def test_a_snapshot_that_was_not_seen_is_left_out(worked: Make) -> None:
    law = law_of(worked(20, 33, None, 39, 42))
    assert law.bytes_per_snapshot == 3 * MIB


@pytest.mark.parametrize(
    ("held", "changes", "reason"),
    [
        ((20, 30), {}, "it takes 4 snapshots"),
        ((20, 30, 33, 36), {"ending": Ending.OOM_KILLED}, "no run completed"),
        ((), {"sizes": (5, 5, 5, 5)}, "did not open its snapshots once each"),
        ((20, None, None, 36), {}, "too short for a sample"),
        ((20, 30, 33), {"sizes": (5, 50, 200, 400)}, "differ in size"),
    ],
)
def test_what_cannot_be_known_has_a_reason(
    held: tuple[float | None, ...], changes: dict[str, object], reason: str, worked: Make
) -> None:
    law = law_of(worked(*held, **changes))
    assert law.bytes_per_snapshot is None
    assert reason in law.reason
    assert not law.is_leak


def test_snapshots_of_other_sizes_are_compared_with_themselves_in_other_passes(
    worked: Make,
) -> None:
    sizes = (5, 50, 200) * 3
    held = [100 + 2 * index + size for index, size in enumerate(sizes[:-1])]
    law = law_of(worked(*held, sizes=sizes))
    assert law.bytes_per_snapshot == pytest.approx(2 * MIB, abs=1)
    assert law.is_leak
    kept = law_of(worked(*(100 + size for size in sizes[:-1]), sizes=sizes))
    assert (kept.bytes_per_snapshot, kept.is_leak) == (0, False)


def test_one_snapshot_a_process_has_no_growth(make_run: Runs) -> None:
    assert growth_laws([make_run(1)]) == ()


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(
        worker=[{"name": "jobs", "command": ["w", "{snapshots}"]}],
        budget=[{"worker": "jobs", "growth_per_snapshot": "1MiB"}],
    )


def judge(scenario: Scenario, *runs: Run) -> tuple[Finding, ...]:
    return judge_budgets(scenario, runs, Conditions(sandbox="cgroup"), None)


@pytest.mark.parametrize(("growth", "is_over"), [(0, False), (1, False), (1.1, False), (3, True)])
def test_growth_is_held_against_the_budget_beyond_its_error(
    growth: float, is_over: bool, scenario: Scenario, worked: Make
) -> None:
    findings = judge(scenario, worked(*(20 + growth * index for index in range(5))))
    assert [finding.severity for finding in findings] == [Severity.FAILURE] * is_over


def test_the_growth_is_told(scenario: Scenario, worked: Make) -> None:
    (finding,) = judge(scenario, worked(20, 33, 36, 39, 42))
    assert finding.budget is Subject.GROWTH_PER_SNAPSHOT
    assert "grows by 3 MiB from one snapshot to the next" in finding.message
    assert "allows 1MiB" in finding.message


def test_growth_that_is_not_known_is_no_verdict(
    scenario: Scenario, worked: Make, make_run: Runs, make_case: Cases
) -> None:
    for run in (worked(20, 33), make_run(1, case=make_case("jobs"))):
        (finding,) = judge(scenario, run)
        assert finding.severity is Severity.NO_VERDICT
        assert "is not known" in finding.message


def test_a_profiled_pass_of_the_same_job_tells_who_keeps_it(worked: Make) -> None:
    run = worked(20, 33, 36, 39, 42)
    kept = Kept(site="/app/w.py:9", source="cache.append(row)", bytes_per_snapshot=3 * MIB)
    profiled = msgspec.structs.replace(
        run,
        purpose=Purpose.PROFILE,
        kept=kept,
        case=msgspec.structs.replace(run.case, memory_limit_bytes=None),
    )
    (law,) = growth_laws((run, profiled))
    assert (law.kept, law.bytes_per_snapshot) == (kept, 3 * MIB)
    said = describe_growth(law)
    assert "3 MiB of it are allocated at /app/w.py:9 (cache.append(row))" in said
    unknown = msgspec.structs.replace(law, kept=Kept(reason="no Python process"))
    assert "its line is not known: no Python process" in describe_growth(unknown)
