"""Heap profiles of workers that the kernel kills: the line that holds most, by file and number."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from harness.core.case import Snapshot
from harness.core.ending import Ending, conclude
from harness.core.peaks import peak_of
from harness.core.profile import Frame, Moment, Profile, Profiler, sites_by_line
from harness.core.reconcile import reconcile
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.profilers.child import Bounds
from harness.profilers.collect import Collected, collect
from harness.profilers.cost import Cost, measure_cost, resting_python
from harness.profilers.instrument import CAP_BYTES, Choice, Instrument
from harness.sandbox.contract import Order, Sandbox
from synthetic import generate

MIB = 2**20
MARK = "# HERE"
SYSTEM_PYTHON = "/usr/bin/python3"  # it has no memray of its own
WORKERS = {
    "json": """
        import json, sys
        data = json.load(open(sys.argv[1]))  # HERE
    """,
    "orjson": """
        import orjson, sys
        text = open(sys.argv[1], "rb").read()
        data = orjson.loads(text)  # HERE
    """,
    "msgspec": """
        import msgspec, sys
        text = open(sys.argv[1], "rb").read()
        data = msgspec.json.decode(text)  # HERE
    """,
    "ijson-leak": """
        import ijson, json, sys
        kept = []
        def keep(record):
            kept.append(json.dumps(record, default=str) * 40)  # HERE
        for record in ijson.items(open(sys.argv[1], "rb"), "troops.item"):
            keep(record)
    """,
    "numpy": """
        import numpy
        def fill(count):
            return numpy.ones(count)  # HERE
        kept = []
        while True:
            kept.append(fill(100_000))
    """,
    "threads": """
        import threading
        kept = []
        def hold():
            while True:
                kept.append(bytes(200_000))  # HERE
        for _ in range(3):
            threading.Thread(target=hold).start()
    """,
    "asyncio": """
        import asyncio
        kept = []
        async def hold():
            while True:
                kept.append(bytearray(200_000))  # HERE
                await asyncio.sleep(0)
        async def main():
            await asyncio.gather(hold(), hold())
        asyncio.run(main())
    """,
    "pool": """
        import multiprocessing
        kept = []
        def hold(size):
            while True:
                kept.append(bytes(size))  # HERE
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map_async(hold, [100_000, 200_000]).get(timeout=2)
    """,
    "fork": """
        import os
        def forked():
            kept = []
            if os.fork() == 0:
                while True:
                    kept.append(bytes(200_000))  # HERE
            os.wait()
        forked()
    """,
}
WORKERS["writer"] = """
    import os
    kept = []
    def hold():
        with open(os.environ["OOMPROOF_OUTPUT"] + "/written", "wb") as file:
            while True:
                kept.append(bytes(200_000))  # HERE
                file.write(bytes(600_000))
    hold()
"""
KINDS = [
    pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
    SandboxKind.CGROUP,
]
HOLD = """
    import os, time
    kept = []
    def hold():
        while True:
            kept.append(bytes(200_000))  # HERE
    hold()
"""


class Pass:
    """Runs commands profiled, in one sandbox, and collects what they leave."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.code = folder / "code"
        self.capture = folder / "profile"
        self.output = folder / "output"
        for path in (self.code, self.output / "tmp"):
            path.mkdir(parents=True)

    def worker(self, code: str, name: str = "worker.py") -> tuple[Path, int]:
        """Write a program; return its path and the number of the line that is marked."""
        path = self.code / name
        source = textwrap.dedent(code).lstrip()
        path.write_text(source, "utf-8")
        marked = (number for number, line in enumerate(source.splitlines(), 1) if MARK in line)
        return path, next(marked, 0)

    def order(
        self,
        *words: object,
        limit_mib: int | None = 96,
        snapshot: Path | None = None,
        path: str = "",
    ) -> Order:
        whole = [
            Snapshot(label="", path=str(file), bytes=1, sha256="") for file in [snapshot] if file
        ]
        return Order(
            command=tuple(map(str, words)),
            environment={
                "PATH": os.environ["PATH"],
                "PYTHONHASHSEED": "0",
                "OOMPROOF_OUTPUT": str(self.output),
                "PYTHONDONTWRITEBYTECODE": "1",
                **({"PYTHONPATH": path} if path else {}),
            },
            working_folder=self.code,
            output_folder=self.output,
            snapshots=tuple(whole),
            memory_limit_bytes=None if limit_mib is None else limit_mib * MIB,
            timeout_s=60,
        )

    def run(
        self,
        order: Order,
        *,
        ending: Ending = Ending.OOM_KILLED,
        choice: Choice = Choice.AUTO,
        cap_bytes: int = CAP_BYTES,
    ) -> tuple[Observation, Collected]:
        """Run an order profiled, check how it ended, and return what was seen and collected."""
        instrument = Instrument(folder=self.capture, choice=choice, cap_bytes=cap_bytes)
        seen = self.sandbox.run(instrument.change(order), lambda: False)
        assert conclude(seen.exit).ending is ending, seen.output.stderr_tail
        moment = Moment.HIGH_WATER if ending is Ending.COMPLETED else Moment.DEATH
        return seen, collect(self.capture, moment=moment)

    def cost(self, number: int = 0) -> Cost:
        """Return what the profiler costs a program that rests."""
        return measure_cost(
            self.sandbox,
            self.order("unused"),
            Instrument(folder=self.folder / f"cost-{number}"),
            resting=resting_python(sys.executable),
            stop=lambda: False,
        )


