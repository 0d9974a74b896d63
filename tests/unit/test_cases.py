from collections.abc import Callable
from typing import Any

import pytest

from harness.core.case import Case, Snapshot, cases_of
from harness.core.scenario import Scenario

Scenarios = Callable[..., Scenario]
Snapshots = Callable[..., Snapshot]
ONE = {"name": "one", "command": ["w", "{snapshot}"]}
ALL = {"name": "all", "command": ["w", "{snapshots}"]}


@pytest.fixture
def snapshots(make_snapshot: Snapshots) -> tuple[Snapshot, ...]:
    return make_snapshot(5), make_snapshot(50)


def test_cases_are_the_product_in_the_order_of_the_file(
    make_scenario: Scenarios, snapshots: tuple[Snapshot, ...]
) -> None:
    swept = {
        "name": "swept",
        "command": ["w", "{snapshot}", "{n}", "{parser}"],
        "sweep": {"n": [1, 2], "parser": ["json"]},
    }
    scenario = make_scenario(worker=[swept, ONE], limits={"memory": ["1GiB", "unlimited"]})
    assert [case.name for case in cases_of(scenario, snapshots)] == [
        "swept[n=1, parser=json] · 5MB · 1GiB",
        "swept[n=2, parser=json] · 5MB · 1GiB",
        "swept[n=1, parser=json] · 5MB · unlimited",
        "swept[n=2, parser=json] · 5MB · unlimited",
        "swept[n=1, parser=json] · 50MB · 1GiB",
        "swept[n=2, parser=json] · 50MB · 1GiB",
        "swept[n=1, parser=json] · 50MB · unlimited",
        "swept[n=2, parser=json] · 50MB · unlimited",
        "one · 5MB · 1GiB",
        "one · 5MB · unlimited",
        "one · 50MB · 1GiB",
        "one · 50MB · unlimited",
    ]


def test_a_case_knows_its_limit_in_bytes(
    make_scenario: Scenarios, snapshots: tuple[Snapshot, ...]
) -> None:
    scenario = make_scenario(worker=[ONE], limits={"memory": ["1GiB", "unlimited"]})
    cases = cases_of(scenario, snapshots[:1])
    assert [case.memory_limit_bytes for case in cases] == [2**30, None]


def test_a_worker_for_all_snapshots_gets_them_in_one_case(
    make_scenario: Scenarios, snapshots: tuple[Snapshot, ...]
) -> None:
    (case,) = cases_of(make_scenario(worker=[ALL]), snapshots)
    assert case.snapshots == snapshots
    assert case.input_bytes == 55_000_000
    assert case.name == "all · 5MB, 50MB · 512MiB"


def test_only_the_workers_that_are_wanted(
    make_scenario: Scenarios, snapshots: tuple[Snapshot, ...]
) -> None:
    scenario = make_scenario(worker=[ONE, ALL])
    assert {case.worker for case in cases_of(scenario, snapshots, ("all",))} == {"all"}
    assert {case.worker for case in cases_of(scenario, snapshots)} == {"one", "all"}


@pytest.mark.parametrize(
    ("settings", "variant"),
    [
        ({}, "w"),
        ({"b": 2, "a": "x"}, "w[a=x, b=2]"),
        ({"flag": True, "rate": 0.5}, "w[flag=True, rate=0.5]"),
    ],
)
def test_settings_stand_in_the_name_in_order(
    settings: dict[str, Any], variant: str, make_case: Callable[..., Case]
) -> None:
    assert make_case("w", settings=settings).variant == variant


def test_passes_give_the_same_snapshots_again(
    make_scenario: Scenarios, snapshots: tuple[Snapshot, ...]
) -> None:
    scenario = make_scenario(worker=[{**ALL, "passes": 3}])
    (case,) = cases_of(scenario, snapshots)
    assert case.snapshots == snapshots * 3
    assert case.name == "all · 5MB, 50MB x 3 · 512MiB"
    (one,) = cases_of(scenario, snapshots[:1])
    assert one.name == "all · 5MB x 3 · 512MiB"
