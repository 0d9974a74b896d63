"""Which cases are profiled to say what grew."""

from collections.abc import Callable

import pytest

from harness.core.attributing import Profiling, to_profile
from harness.core.baseline import baseline_of
from harness.core.budget import judge_budgets
from harness.core.conditions import Conditions
from harness.core.run import Run
from harness.core.scenario import Scenario

CONDITIONS = Conditions(sandbox="docker")


@pytest.mark.parametrize(
    ("peak_mib", "is_profiled"),
    [(100, False), (130, True), (200, True)],
    ids=["the same", "cannot tell", "grown"],
)
def test_what_grew_or_may_have_grown_is_profiled(
    peak_mib: float,
    is_profiled: bool,
    make_scenario: Callable[..., Scenario],
    make_run: Callable[..., Run],
) -> None:
    scenario = make_scenario(budget=[{"worker": "streaming", "growth": "2%"}])
    baseline = baseline_of("demo", CONDITIONS, [make_run(peak_mib=100, upper_mib=100)])
    runs = [make_run(peak_mib=peak_mib, upper_mib=peak_mib)]
    findings = judge_budgets(scenario, runs, CONDITIONS, baseline)
    wanted = to_profile(Profiling.NEEDED, scenario, runs, findings, baseline)
    assert [one.run.case.name for one in wanted] == [runs[0].case.name] * is_profiled
