"""How a worker's replay in a sandbox is taken as an answer, with a sandbox that is a script."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.checks import KilledCheck, PeakCheck
from harness.core.case import Case
from harness.core.errors import NoVerdictError, OomproofError, SandboxError
from harness.core.run import Observation
from harness.core.scenario import Scenario
from harness.execution import Executor
from harness.orders import OrderMaker
from harness.sandbox.fake import FakeSandbox, observation
from harness.store import Store

MIB = 2**20
LIMIT_BYTES = 100 * MIB
CEILING_BYTES = 4096 * MIB
NOISE_BYTES = 512 * 1024
KILLED = observation(exit_code=137, signal=signal.SIGKILL, oom_kills=1)
PASSED = observation(peak_bytes=40 * MIB)
CRASHED = observation(exit_code=1, stderr="KeyError: 'troops'")
FROM_OUTSIDE = observation(exit_code=137, signal=signal.SIGKILL)
MEMORY_ERROR = observation(
    exit_code=1, stderr="Traceback (most recent call last):\n  File\nMemoryError"
)


class Bench:
    """A check with its scripted sandbox, and a snapshot to ask it about."""

    def __init__(self, folder: Path, scenario: Scenario, case: Case) -> None:
        self.snapshot = folder / "export.json"
        self.snapshot.write_text("[1]")
        self._folder = folder
        self._scenario = scenario
        self._case = case
        self.sandbox = FakeSandbox(())

    def _executor(self, script: tuple[Observation | OomproofError, ...]) -> Executor:
        self.sandbox = FakeSandbox(script)
        orders = OrderMaker(self._scenario, folder=self._folder, kind=self.sandbox.kind)
        return Executor(sandbox=self.sandbox, orders=orders, store=Store(self._folder))

    def killed(self, *script: Observation | OomproofError) -> KilledCheck:
        executor = self._executor(script)
        return KilledCheck(
            self._case, executor, limit_bytes=LIMIT_BYTES, sandbox="cgroup", stop=lambda: False
        )

    def peak(self, *script: Observation | OomproofError) -> PeakCheck:
        return PeakCheck(
            self._case,
            self._executor(script),
            above_bytes=LIMIT_BYTES,
            ceiling_bytes=CEILING_BYTES,
            sandbox="cgroup",
            stop=lambda: False,
        )

    @property
    def limits(self) -> list[int | None]:
        return [order.memory_limit_bytes for order in self.sandbox.orders]


@pytest.fixture
def bench(
    tmp_path: Path, make_scenario: Callable[..., Scenario], make_case: Callable[..., Case]
) -> Bench:
    return Bench(tmp_path, make_scenario(), make_case())


def test_what_is_killed_shows_it_and_is_searched_with_a_margin(bench: Bench) -> None:
    check = bench.killed(KILLED, KILLED, PASSED)
    assert check.confirms(bench.snapshot).shows
    assert check.shows(bench.snapshot).shows
    answer = check.shows(bench.snapshot)
    assert not answer.shows
    assert answer.detail == "the worker: completed with a peak of 40 MiB"
    assert bench.limits == [LIMIT_BYTES, LIMIT_BYTES + NOISE_BYTES, LIMIT_BYTES + NOISE_BYTES]


@pytest.mark.parametrize("other", [CRASHED, MEMORY_ERROR, PASSED])
def test_another_ending_than_the_first_does_not_show_it(other: Observation, bench: Bench) -> None:
    check = bench.killed(KILLED, other)
    assert check.confirms(bench.snapshot).shows
    assert not check.confirms(bench.snapshot).shows


def test_a_memory_error_is_running_out_of_memory_too(bench: Bench) -> None:
    check = bench.killed(MEMORY_ERROR, KILLED, MEMORY_ERROR)
    answers = [check.confirms(bench.snapshot).shows for _ in range(3)]
    assert answers == [True, False, True]


def test_what_a_worker_that_crashed_said_is_passed_on(bench: Bench) -> None:
    answer = bench.killed(CRASHED).confirms(bench.snapshot)
    assert not answer.shows
    assert answer.detail.endswith("KeyError: 'troops'")


@pytest.mark.parametrize("broken", [FROM_OUTSIDE, SandboxError("the engine is gone")])
def test_a_replay_without_a_verdict_is_made_once_more(
    broken: Observation | OomproofError, bench: Bench
) -> None:
    assert bench.killed(broken, KILLED).confirms(bench.snapshot).shows
    with pytest.raises(NoVerdictError, match="no verdict"):
        bench.killed(broken, broken).confirms(bench.snapshot)


def test_a_sample_above_the_size_is_enough(bench: Bench) -> None:
    check = bench.peak(observation(peak_bytes=101 * MIB, upper_bytes=150 * MIB))
    assert check.confirms(bench.snapshot).shows
    assert bench.limits == [CEILING_BYTES]


def test_a_counter_below_the_size_is_enough(bench: Bench) -> None:
    check = bench.peak(observation(peak_bytes=80 * MIB, upper_bytes=99 * MIB))
    assert not check.confirms(bench.snapshot).shows
    assert bench.limits == [CEILING_BYTES]


@pytest.mark.parametrize(("at_the_size", "shows"), [(KILLED, True), (PASSED, False)])
def test_in_between_a_run_under_the_size_decides(
    at_the_size: Observation, shows: bool, bench: Bench
) -> None:
    check = bench.peak(observation(peak_bytes=80 * MIB, upper_bytes=120 * MIB), at_the_size)
    assert check.confirms(bench.snapshot).shows is shows
    assert bench.limits == [CEILING_BYTES, LIMIT_BYTES]


def test_a_peak_within_the_noise_is_not_taken_while_searching(bench: Bench) -> None:
    within = observation(peak_bytes=LIMIT_BYTES + NOISE_BYTES // 2)
    check = bench.peak(within, within)
    assert check.confirms(bench.snapshot).shows
    assert not check.shows(bench.snapshot).shows


def test_a_worker_that_crashes_has_not_the_peak_that_is_looked_for(bench: Bench) -> None:
    high = observation(peak_bytes=200 * MIB)
    crashed = observation(peak_bytes=200 * MIB, exit_code=1)
    check = bench.peak(high, crashed)
    assert check.confirms(bench.snapshot).shows
    assert not check.shows(bench.snapshot).shows
    always = bench.peak(crashed, crashed, high)
    assert [always.confirms(bench.snapshot).shows for _ in range(3)] == [True, True, True]
