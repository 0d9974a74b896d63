"""Laws of real workers: their shapes, what fits a limit, and what they keep from job to job."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox
from tests.integration.test_pipeline import KINDS, oomproof, report_of

MIB: Final = 2**20
pytestmark = pytest.mark.timeout(120)

# The worker is told what to need; a megabyte of snapshot is the unit. What it needs is written to,
# because memory that was only asked for is not there.
SHAPES: Final = """
import os, sys, time
size, shape = os.path.getsize(sys.argv[1]) / 1e6, sys.argv[2]
needed = {
    "line": 20 * size,
    "square": 3 * size * size,
    "step": 20 if size < 4.5 else 200,
    "flat": 20,
    "root": 60 * size ** 0.5,
}[shape]
held = bytearray(b"x") * int(needed * 2**20)
time.sleep(0.1)
"""
# Blocks of their own, which the allocator gives back at once: what stays is what is kept.
JOBS: Final = """
import pathlib, sys, time
kept = []
for path in sys.argv[2:]:
    # Closed long before the work on it ends, as most workers do.
    data = pathlib.Path(path).read_bytes()
    document = bytearray(data) * 8
    kept.append(b"x" * (int(sys.argv[1]) << 20))
    total = sum(document)
    del data, document
    time.sleep(0.05)  # as one that asks its queue for the next job
"""
# This one says itself what it holds before it opens each.
WITNESS: Final = """
import json, pathlib, sys, time
kept = []
for path in sys.argv[2:]:
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("Anonymous:")), flush=True)
    time.sleep({pause_s})
    document = json.loads(pathlib.Path(path).read_bytes())
    kept.append("x" * (int(sys.argv[1]) << 20))
"""


@pytest.fixture
def cgroup(sandbox_for: Callable[[SandboxKind], Sandbox]) -> SandboxKind:
    sandbox_for(SandboxKind.CGROUP)
    return SandboxKind.CGROUP


def write_scenario(folder: Path, **keys: str) -> Path:
    path = folder / "scenario.toml"
    text = f"""