@pytest.fixture
def profiled(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> Callable[[SandboxKind], Pass]:
    return lambda kind: Pass(sandbox_for(kind), folder)


@pytest.fixture
def in_group(profiled: Callable[[SandboxKind], Pass]) -> Pass:
    return profiled(SandboxKind.CGROUP)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("profiles") / "snapshot.json"
    path.write_bytes(b"".join(generate("hero_snapshot", size_bytes=24_000_000, seed=7)))
    yield path
    path.unlink()


def profile_of(collected: Collected) -> Profile:
    assert collected.profile is not None, collected.reasons
    return collected.profile


def largest(collected: Collected) -> Frame:
    line = sites_by_line(profile_of(collected).sites)[0].line
    assert line is not None
    return line


def place(path: Path, line: int) -> tuple[str, int]:
    return str(path), line


def at(frame: Frame) -> tuple[str, int]:
    return frame.file, frame.line


pytestmark = pytest.mark.cgroup


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORKERS)
def test_killed_worker_shows_the_line_that_holds_most(
    name: str, kind: SandboxKind, profiled: Callable[[SandboxKind], Pass], snapshot: Path
) -> None:
    made = profiled(kind)
    path, line = made.worker(WORKERS[name])
    limit_mib = 70 if "leak" not in name else 96
    order = made.order(sys.executable, path, snapshot, snapshot=snapshot, limit_mib=limit_mib)
    _, collected = made.run(order)
    profile = profile_of(collected)
    assert at(largest(collected)) == place(path, line)
    assert profile.profiler is Profiler.MEMRAY
    assert profile.moment is Moment.DEATH
    assert not collected.reasons
    assert {"profile.json", "speedscope.json", "flamegraph.html"} < set(collected.files)
    assert all((made.capture / name).is_file() for name in collected.files)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_child_process_behind_a_parent_or_a_shell(
    wrapped: bool, kind: SandboxKind, profiled: Callable[[SandboxKind], Pass]
) -> None:
    made = profiled(kind)
    child, line = made.worker(HOLD, "child.py")
    parent, _ = made.worker("import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])")
    words = ("/bin/sh", "-c", f"{sys.executable} {child}; true")
    order = made.order(*(words if wrapped else (sys.executable, parent)))
    _, collected = made.run(order)
    assert (Path(largest(collected).file).name, largest(collected).line) == (child.name, line)
    assert profile_of(collected).processes == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(300_000, 60_000), (60_000, 300_000)])
def test_order_of_two_allocators_follows_their_sizes(
    sizes: Sequence[int], kind: SandboxKind, profiled: Callable[[SandboxKind], Pass]
) -> None:
    made = profiled(kind)
    for name, size in zip(("first", "second"), sizes, strict=True):
        made.worker(f"kept = []\ndef hold():\n    kept.append(bytes({size}))", f"{name}.py")
    path, _ = made.worker("import first, second\nwhile True:\n    first.hold(); second.hold()")
    _, collected = made.run(made.order(sys.executable, path))
    by_line = sites_by_line(profile_of(collected).sites)
    found = [Path(site.line.file).name for site in by_line[:2] if site.line]
    assert found == (
        ["first.py", "second.py"] if sizes[0] > sizes[1] else ["second.py", "first.py"]
    )


