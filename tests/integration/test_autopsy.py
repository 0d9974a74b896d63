"""Workers frozen at a size while they do something, looked at, and let go: as if nothing had been.

Each worker ends well only if nothing of it was harmed: it checks its own work, and says so.
"""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.autopsy.gather import Gatherer
from harness.autopsy.json_path import find_offset
from harness.core.autopsy import Autopsy, Fate, main_thread
from harness.core.case import Snapshot
from harness.core.ending import Ending, conclude
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import connect
from harness.sandbox.identity import LABEL
from harness.sandbox.trap import Trap

MIB = 2**20
EMULATED = bool(os.environ.get("OOMPROOF_TEST_EMULATED"))
KINDS = [
    pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
    pytest.param(SandboxKind.CGROUP, marks=pytest.mark.cgroup),
    SandboxKind.PROCESS,
]
SIZE_MIB = 40 if EMULATED else 200
LIMIT_BYTES = SIZE_MIB // 2 * MIB
# Emulated, threads and children share one slow processor, and no two runs are alike.
SPREAD = 0.15 if EMULATED else 0.03

WORKERS = {
    "computation": f"""
        def grow():
            kept = []
            for number in range({SIZE_MIB} * 1000):
                kept.append(bytes(1000) + b"%d" % number)  # here
            return kept
        kept = grow()
        assert len(kept) == {SIZE_MIB} * 1000 and kept[77].endswith(b"77")
    """,
    "read": f"""
        import os
        path = os.environ["OOMPROOF_OUTPUT"] + "/read"
        with open(path, "wb") as file:
            for number in range({SIZE_MIB}):
                file.write(bytes([number % 251]) * (1 << 20))
            file.flush()
            os.fsync(file.fileno())
        def read():
            with open(path, "rb", buffering=0) as file:
                return os.read(file.fileno(), {SIZE_MIB} << 20)  # here
        data = read()
        assert len(data) == {SIZE_MIB} << 20
        assert all(data[n << 20] == n % 251 for n in range({SIZE_MIB}))
    """,
    "write": f"""
        import os
        path = os.environ["OOMPROOF_OUTPUT"] + "/written"
        def write():
            with open(path, "wb", buffering=0) as file:
                kept = []
                for number in range({SIZE_MIB} // 4):
                    kept.append(bytearray(b"x") * (4 << 20))
                    assert file.write(kept[-1]) == 4 << 20  # here
        write()
        assert os.path.getsize(path) == {SIZE_MIB} // 4 * (4 << 20)
    """,
    "fork": f"""
        import os, sys
        def child():
            kept = []
            for number in range({SIZE_MIB} * 700):
                kept.append(bytes(1000) + b"%d" % number)  # here
            assert len(kept) == {SIZE_MIB} * 700
        kept = bytearray({SIZE_MIB // 4} << 20)
        pid = os.fork()
        if pid == 0:
            child()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    """,
    "threads": f"""
        import threading, time
        counts = []
        def grow():
            kept = []
            for number in range({SIZE_MIB} * 250):
                kept.append(bytes(1000) + b"%d" % number)  # here
            counts.append(len(kept))
            barrier.wait()
            time.sleep(0.1)  # all of it is held for a while, so that a look falls into it
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=grow) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert counts == [{SIZE_MIB} * 250] * 4
    """,
}


