"""What oomproof itself costs: each figure a ratio or a difference taken in one run, side by side.

Machines are noisy: medians of alternating rounds are compared, never figures of different days.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from harness.core.ending import Ending, conclude
from harness.core.run import Observation
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.docker import DockerSandbox

Tell = Callable[..., None]
HOST_IMAGE = "oomproof-host:1"
CODE = "data = [bytes(1000) for _ in range(60_000)]; import time; time.sleep(0.2)"


def order(folder: Path, *words: str, limit_mib: int | None = 256) -> Order:
    (folder / "tmp").mkdir(exist_ok=True)
    return Order(
        command=words,
        environment={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=None if limit_mib is None else limit_mib << 20,
        timeout_s=120,
    )


def run(sandbox: Sandbox, what: Order) -> Observation:
    seen = sandbox.run(what, lambda: False)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    return seen


def medians(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """Return the median seconds of each call, taken in turns so that noise falls on all alike."""
    seconds: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(rounds):
        for taken, call in zip(seconds, calls, strict=True):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in seconds]


@pytest.fixture
def cgroup() -> Sandbox:
    sandbox = CgroupSandbox()
    answer = sandbox.availability()
    if not answer.works:
        pytest.skip(answer.reason)
    return sandbox


@pytest.fixture
def docker() -> Sandbox:
    sandbox = DockerSandbox()
    answer = sandbox.availability()
    if not answer.works:
        pytest.skip(answer.reason)
    return sandbox


@pytest.mark.cgroup
def test_a_cgroup_run_costs_at_most_10_ms(tell: Tell, cgroup: Sandbox, tmp_path: Path) -> None:
    what = order(tmp_path, "/bin/true")
    bare, sandboxed = medians(
        60, lambda: subprocess.run(["/bin/true"], check=True), lambda: run(cgroup, what)
    )
    cost_ms = 1000 * (sandboxed - bare)
    tell(bare_ms=round(1000 * bare, 2), cost_ms=round(cost_ms, 2))
    assert cost_ms <= 10


@pytest.mark.docker
def test_a_docker_run_costs_no_more_than_the_engines_own_command(
    tell: Tell, docker: Sandbox, tmp_path: Path
) -> None:
    what = order(tmp_path, "/bin/true")
    run(docker, what)
    cli = _docker_run(tmp_path, "/bin/true")
    by_cli, by_us = medians(
        25,
        lambda: subprocess.run(cli, check=True, capture_output=True),
        lambda: run(docker, what),
    )
    ratio = by_us / by_cli
    tell(cli_ms=round(1000 * by_cli), ours_ms=round(1000 * by_us), ratio=round(ratio, 3))
    assert ratio <= 1.0


def _docker_run(folder: Path, *command: str) -> list[str]:
    """Return the engine's own command for the same container."""
    words = ["docker", "run", "--rm", "--network=none", "--read-only", "--init", "--cap-drop=ALL"]
    words += ["--security-opt=no-new-privileges", "--pids-limit=8192", "--log-driver=none"]
    words += ["--memory=256m", "--memory-swap=256m", "--shm-size=256m", "--ulimit=core=0"]
    words += [f"--user={os.getuid()}:{os.getgid()}", f"--workdir={folder}"]
    mounts = [path for path in ("/usr", "/bin", "/lib", "/lib64", "/opt") if Path(path).exists()]
    mounts += [sys.prefix, sys.base_prefix]
    for path in dict.fromkeys(mounts):
        words.append(f"--volume={path}:{path}:ro")
    words += [f"--volume={folder}:{folder}", f"--volume={folder}/tmp:/tmp"]
    return [*words, f"--entrypoint={command[0]}", HOST_IMAGE, *command[1:]]