schema = 1
name = "laws"
[snapshots]
{keys["snapshots"]}
[sandbox]
kind = "{keys["kind"]}"
env = {{ MALLOC_MMAP_THRESHOLD_ = "262144" }}
[limits]
memory = {keys.get("memory", '["512MiB"]')}
[[worker]]
name = "worker"
{keys["worker"]}
{keys.get("budget", "")}
"""
    path.write_text(text, "utf-8")
    return path


@pytest.mark.cgroup
def test_real_workers_have_the_shapes_that_they_have(cgroup: SandboxKind, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(SHAPES, "utf-8")
    sweep = '{ shape = ["line", "square", "step", "flat", "root"] }'
    scenario = write_scenario(
        tmp_path,
        kind=cgroup,
        snapshots='shape = "hero_snapshot"\nsizes = ["1MB", "2MB", "4MB", "6MB", "8MB"]',
        worker=f'command = ["{sys.executable}", "worker.py", "{{snapshot}}", "{{shape}}"]\n'
        f"sweep = {sweep}",
        budget='[[budget]]\nworker = "worker"\nper_input_byte = 22',
    )
    done = oomproof("run", scenario, "--json", folder=tmp_path)
    report = report_of(done)
    laws = {law["settings"]["shape"]: law for law in report["laws"]}
    assert {shape: law["shape"] for shape, law in laws.items()} == {
        "line": "linear",
        "square": "quadratic",
        "step": "step",
        "flat": "linear",
        "root": "not_linear",
    }
    assert laws["line"]["slope"] == pytest.approx(20 * MIB / 1e6, rel=0.01)
    assert laws["line"]["error"] < 0.01
    assert [law["is_flat"] for law in laws.values()] == [False, False, False, True, False]
    judged = [one["message"] for one in report["findings"] if one["budget"] == "per_input_byte"]
    assert [message.partition("[")[2].partition("]")[0] for message in judged] == [
        "shape=square",
        "shape=step",
        "shape=root",
    ]
    assert "linear, within" in done.stderr


@pytest.mark.parametrize("kind", KINDS[:2])
def test_the_largest_snapshot_that_fits_is_confirmed(
    kind: SandboxKind, tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    code = "import json, sys; json.load(open(sys.argv[1], 'rb'))"
    scenario = write_scenario(
        tmp_path,
        kind=kind,
        memory='["128MiB"]',
        snapshots='shape = "hero_snapshot"\nsizes = ["2MB", "5MB", "10MB", "40MB"]',
        worker=f"command = ['{sys.executable}', '-c', \"{code}\", '{{snapshot}}']\n"
        'expect = [{ snapshot = "40MB", ending = "oom_killed" }]',
    )
    done = oomproof("run", scenario, "--confirm-largest", "--json", folder=tmp_path)
    report = report_of(done)
    assert done.returncode == 0, report["findings"]
    (law,) = report["laws"]
    (largest,) = law["largest"]
    assert law["shape"] == "linear"
    assert largest["confirmed"] is True, largest
    assert 10e6 < largest["bytes"] < 20e6
    confirming = [run for run in report["runs"] if run["purpose"] == "confirmation"]
    assert [run["ending"] for run in confirming] == ["completed", "oom_killed"]
    assert "confirmed: at 97 % it completed, at 103 % it was OOM-killed" in " ".join(
        done.stderr.split()
    )


def records(folder: Path, count: int) -> None:
    for number in range(count):
        document = [{"id": n, "name": f"record {n} of {number}"} for n in range(40_000)]
        (folder / f"{number}.json").write_text(json.dumps(document), "utf-8")


def growth_of(
    kept_mib: int, kind: SandboxKind, folder: Path, *, passes: int = 1, worker: str = JOBS
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    (folder / "worker.py").write_text(worker, "utf-8")
    scenario = write_scenario(
        folder,
        kind=kind,
        snapshots='files = ["?.json"]',
        worker=f'command = ["{sys.executable}", "worker.py", "{kept_mib}", "{{snapshots}}"]\n'
        f"passes = {passes}",
        budget='[[budget]]\nworker = "worker"\ngrowth_per_snapshot = "1MiB"',
    )
    done = oomproof("run", scenario, "--json", folder=folder)
    report = report_of(done)
    (law,) = report["growth"]
    (run,) = (run for run in report["runs"] if run["purpose"] == "verdict")
    return done.returncode, law, run


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize(("files", "passes"), [(6, 1), (1, 6)])
def test_a_leak_is_measured_from_outside(
    kind: SandboxKind,
    files: int,
    passes: int,
    tmp_path: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(kind)
    records(tmp_path, files)
    exit_code, law, _ = growth_of(3, kind, tmp_path, passes=passes)
    assert law["is_leak"] is True, law
    assert law["bytes_per_snapshot"] == pytest.approx(3 * MIB, rel=0.05)
    line = next(n for n, text in enumerate(JOBS.splitlines(), start=1) if "kept.append" in text)
    assert law["kept"]["site"] == f"{tmp_path / 'worker.py'}:{line}", law
    assert law["kept"]["bytes_per_snapshot"] == pytest.approx(3 * MIB, rel=0.05)
    assert exit_code == 1
    exit_code, law, _ = growth_of(0, kind, tmp_path, passes=passes)
    assert law["is_leak"] is False, law
    assert law["kept"] is None
    assert abs(law["bytes_per_snapshot"]) < 0.1 * MIB
    assert exit_code == 0


@pytest.mark.cgroup
@pytest.mark.parametrize("pause_s", [0.05, 0])
def test_what_is_held_is_what_the_worker_itself_says(
    pause_s: float, cgroup: SandboxKind, tmp_path: Path
) -> None:
    records(tmp_path, 8)
    worker = WITNESS.replace("{pause_s}", str(pause_s))
    _, law, run = growth_of(2, cgroup, tmp_path, worker=worker)
    said_mib = [int(line) / 1024 for line in run["output"]["stdout_tail"].split()][1:]
    held_mib = [held / MIB for held in run["after_snapshots"]]
    # The worker does not see the kernel's memory for it, which hardly changes.
    beyond = [held - said for held, said in zip(held_mib, said_mib, strict=True)]
    assert min(beyond) > -0.25, (said_mib, held_mib)
    if pause_s:
        # Without a pause a busy machine is late, and sees what the next job has read already.
        assert max(beyond) < 0.5, (said_mib, held_mib)
        assert law["is_leak"] is True


# Small objects, which share the allocator's blocks with those of each document: the blocks say
# nothing of who keeps them.
RIVALS: Final = """
import json, sys
first, second = [], []
held = None
def keep(into, source, every):
    into.extend(
        dict(row) for row in source[::every])
def other(into, source, every):
    into.extend(
        dict(row) for row in source[::every])
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        held = json.load(file)
    keep(first, held, int(sys.argv[1]))
    other(second, held, 12 - int(sys.argv[1]))
"""


@pytest.mark.cgroup
@pytest.mark.parametrize(("every", "line"), [(3, 7), (9, 10)])
def test_the_line_that_keeps_most_is_named(
    every: int, line: int, cgroup: SandboxKind, tmp_path: Path
) -> None:
    records(tmp_path, 6)
    _, law, _ = growth_of(every, cgroup, tmp_path, worker=RIVALS)
    assert law["is_leak"] is True, law
    assert law["kept"]["site"] == f"{tmp_path / 'worker.py'}:{line}", law
    assert law["kept"]["source"] == "dict(row) for row in source[::every])"


@pytest.mark.cgroup
def test_native_memory_that_leaks_is_blamed_on_no_line(cgroup: SandboxKind, tmp_path: Path) -> None:
    records(tmp_path, 6)
    worker = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        size = len(file.read())
    ctypes.memset(libc.malloc(ctypes.c_size_t(3 << 20)), 1, 3 << 20)
    time.sleep(0.1)
"""
    _, law, _ = growth_of(0, cgroup, tmp_path, worker=worker)
    assert law["is_leak"] is True, law
    assert law["kept"]["site"] == ""
    assert "native memory" in law["kept"]["reason"]
