"""What only the process sandbox has: a worker that no kernel holds, polled now and then."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.ending import Ending, conclude
from harness.core.errors import SandboxError
from harness.core.run import Observation
from harness.sandbox.contract import Order
from harness.sandbox.process import ProcessSandbox

MIB = 2**20
Run = Callable[..., Observation]


@pytest.fixture
def run(folder: Path) -> Run:
    def start(
        code: str,
        *,
        interval_s: float = 0.01,
        timeout_s: float = 60,
        cpus: float | None = None,
    ) -> Observation:
        (folder / "tmp").mkdir(exist_ok=True)
        order = Order(
            command=(sys.executable, "-S", "-c", code),
            environment={"PATH": os.environ["PATH"]},
            working_folder=folder,
            output_folder=folder,
            snapshots=(),
            memory_limit_bytes=400 * MIB,
            timeout_s=timeout_s,
            interval_s=interval_s,
            cpus=cpus,
        )
        return ProcessSandbox().run(order, lambda: False)

    return start


def test_a_burst_between_two_polls_is_in_the_upper_end(run: Run) -> None:
    # More than this process holds itself, which the kernel would count in otherwise.
    ballast = b"x" * 100 * MIB
    seen = run("x = b'x' * (200 << 20)", interval_s=30)
    assert conclude(seen.exit).ending is Ending.COMPLETED
    assert seen.timeline.seen <= 2
    assert seen.high_water_bytes is not None
    assert 200 * MIB <= seen.high_water_bytes < 216 * MIB
    seen = run("x = b'x' * (20 << 20)", interval_s=30)
    assert seen.high_water_bytes is not None
    assert 20 * MIB <= seen.high_water_bytes < 36 * MIB
    assert ballast


def test_mapped_files_are_not_in_the_upper_end(run: Run, folder: Path) -> None:
    file = folder / "mapped"
    with file.open("wb") as data:
        for _ in range(500):
            data.write(os.urandom(MIB))
    code = f"""
import mmap, time
with open({str(file)!r}, "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
for start in range(0, len(pages), 4096):
    pages[start]
time.sleep(0.05)
held = b"x" * (60 << 20)
time.sleep(0.05)
"""
    seen = run(code)
    assert conclude(seen.exit).ending is Ending.COMPLETED
    assert max(sample.rss_bytes for sample in seen.timeline.samples()) > 400 * MIB
    assert seen.high_water_bytes is not None
    assert 60 * MIB <= seen.high_water_bytes < 300 * MIB, "500 MiB of mapped files are not meant"


def test_a_worker_in_a_session_of_its_own_is_asked_to_end(run: Run) -> None:
    asked = "import os, signal, sys, time; os.setsid(); "
    asked += "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); time.sleep(600)"
    seen = run(asked, timeout_s=1)
    assert conclude(seen.exit).ending is Ending.TIMED_OUT
    assert seen.exit.exit_code == 7


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Listen to Ctrl-C, which a shell has what it starts in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_worker_has_the_signals_that_any_has(run: Run) -> None:
    seen = run("import signal; print(signal.getsignal(2), signal.getsignal(15))")
    assert seen.output.stdout_tail.split()[:3] == ["<built-in", "function", "default_int_handler>"]
    seen = run("import os; os.kill(os.getpid(), 9)")
    assert (seen.exit.exit_code, seen.exit.signal) == (137, signal.SIGKILL)


def test_nothing_stands_between_the_worker_and_its_harness(run: Run) -> None:
    seen = run("import os; print(os.getppid())")
    assert seen.output.stdout_tail.split() == [str(os.getpid())]


def test_the_shell_that_starts_a_worker_leaves_nothing(run: Run) -> None:
    before = _children()
    for _ in range(3):
        run("pass")
    end_s = time.monotonic() + 10
    while (after := _children()) != before and time.monotonic() < end_s:
        time.sleep(0.01)
    assert after == before


def test_what_a_worker_leaves_behind_is_taken_leave_of(run: Run) -> None:
    before = _children()
    # Each is the child of the one before, so that all but one lose their parent as they are killed.
    seen = run("""
import os, time
for depth in range(200):
    if os.fork():
        time.sleep(600 if depth else 0.5)
        os._exit(0)
time.sleep(600)
""")
    assert conclude(seen.exit).ending is Ending.COMPLETED
    assert _children() == before, "a zombie that nobody waits for holds its number"


def test_a_worker_has_as_many_processors_as_it_may(run: Run) -> None:
    asked = "import os; print(len(os.sched_getaffinity(0)))"
    assert run(asked, cpus=1).output.stdout_tail.split() == ["1"]
    here = str(len(os.sched_getaffinity(0)))
    assert run(asked, cpus=4096).output.stdout_tail.split() == [here]
    assert run(asked).output.stdout_tail.split() == [here]
    with pytest.raises(SandboxError, match="give a whole number"):
        run(asked, cpus=0.5)


def _children() -> set[str]:
    return {
        pid
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    }