class Bench:
    """Runs one of the workers in one sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path, python: str) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._python = python
        (folder / "tmp").mkdir(exist_ok=True)

    def script(self, name: str, code: str) -> Path:
        path = self.folder / f"{name}.py"
        path.write_text(textwrap.dedent(code), "utf-8")
        return path

    def order(self, *words: str | Path) -> Order:
        return Order(
            command=(self._python, *map(str, words)),
            environment={"PATH": os.environ["PATH"], "OOMPROOF_OUTPUT": str(self.folder)},
            working_folder=self.folder,
            output_folder=self.folder,
            snapshots=(),
            memory_limit_bytes=4 * 2**30,
            timeout_s=300,
        )

    def caught(self, order: Order, at_bytes: int, *, with_locals: bool = False) -> Observation:
        trap = Trap(at_bytes=at_bytes, look=Gatherer(with_locals=with_locals))
        return self.sandbox.run(msgspec.structs.replace(order, trap=trap), lambda: False)


@pytest.fixture
def bench(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
) -> Callable[[SandboxKind], Bench]:
    return lambda kind: Bench(
        sandbox_for(kind), folder, python if kind is SandboxKind.PROCESS else sys.executable
    )


def marked_line(script: Path) -> int:
    lines = script.read_text("utf-8").splitlines()
    return next(n for n, line in enumerate(lines, start=1) if line.endswith("# here"))


def autopsy_of(seen: Observation) -> Autopsy:
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert seen.autopsy is not None, seen.notes
    return seen.autopsy


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("worker", WORKERS)
def test_frozen_at_the_limit_and_unharmed(
    worker: str, kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    trial = bench(kind)
    script = trial.script(worker, WORKERS[worker])
    order = trial.order(script)
    plain = trial.sandbox.run(order, lambda: False)
    seen = trial.caught(order, LIMIT_BYTES)
    autopsy = autopsy_of(seen)
    assert seen.exit.exit_code == plain.exit.exit_code == 0
    stood = autopsy.standstill
    assert stood.stood.unreclaimable_bytes > LIMIT_BYTES * 0.99
    assert stood.is_at_limit == (abs(stood.overshoot_bytes) <= LIMIT_BYTES / 100)
    assert stood.frozen_s < 1 or EMULATED
    processes = autopsy.evidence.processes
    thread = main_thread(processes)
    assert thread is not None, autopsy.evidence.problems
    assert thread.line is not None
    assert (thread.line.file, thread.line.function) == (str(script), thread.line.function)
    if worker != "threads":
        near = range(marked_line(script) - 2, marked_line(script) + 1)
        assert thread.line.line in near
    assert len(processes) == (2 if worker == "fork" else 1)
    assert processes[0].anonymous_bytes > LIMIT_BYTES * 0.6
    assert processes[0].areas[0].resident_bytes > MIB
    # The peak of a run that stood still is that of one that did not: on a busy machine the last
    # samples may come late, so as an interval.
    tops = [run.timeline.top.unreclaimable_bytes for run in (plain, seen) if run.timeline.top]
    marks = [run.high_water_bytes for run in (plain, seen) if run.high_water_bytes is not None]
    if kind is not SandboxKind.PROCESS and len(marks) == len(tops) == 2:
        assert tops[1] < marks[0] * (1 + SPREAD)
        assert tops[0] * (1 - SPREAD) < marks[1]


@pytest.mark.parametrize("kind", KINDS)
def test_it_stands_within_one_percent_of_its_limit(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    """On a busy machine a look can come late, so the best of a few counts; each says how far.

    It takes memory as fast as a parser does: some hundred megabytes a second.
    """
    trial = bench(kind)
    record = '{"id": 1234567, "name": "a name", "level": 12}'
    code = f"import json; kept = [json.loads({record!r}) for _ in range(500_000)]"
    order = trial.order("-c", code)
    tries = (autopsy_of(trial.caught(order, 100 * MIB)).standstill for _ in range(8))
    assert any(stood.is_at_limit and stood.overshoot_bytes > 0 for stood in tries)


@pytest.mark.parametrize("kind", KINDS)
def test_standing_still_counts_neither_as_time_nor_against_the_deadline(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    trial = bench(kind)
    order = trial.order("-c", "import time; data = bytearray(64 << 20); time.sleep(1)")
    held_s = 3.0

    class Slow(Gatherer):
        def __call__(self, frozen):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
            time.sleep(held_s)
            return super().__call__(frozen)

    trap = Trap(at_bytes=32 * MIB, look=Slow())
    timeout_s = 60.0 if EMULATED else 3.5
    limited = msgspec.structs.replace(order, trap=trap, timeout_s=timeout_s)
    seen = trial.sandbox.run(limited, lambda: False)
    assert autopsy_of(seen).standstill.frozen_s >= held_s
    assert seen.wall_seconds < held_s or EMULATED


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_to_die_does_nothing_more_once_it_stood(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    """What a profiler's capture holds last must be what was alive at the stack that was read."""
    trial = bench(kind)
    code = """
        import os
        kept = []
        with open(os.environ["OOMPROOF_OUTPUT"] + "/steps", "wb", buffering=0) as file:
            while True:
                kept.append(bytearray(b"x") * (1 << 16))
                file.write(b".")
    """
    steps = trial.folder / "steps"

    class Counting(Gatherer):
        def __call__(self, frozen):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
            evidence = super().__call__(frozen)
            told = {"steps": str(steps.stat().st_size)}
            return msgspec.structs.replace(evidence, pressure=told)

    trap = Trap(at_bytes=64 * MIB, look=Counting(), fate=Fate.DIE)
    order = trial.order(trial.script("stepping", code))
    seen = trial.sandbox.run(msgspec.structs.replace(order, trap=trap), lambda: False)
    assert conclude(seen.exit).ending is Ending.OOM_KILLED
    assert seen.autopsy is not None, seen.notes
    assert seen.autopsy.evidence.processes[0].threads
    assert steps.stat().st_size == int(seen.autopsy.evidence.pressure["steps"]) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_look_that_hangs_does_not_hold_the_worker(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    trial = bench(kind)
    order = trial.order("-c", "data = bytearray(64 << 20)")

    class Hanging(Gatherer):
        def __call__(self, frozen):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
            evidence = super().__call__(frozen)
            time.sleep(1.5)
            return evidence

    trap = Trap(at_bytes=32 * MIB, look=Hanging(), hold_s=0.5)
    seen = trial.sandbox.run(msgspec.structs.replace(order, trap=trap), lambda: False)
    assert conclude(seen.exit).ending is Ending.COMPLETED
    assert "let go" in " ".join(seen.notes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_stays_below_is_not_caught(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    trial = bench(kind)
    seen = trial.caught(trial.order("-c", "data = bytearray(8 << 20)"), 900 * MIB)
    assert conclude(seen.exit).ending is Ending.COMPLETED
    assert seen.autopsy is None
    assert seen.notes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_variables_are_kept_only_where_asked(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    trial = bench(kind)
    code = """
        def work():
            secret = "hunter2-hunter2"
            data = bytearray(64 << 20)
            return len(data) + len(secret)
        for _ in range(20):
            work()
    """
    order = trial.order(trial.script("secret", code))
    without, with_ = (
        msgspec.json.encode(autopsy_of(trial.caught(order, 32 * MIB, with_locals=wanted)))
        for wanted in (False, True)
    )
    assert b"hunter2" not in without
    assert b"hunter2" in with_


@pytest.mark.parametrize("kind", KINDS)
def test_the_open_snapshot_tells_how_far_it_was_read(
    kind: SandboxKind, bench: Callable[[SandboxKind], Bench]
) -> None:
    trial = bench(kind)
    file = trial.folder / "snapshot.json"
    file.write_bytes(b"[" + b"1," * 4 * MIB + b"1]")
    code = """
        import sys
        with open(sys.argv[1], "rb", buffering=0) as file:
            data = [file.read(1 << 20), bytearray(64 << 20)]
            for _ in range(64):
                data.append(bytearray(1 << 20))
    """
    snapshot = Snapshot(label="s", path=str(file), bytes=file.stat().st_size, sha256="")
    order = trial.order(trial.script("reader", code), file)
    order = msgspec.structs.replace(order, snapshots=(snapshot,))
    autopsy = autopsy_of(trial.caught(order, 32 * MIB))
    reached = find_offset((snapshot,), autopsy)
    assert (reached.snapshot, reached.offset_bytes) == (snapshot, MIB)


HARNESS = """
import sys, time
from pathlib import Path
from harness.sandbox.contract import Order
from harness.sandbox.trap import Trap
from harness.sandbox.{module} import {name}

SANDBOX = {made}
def look(frozen):
    print("frozen", *frozen.pids, flush=True)
    time.sleep(600)

folder = Path(sys.argv[1])
SANDBOX.run(
    Order(
        command=({python!r}, "-c", "d = bytearray(64 << 20); import time; time.sleep(600)"),
        environment={{"PATH": "/usr/bin:/bin"}},
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=1 << 30,
        timeout_s=900,
        trap=Trap(at_bytes=32 << 20, look=look, hold_s=900),
    ),
    lambda: False,
)
"""
NAMES = {
    SandboxKind.DOCKER: ("docker", "DockerSandbox", "DockerSandbox()"),
    SandboxKind.CGROUP: ("cgroup", "CgroupSandbox", "CgroupSandbox()"),
    SandboxKind.PROCESS: ("process", "ProcessSandbox", "ProcessSandbox()"),
}


def killed_while_its_worker_stands(
    folder: Path, module: str, name: str, made: str
) -> tuple[int, list[int]]:
    """Kill a harness in the middle of its look; return its number and those that it looked at."""
    (folder / "tmp").mkdir()
    code = HARNESS.format(module=module, name=name, made=made, python=sys.executable)
    harness = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert harness.stdout is not None
    with harness.stdout as said:
        words = said.readline().split()
    assert words[:1] == ["frozen"]
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    return harness.pid, [int(word) for word in words[1:]]


@pytest.mark.docker
def test_a_container_that_the_engine_paused_is_gone_after_the_next_start(folder: Path) -> None:
    sandbox = DockerSandbox(remote=True)
    answer = sandbox.availability()
    if not answer.works:
        pytest.skip(f"the docker sandbox does not work here: {answer.reason}")
    made = "DockerSandbox(remote=True)"
    number, _ = killed_while_its_worker_stands(folder, "docker", "DockerSandbox", made)
    with contextlib.closing(connect()) as client:
        paused = {"label": LABEL, "status": "paused"}
        (container,) = (
            found
            for found in client.containers(all=True, filters=paused)
            if f"-{number}-" in found["Labels"][LABEL]
        )
        assert any(f"-{number}-" in name for name in sandbox.sweep())
        left = client.containers(all=True, filters={"id": container["Id"]})
        assert left == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_worker_of_a_killed_harness_is_gone_after_the_next_start(
    kind: SandboxKind, sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> None:
    sandbox = sandbox_for(kind)
    number, pids = killed_while_its_worker_stands(folder, *NAMES[kind])
    assert pids
    assert any(_lives(pid) for pid in pids), "a frozen worker outlives its harness"
    names = sandbox.sweep()
    assert any(f"-{number}-" in found for found in names)
    end_s = time.monotonic() + 30
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < end_s, "the frozen worker is still there"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


@pytest.mark.docker
def test_an_engine_elsewhere_pauses_and_its_figures_are_approximate(folder: Path) -> None:
    sandbox = DockerSandbox(remote=True)
    answer = sandbox.availability()
    if not answer.works:
        pytest.skip(f"the docker sandbox does not work here: {answer.reason}")
    trial = Bench(sandbox, folder, sys.executable)
    code = "import time; data = bytearray(64 << 20); time.sleep(2); print(len(data))"
    seen = trial.caught(trial.order("-c", code), 32 * MIB)
    autopsy = autopsy_of(seen)
    assert seen.output.stdout_tail == f"{64 * MIB}\n"
    assert autopsy.standstill.approximate
    assert autopsy.evidence.processes == ()
    assert "on another machine" in autopsy.evidence.problems[0]