def test_completed_worker_shows_its_high_water_mark(in_group: Pass) -> None:
    path, line = in_group.worker("""
        def hold():
            return [b"x" * 100_000 for _ in range(400)]  # HERE
        import time
        held = hold()
        time.sleep(0.05)
        del held
        after = bytearray(1_000_000)
    """)
    order = in_group.order(sys.executable, path, limit_mib=None)
    seen, collected = in_group.run(order, ending=Ending.COMPLETED)
    profile = profile_of(collected)
    assert at(largest(collected)) == place(path, line)
    assert profile.moment is Moment.HIGH_WATER
    assert 40_000_000 <= profile.sites[0].bytes <= 41_000_000
    assert seen.timeline.top is not None
    assert profile.resident_bytes is not None
    assert profile.resident_bytes > 40_000_000
    cost = in_group.cost()
    peak = peak_of(seen.timeline, seen.high_water_bytes)
    made = reconcile(profile, peak, profiler_bytes=cost.anon_bytes)
    assert made.remainder_bytes is not None
    assert abs(made.remainder_bytes) < 4_000_000, made


def test_lent_to_an_interpreter_that_has_none(in_group: Pass) -> None:
    path, line = in_group.worker(HOLD)
    _, collected = in_group.run(in_group.order(SYSTEM_PYTHON, path))
    profile = profile_of(collected)
    fits = _version(SYSTEM_PYTHON) == sys.version_info[:2]
    assert profile.profiler is (Profiler.MEMRAY if fits else Profiler.TRACEMALLOC)
    assert bool(collected.reasons) is not fits
    assert at(largest(collected)) == place(path, line)


def _version(python: str) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    said = subprocess.run([python, "-c", code], capture_output=True, check=True, text=True)
    return tuple(map(int, said.stdout.split()))


@pytest.mark.parametrize("ending", [Ending.OOM_KILLED, Ending.COMPLETED])
def test_tracemalloc(ending: Ending, in_group: Pass) -> None:
    path, line = in_group.worker("""
        import time
        kept = []
        def hold():
            for _ in range(150):
                kept.append([str(n) * 20 for n in range(1_000, 2_500)])  # HERE
                time.sleep(0.004)
        hold()
    """)
    limit_mib = 48 if ending is Ending.OOM_KILLED else None
    order = in_group.order(sys.executable, path, limit_mib=limit_mib)
    _, collected = in_group.run(order, ending=ending, choice=Choice.TRACEMALLOC)
    profile = profile_of(collected)
    assert at(largest(collected)) == place(path, line)
    assert profile.profiler is Profiler.TRACEMALLOC
    assert profile.total_bytes > 3_000_000


def test_users_own_sitecustomize_still_runs(in_group: Pass) -> None:
    own = in_group.folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import sys\nsys.ran_own = __file__\n", "utf-8")
    path, line = in_group.worker("""
        import sitecustomize, sys
        kept = bytes(30_000_000)  # HERE
        print(sys.ran_own, sitecustomize.__file__, [p for p in sys.path if "inside" in p])
    """)
    order = in_group.order(sys.executable, path, path=str(own))
    seen, collected = in_group.run(order, ending=Ending.COMPLETED)
    file = own / "sitecustomize.py"
    assert seen.output.stdout_tail.strip() == f"{file} {file} []"
    assert at(largest(collected)) == place(path, line)


def test_interpreter_that_heeds_no_path_has_no_profile(in_group: Pass) -> None:
    path, _ = in_group.worker(HOLD)
    _, collected = in_group.run(in_group.order(sys.executable, "-I", path))
    assert collected.profile is None
    assert "-I, -E or -S" in collected.reasons[-1]


def test_capture_above_its_cap_is_cut_and_says_so(in_group: Pass) -> None:
    path, line = in_group.worker("""
        kept = []
        while True:
            kept.append(bytes(600))  # HERE
            for _ in range(20): bytes(700)
    """)
    order = in_group.order(sys.executable, path, limit_mib=128)
    _, collected = in_group.run(order, cap_bytes=1_000_000)
    profile = profile_of(collected)
    assert profile.is_cut
    assert "reached its cap after" in profile.notes[0]
    assert at(largest(collected)) == place(path, line)


