"""Docker as most have it: an ordinary user who may use the engine, and can make no groups.

The container's group is gone soon after its end, and its counters with it. What was not read by
then must be told from what was.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.ending import Ending, Killed, LimitReached, conclude
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox

MIB = 2**20
LIMIT_BYTES = 128 * MIB
pytestmark = pytest.mark.docker
Run = Callable[..., Observation]
IS_EMULATED = bool(os.environ.get("OOMPROOF_TEST_EMULATED"))
# What depends on who is faster is tried again, but not where each attempt takes ten times as long.
ATTEMPTS = 1 if IS_EMULATED else 3
TAKE = "data = bytearray(300 << 20)"


@pytest.fixture
def run(
    sandbox_for: Callable[[SandboxKind], Sandbox],
    ordinary_docker: Callable[[], Sandbox],
    folder: Path,
) -> Run:
    sandbox_for(SandboxKind.DOCKER)

    def start(*command: str, timeout_s: float = 120) -> Observation:
        (folder / "tmp").mkdir(exist_ok=True)
        (folder / "tmp").chmod(0o777)
        order = Order(
            command=command,
            environment={"PATH": os.environ["PATH"], "OOMPROOF_OUTPUT": str(folder)},
            working_folder=folder,
            output_folder=folder,
            snapshots=(),
            memory_limit_bytes=LIMIT_BYTES,
            timeout_s=timeout_s,
        )
        return ordinary_docker().run(order, lambda: False)

    return start


def told(run: Run, *command: str) -> Observation:
    """Return a run of which it could be told whose limit its kill was for.

    In an emulated machine the group may be gone before this process runs again. Then that is said,
    and asked again.
    """
    for _ in range(3 if IS_EMULATED else 1):
        seen = run(*command)
        if conclude(seen.exit).ending is not None:
            return seen
        assert seen.exit.limit_reached is LimitReached.UNKNOWN
    pytest.fail(f"whose limit it was could not be told: {seen.exit}")


def test_the_user_is_an_ordinary_one(run: Run) -> None:
    seen = run("/bin/sh", "-c", "id -u")
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert int(seen.output.stdout_tail) != 0


@pytest.mark.parametrize("attempt", range(ATTEMPTS))
def test_killed_at_the_limit(run: Run, python: str, attempt: int) -> None:
    seen = told(run, python, "-c", TAKE)
    conclusion = conclude(seen.exit)
    assert conclusion.ending is Ending.OOM_KILLED, (attempt, seen.exit)
    assert conclusion.killed is Killed.MAIN


@pytest.mark.parametrize("code", [0, 3])
def test_a_child_is_killed(run: Run, python: str, code: int) -> None:
    seen = told(run, "/bin/sh", "-c", f"{python} -c '{TAKE}'; exit {code}")
    conclusion = conclude(seen.exit)
    assert conclusion.ending is Ending.OOM_KILLED, seen.exit
    assert conclusion.killed is Killed.CHILD
    assert seen.exit.exit_code == code


def test_what_is_no_kill_for_memory(run: Run) -> None:
    assert conclude(run("/bin/sh", "-c", "exit 137").exit).ending is Ending.CRASHED
    seen = run("/bin/sh", "-c", "kill -9 $$")
    assert conclude(seen.exit).ending is Ending.KILLED_FROM_OUTSIDE, seen.exit


def test_a_burst_at_the_very_end_is_in_the_interval_or_the_interval_is_open(
    run: Run, python: str
) -> None:
    code = "import os, time; time.sleep(0.5); data = b'x' * (60 << 20); os._exit(0)"
    for _ in range(ATTEMPTS):
        seen = run(python, "-c", code)
        assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
        if seen.high_water_bytes is not None:
            assert seen.high_water_bytes >= 60 * MIB


# In an emulated machine the engine is mostly the faster: nothing is lost, but the end stays open.
if ATTEMPTS > 1:

    def test_the_upper_end_is_known_at_times(run: Run) -> None:
        marks = (run("/bin/sleep", "0.3").high_water_bytes for _ in range(5))
        assert any(mark is not None for mark in marks), "an end is heard while the group is there"
