"""What the answer of a night costs, beside one plain run of the worker that it is about."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from harness.autopsy.gather import Gatherer
from harness.core.ending import Ending, conclude
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.trap import Trap
from synthetic import generate

Tell = Callable[..., None]
MIB = 2**20
FULL = "import json, sys\nwith open(sys.argv[1], 'rb') as file:\n    data = json.load(file)\n"
ROUNDS = 5
pytestmark = pytest.mark.slow


def written(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as file:
        for chunk in generate("hero_snapshot", size_bytes=size_bytes, seed=7):
            file.write(chunk)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    path = written(tmp_path / "large.json", 200_000_000)
    yield path
    path.unlink()


@pytest.mark.cgroup
@pytest.mark.docker
@pytest.mark.parametrize("sandbox", [CgroupSandbox(), DockerSandbox()], ids=["cgroup", "docker"])
def test_an_autopsy_adds_half_a_second_at_most(
    sandbox: Sandbox, tmp_path: Path, tell: Tell
) -> None:
    snapshot = written(tmp_path / "snapshot.json", 50_000_000)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "full.py").write_text(FULL, "utf-8")
    plain = Order(
        command=(sys.executable, "full.py", str(snapshot)),
        environment={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
        working_folder=tmp_path,
        output_folder=tmp_path,
        snapshots=(),
        memory_limit_bytes=4 << 30,
        timeout_s=120,
    )
    caught = msgspec.structs.replace(plain, trap=Trap(at_bytes=200 * MIB, look=Gatherer()))
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for order in (plain, caught):
            began_s = time.perf_counter()
            seen = sandbox.run(order, lambda: False)
            taken[order.trap is not None].append(time.perf_counter() - began_s)
            assert conclude(seen.exit).ending is Ending.COMPLETED
            assert (seen.autopsy is None) == (order.trap is None)
    added_s = statistics.median(taken[True]) - statistics.median(taken[False])
    tell(added_s=round(added_s, 3), plain_s=round(statistics.median(taken[False]), 2))
    assert added_s <= 0.5


@pytest.mark.cgroup
def test_reproduce_takes_four_runs_and_five_seconds_at_most(
    large: Path, tmp_path: Path, tell: Tell
) -> None:
    (tmp_path / "full.py").write_text(FULL, "utf-8")
    worker = [sys.executable, "full.py", str(large)]
    began_s = time.perf_counter()
    subprocess.run(worker, cwd=tmp_path, check=True)
    plain_s = time.perf_counter() - began_s
    words = ["reproduce", str(large), "--memory", "512MiB", "--sandbox", "cgroup", "--json"]
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--", sys.executable, "full.py", "{snapshot}"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    taken_s = time.perf_counter() - began_s
    answer = json.loads(done.stdout)
    evidence = Path(answer["evidence_dir"])
    size_bytes = sum(path.stat().st_size for path in evidence.rglob("*") if path.is_file())
    tell(
        taken_s=round(taken_s, 1),
        runs=len(answer["runs"]),
        plain_s=round(plain_s, 1),
        evidence_mb=round(size_bytes / 10**6, 1),
    )
    assert answer["ending"] == "oom_killed"
    assert size_bytes <= 50_000_000
    assert taken_s <= 4 * plain_s + 5