def test_cost_is_small_and_the_same_each_time(in_group: Pass) -> None:
    sizes = [in_group.cost(number).unreclaimable_bytes for number in range(2)]
    assert all(2 * MIB < size < 32 * MIB for size in sizes)
    assert max(sizes) - min(sizes) < MIB


GARBAGE = {
    "empty": b"",
    "zeros": bytes(70_000),
    "text": b"this is no capture\n" * 100,
    "header": b"memray" + bytes(range(256)) * 40,
    "noise": b"memray\0" + bytes((n * n * 31 + n // 7) % 256 for n in range(50_000)),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_damaged_capture_is_told_and_nothing_breaks(kind: str, tmp_path: Path) -> None:
    (tmp_path / "process-7.memray").write_bytes(GARBAGE[kind])
    status = '{"pid": 7, "profiler": "memray", "capture": "process-7.memray"}'
    (tmp_path / "process-7.status.json").write_text(status, "utf-8")
    collected = collect(tmp_path, moment=Moment.DEATH)
    assert collected.profile is None
    assert len(collected.reasons) == 2
    assert "Traceback" not in str(collected.reasons)
    assert collected.reasons[-1].endswith("none of the captures could be read.")


def test_capture_too_large_to_read_is_read_from_its_beginning(in_group: Pass) -> None:
    path, line = in_group.worker("""
        kept = [bytes(600) for _ in range(600_000)]  # HERE
    """)
    order = in_group.order(sys.executable, path, limit_mib=None)
    _, whole = in_group.run(order, ending=Ending.COMPLETED)
    capture = next(in_group.capture.glob("*.memray"))
    size = capture.stat().st_size
    bounds = Bounds(memory_bytes=60_000_000)
    part = collect(in_group.capture, moment=Moment.HIGH_WATER, bounds=bounds)
    assert at(largest(part)) == place(path, line)
    assert profile_of(part).is_cut
    assert "was cut at" in profile_of(part).notes[0]
    assert profile_of(part).total_bytes < profile_of(whole).total_bytes
    assert capture.stat().st_size == size
    assert not [path for path in in_group.capture.iterdir() if path.name.startswith(".")]


def test_links_of_a_worker_lead_nowhere(in_group: Pass) -> None:
    target = in_group.folder / "target"
    target.write_text("untouched", "utf-8")
    path, _ = in_group.worker(f"""
        import os
        kept = bytes(2_000_000)
        for name in ("profile.json", "speedscope.json", ".flamegraph.html", "flamegraph.html"):
            os.symlink({str(target)!r}, os.path.join(os.environ["OOMPROOF_CAPTURE"], name))
        os.mkdir(os.path.join(os.environ["OOMPROOF_CAPTURE"], ".beginning-"))
        os.mkfifo(os.path.join(os.environ["OOMPROOF_CAPTURE"], "process-1.status.json"))
    """)
    order = in_group.order(sys.executable, path)
    _, collected = in_group.run(order, ending=Ending.COMPLETED)
    assert target.read_text("utf-8") == "untouched"
    assert "flamegraph.html" in collected.files
    assert not (in_group.capture / "flamegraph.html").is_symlink()


def test_capture_that_lost_its_end_is_read_up_to_there(in_group: Pass) -> None:
    path, line = in_group.worker(HOLD)
    _, whole = in_group.run(in_group.order(sys.executable, path))
    capture = next(in_group.capture.glob("*.memray"))
    os.truncate(capture, capture.stat().st_size - 1000)
    lost = collect(in_group.capture, moment=Moment.DEATH)
    assert at(largest(lost)) == place(path, line)
    assert profile_of(lost).total_bytes <= profile_of(whole).total_bytes


def test_reader_without_room_or_time_gives_reasons(in_group: Pass) -> None:
    path, _ = in_group.worker(HOLD)
    in_group.run(in_group.order(sys.executable, path))
    short = collect(in_group.capture, moment=Moment.DEATH, bounds=Bounds(timeout_s=0.01))
    assert short.profile is None
    assert "could not be read within" in short.reasons[0]
    small = collect(in_group.capture, moment=Moment.DEATH, bounds=Bounds(memory_bytes=12_000_000))
    assert small.profile is None
    assert "more than" in small.reasons[0]
