"""The trap: where it closes when a part of the memory is not to be counted."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from harness.core.autopsy import Autopsy, Evidence, Fate
from harness.sandbox.freeze import Freezer
from harness.sandbox.kernel import MemoryParts
from harness.sandbox.trap import Frozen, Lookout, Trap
from harness.sandbox.watch import Sampler, Stopped, Watch


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Rising:
    """A meter that says what it was told."""

    size_bytes = 0

    def parts(self) -> MemoryParts:
        size = self.size_bytes
        return MemoryParts(
            anon_bytes=size, shmem_bytes=0, kernel_bytes=0, file_bytes=0, rss_bytes=size
        )

    def stalled_us(self) -> None:
        return None

    def close(self) -> None:
        pass


class Still:
    """A freezer that counts; `steps` are what was done, in order."""

    approximate = False

    def __init__(self) -> None:
        self.steps: list[str] = []

    def freeze(self) -> None:
        self.steps.append("freeze")

    def thaw(self) -> None:
        self.steps.append("thaw")


class Worker:
    slab_share = 0.0

    def __init__(self, *pids: int) -> None:
        self.still = Still()
        self._pids = pids

    @property
    def freezer(self) -> Freezer:
        return self.still

    @property
    def pids(self) -> Callable[[], tuple[int, ...]]:
        return lambda: self._pids

    @property
    def pressure(self) -> Callable[[], dict[str, str]]:
        return dict


class Bench:
    """A lookout over a worker whose memory the test sets."""

    def __init__(self, trap: Trap, *pids: int) -> None:
        self.time = Time()
        self.meter = Rising()
        self.worker = Worker(*pids)
        self.watch = Watch(self.time)
        self.lookout = Lookout(
            trap, self.worker, Sampler(self.meter, None, self.time), self.watch, usual_s=0.01
        )

    def found(self) -> Autopsy | None:
        return self.lookout.autopsy

    def at(self, size_bytes: int) -> Stopped | None:
        self.time.now_s += 0.001
        self.meter.size_bytes = size_bytes
        return self.lookout.tick()


def seen(_: Frozen) -> Evidence:
    return Evidence(processes=())


@pytest.fixture
def victim() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_it_closes_once_over_its_size() -> None:
    bench = Bench(Trap(at_bytes=100, look=seen))
    assert bench.at(100) is None
    assert bench.found() is None
    assert bench.at(101) is None
    assert bench.found() is not None
    assert bench.worker.still.steps == ["freeze", "thaw"]
    bench.at(200)
    assert bench.worker.still.steps == ["freeze", "thaw"], "once is enough"


def test_what_is_not_to_be_counted_is_left_out_and_asked_anew() -> None:
    extra = {"bytes": 50}
    asked: list[tuple[int, ...]] = []

    def extra_bytes(pids: tuple[int, ...]) -> int:
        asked.append(pids)
        return extra["bytes"]

    bench = Bench(Trap(at_bytes=100, look=seen, extra_bytes=extra_bytes), 7, 8)
    bench.at(90)
    assert asked == [], "nobody is asked before it could matter"
    bench.at(140)
    assert bench.found() is None
    assert asked == [(7, 8)]
    extra["bytes"] = 80
    bench.at(170)
    assert bench.found() is None
    extra["bytes"] = 10
    bench.time.now_s += 1  # what was said a while ago does not count for ever
    bench.at(120)
    autopsy = bench.found()
    assert autopsy is not None
    assert autopsy.standstill.limit_bytes == 110
    assert autopsy.standstill.crossed_bytes == 120


def test_a_worker_that_is_to_die_is_killed_before_it_is_let_go(
    victim: "subprocess.Popen[bytes]",
) -> None:
    bench = Bench(Trap(at_bytes=100, look=seen, fate=Fate.DIE), victim.pid)
    steps = bench.worker.still.steps

    def thaw() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            steps.append(f"thaw, ended by {victim.wait(10)}")

    bench.worker.still.thaw = thaw  # type: ignore[method-assign]
    assert bench.at(101) is Stopped.AT_TRAP
    assert steps == ["freeze", f"thaw, ended by {-signal.SIGKILL}"]


def test_one_that_is_to_go_on_is_not_killed(victim: "subprocess.Popen[bytes]") -> None:
    bench = Bench(Trap(at_bytes=100, look=seen), victim.pid)
    assert bench.at(101) is None
    assert victim.poll() is None
    os.kill(victim.pid, 0)


def test_one_that_ended_just_then_is_said() -> None:
    class Gone(Rising):
        reads = 0

        def parts(self) -> MemoryParts:
            self.reads += 1
            if self.reads > 1:
                raise FileNotFoundError
            return super().parts()

    bench = Bench(Trap(at_bytes=100, look=seen))
    bench.lookout = Lookout(
        Trap(at_bytes=100, look=seen),
        bench.worker,
        Sampler(Gone(), None, bench.time),
        bench.watch,
        usual_s=0.01,
    )
    Gone.size_bytes = 101
    assert bench.lookout.tick() is None
    assert bench.found() is None
    assert "ended before it stood still" in bench.lookout.notes[0]
    assert bench.worker.still.steps == ["freeze", "thaw"]