@pytest.mark.cgroup
@pytest.mark.slow
def test_observing_costs_at_most_1_percent_of_a_10_second_worker(
    tell: Tell, cgroup: Sandbox, tmp_path: Path
) -> None:
    """The fastest of each tell what observing takes from a worker, whatever else runs."""
    snapshot = tmp_path / "rows.json"
    rows = ",".join(f'{{"id": {n}, "name": "name {n}", "power": {n}.5}}' for n in range(60_000))
    snapshot.write_text(f"[{rows}]", "utf-8")
    code = (
        "import json, sys, time\nstarted = time.perf_counter()\n"
        "for _ in range(int(sys.argv[2])): json.load(open(sys.argv[1]))\n"
        "print(time.perf_counter() - started)"
    )
    words = (sys.executable, "-c", code, str(snapshot))
    loop_s = _seconds_told(cgroup, order(tmp_path, *words, "20")) / 20
    unseen = order(tmp_path, *words, str(round(10 / loop_s)))
    # Watched every ten minutes, a worker is as good as unobserved.
    watched, alone = [], []
    for _ in range(5):
        alone.append(_seconds_told(cgroup, _with_interval(unseen, 600.0)))
        watched.append(_seconds_told(cgroup, unseen))
    ratio = min(watched) / min(alone)
    tell(
        alone_s=round(min(alone), 2),
        watched_s=round(min(watched), 2),
        ratio=round(ratio, 4),
    )
    assert min(alone) >= 5
    assert ratio <= 1.01


def _with_interval(what: Order, interval_s: float) -> Order:
    return msgspec.structs.replace(what, interval_s=interval_s)


def _seconds_told(sandbox: Sandbox, what: Order) -> float:
    return float(run(sandbox, what).output.stdout_tail)


def test_help_answers_within_a_quarter_of_a_second(tell: Tell) -> None:
    command = [str(Path(sys.executable).with_name("oomproof")), "--help"]
    if not Path(command[0]).exists():
        pytest.skip("the command is not installed beside this interpreter")
    (median,) = medians(15, lambda: subprocess.run(command, check=True, capture_output=True))
    tell(median_s=round(median, 3))
    assert median <= 0.25


def spread(values: Sequence[int]) -> float:
    return (max(values) - min(values)) / max(values)


@pytest.mark.cgroup
def test_peaks_repeat_within_a_thousandth_in_a_cgroup(
    tell: Tell, cgroup: Sandbox, tmp_path: Path
) -> None:
    found = spread(_peaks(cgroup, tmp_path))
    tell(spread_percent=round(100 * found, 4))
    assert found <= 0.001


@pytest.mark.docker
def test_peaks_repeat_within_half_a_percent_in_docker(
    tell: Tell, docker: Sandbox, tmp_path: Path
) -> None:
    found = spread(_peaks(docker, tmp_path))
    tell(spread_percent=round(100 * found, 4))
    assert found <= 0.005


def _peaks(sandbox: Sandbox, folder: Path) -> list[int]:
    """Return the peaks of eight runs of a worker that holds some 300 MB of small objects."""
    code = "data = [bytes(1000) for _ in range(300_000)]; import time; time.sleep(0.3)"
    what = order(folder, sys.executable, "-c", code, limit_mib=1024)
    tops = [run(sandbox, what).timeline.top for _ in range(8)]
    return [top.unreclaimable_bytes for top in tops if top is not None]


@pytest.mark.slow
@pytest.mark.cgroup
def test_harness_stays_below_150_mb(tell: Tell, cgroup: Sandbox, tmp_path: Path) -> None:
    """The high-water mark of the whole command, for a large snapshot and a worker that prints."""
    del cgroup
    snapshot = tmp_path / "large.json"
    words = [sys.executable, "-m", "harness", "generate", "hero_snapshot", "--size", "500MB"]
    subprocess.run([*words, "-o", str(snapshot)], check=True, capture_output=True)
    found: dict[str, int] = {}
    for kind in ("cgroup", "docker") if shutil.which("docker") else ("cgroup",):
        found[kind] = _harness_peak_bytes(kind, snapshot, tmp_path)
    tell(**{f"{kind}_mb": round(size / 1e6, 1) for kind, size in found.items()})
    assert max(found.values()) <= 150_000_000


def _harness_peak_bytes(kind: str, snapshot: Path, folder: Path) -> int:
    """Return VmHWM of the harness, which it tells of itself as it exits."""
    code = (
        "import atexit, re\n"
        "status = lambda: open('/proc/self/status').read()\n"
        "atexit.register(lambda: print('HWM', re.search(r'VmHWM:\\s+(\\d+)', status())[1]))\n"
        "from harness.cli import main\nmain()"
    )
    words = ["run", "--sandbox", kind, "--snapshot", str(snapshot), "--memory", "512MiB", "--"]
    worker = ["/bin/sh", "-c", "cat {snapshot}; sleep 3"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, *worker],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.rpartition("HWM ")[2]) * 1024
