"""The profiled passes of a replay: which, when, and that they change no verdict."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.core.attributing import Profiling
from harness.core.case import Snapshot, cases_of
from harness.core.conditions import Conditions
from harness.core.errors import SandboxError
from harness.core.report import Report
from harness.core.run import Observation, Purpose, Run
from harness.core.scenario import SandboxKind, Scenario
from harness.core.verdict import Verdict
from harness.orders import OrderMaker
from harness.replay import Plan, PlannedRun, Replay
from harness.sandbox.contract import Order
from harness.sandbox.fake import FakeSandbox, observation
from harness.store import load_report, new_store

MIB = 2**20
Scenarios = Callable[..., Scenario]
Play = Callable[..., Report]


class Listener:
    """Remembers which runs were told of, and why."""

    def __init__(self) -> None:
        self.started: list[tuple[int, int, str]] = []
        self.ended: list[Run] = []

    def run_started(self, planned: PlannedRun, total: int) -> None:
        self.started.append((planned.number, total, planned.why))

    def run_ended(self, run: Run) -> None:
        self.ended.append(run)

    def bytes(self, what: str, done: int, total: int) -> None:
        """Hear how far a file has been read."""


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def play(tmp_path: Path, make_snapshot: Callable[..., Snapshot], listener: Listener) -> Play:
    snapshots = []
    for megabytes in (5, 50):
        path = tmp_path / f"{megabytes}.json"
        path.write_text('{"heroes": [1, 2]}')
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        size = path.stat().st_size
        changes = {"path": str(path), "bytes": size, "sha256": digest}
        snapshots.append(make_snapshot(megabytes, **changes))

    def make(
        scenario: Scenario,
        answer: Callable[[Order], Observation],
        profiling: Profiling = Profiling.NEEDED,
        stop: Callable[[], bool] = lambda: False,
    ) -> Report:
        store = new_store(tmp_path / "out", "demo")
        plan = Plan(
            scenario=scenario,
            cases=cases_of(scenario, snapshots),
            conditions=Conditions(sandbox="cgroup"),
            baseline=None,
            memory_bytes=2**40,
            profiling=profiling,
        )
        orders = OrderMaker(scenario, folder=tmp_path, kind=SandboxKind.CGROUP)
        sandbox = FakeSandbox(answer)
        report = Replay(
            plan, sandbox=sandbox, orders=orders, store=store, progress=listener
        ).report(stop)
        assert load_report(store.folder)[0] == report, "all of it is saved"
        return report

    return make


def is_profiled(order: Order) -> bool:
    return "OOMPROOF_CAPTURE" in order.environment


def over_for_the_larger(order: Order) -> Observation:
    assert order.memory_limit_bytes is not None
    is_large = order.snapshots[0].label == "50MB"
    return observation(peak_bytes=(99 if is_large else 9) * MIB)


@pytest.fixture
def scenario(make_scenario: Scenarios) -> Scenario:
    return make_scenario(budget=[{"worker": "streaming", "peak": "64MiB"}])


def test_what_failed_is_profiled_first_and_then_what_has_no_baseline(
    play: Play, scenario: Scenario, listener: Listener
) -> None:
    report = play(scenario, over_for_the_larger)
    assert [(run.number, run.purpose, run.case.snapshot_label) for run in report.runs] == [
        (1, Purpose.VERDICT, "5MB"),
        (2, Purpose.VERDICT, "50MB"),
        (3, Purpose.PROFILE, "50MB"),
        (4, Purpose.PROFILE, "5MB"),
    ]
    assert listener.started[2:] == [(3, 4, "to name what grew"), (4, 4, "for the next baseline")]
    assert listener.ended == list(report.runs)
    assert [profile.run for profile in report.profiles] == [3, 4]
    assert report.profiles[0].case == report.runs[1].case.name


def test_a_pass_without_a_profile_says_why_and_changes_no_verdict(
    play: Play, scenario: Scenario
) -> None:
    plain = play(scenario, over_for_the_larger, Profiling.NEVER)
    report = play(scenario, over_for_the_larger)
    assert plain.verdict is report.verdict is Verdict.FAIL
    assert (len(plain.runs), plain.profiles, plain.attributions) == (2, (), ())
    profile = report.profiles[0]
    assert profile.sites is None
    assert "no Python process of the worker said that it had begun" in profile.problems[0]
    assert profile.paths is not None, "the input is known all the same"
    assert profile.paths.rows[0].path == "$"
    message = next(f.message for f in report.findings if f.run == 2)
    assert message.startswith(next(f.message for f in plain.findings if f.run == 2))
    assert "What grew is not known: there is no baseline yet" in message
    assert "no Python process" in message


def test_a_pass_that_cannot_be_made_is_no_reason_to_fail(play: Play, scenario: Scenario) -> None:
    def answer(order: Order) -> Observation:
        if is_profiled(order):
            raise SandboxError("the engine is gone")
        return observation(peak_bytes=9 * MIB)

    report = play(scenario, answer)
    assert report.verdict is Verdict.PASS
    assert report.finished
    assert all("the engine is gone" in " ".join(p.problems) for p in report.profiles)


def test_all_are_profiled_where_that_is_asked(play: Play, make_scenario: Scenarios) -> None:
    report = play(make_scenario(), over_for_the_larger, Profiling.ALL)
    assert [run.purpose for run in report.runs].count(Purpose.PROFILE) == 2
    assert play(make_scenario(), over_for_the_larger).profiles == (), "nothing has a budget"


def test_a_profiled_pass_may_take_more_memory_and_no_more_time(
    play: Play, scenario: Scenario
) -> None:
    seen: list[tuple[int | None, float]] = []

    def answer(order: Order) -> Observation:
        if is_profiled(order):
            seen.append((order.memory_limit_bytes, order.timeout_s))
        return observation(peak_bytes=9 * MIB)

    play(scenario, answer)
    assert len(seen) == 2
    for limit_bytes, timeout_s in seen:
        assert limit_bytes is not None
        assert limit_bytes > 512 * MIB
        assert timeout_s == scenario.limits.timeout.seconds


def test_stopped_before_the_passes_all_has_been_judged(play: Play, scenario: Scenario) -> None:
    asked = threading.Event()

    def answer(order: Order) -> Observation:
        assert not is_profiled(order)
        if order.snapshots[0].label == "50MB":
            asked.set()
        return observation(peak_bytes=9 * MIB)

    report = play(scenario, answer, stop=asked.is_set)
    assert (report.finished, report.verdict, report.profiles) == (True, Verdict.PASS, ())


def test_stopped_in_the_middle_of_a_pass_all_that_was_judged_is_reported(
    play: Play, scenario: Scenario
) -> None:
    asked = threading.Event()

    def answer(order: Order) -> Observation:
        if is_profiled(order):
            asked.set()
        return over_for_the_larger(order)

    report = play(scenario, answer, stop=asked.is_set)
    assert (report.finished, report.verdict, report.profiles) == (True, Verdict.FAIL, ())
    assert [run.purpose for run in report.runs] == [Purpose.VERDICT] * 2


def test_a_worker_that_ends_otherwise_with_a_profiler_has_no_profile_of_its_peak(
    play: Play, scenario: Scenario
) -> None:
    def answer(order: Order) -> Observation:
        return observation(peak_bytes=9 * MIB, exit_code=1 if is_profiled(order) else 0)

    report = play(scenario, answer)
    assert report.verdict is Verdict.PASS
    assert all(profile.sites is None for profile in report.profiles)
    assert all(profile.problems for profile in report.profiles)


def test_a_snapshot_that_is_no_json_is_not_looked_at(
    play: Play, scenario: Scenario, tmp_path: Path
) -> None:
    broken = '{"heroes": [1, oops]}'

    def answer(order: Order) -> Observation:
        if is_profiled(order):
            (tmp_path / "5.json").write_text(broken)
        return observation(peak_bytes=9 * MIB)

    report = play(scenario, answer)
    first = report.profiles[0]
    assert first.paths is None
    assert "it is no JSON, or cannot be read" in " ".join(first.problems)
    assert msgspec.structs.asdict(report.profiles[1])["paths"] is not None
