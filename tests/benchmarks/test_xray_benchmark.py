"""How fast the x-ray is against a parser that only looks, and that its memory does not grow."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ijson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from synthetic import generate
from synthetic.xray.examination import examine
from synthetic.xray.interpreters import Interpreter, interpreter_at

Tell = Callable[..., None]
REPOSITORY = Path(__file__).parents[2]
SIZE_BYTES = 20_000_000
LEAST_RATIO = 0.33
CEILING_RSS_KB = 100_000

# VmHWM and not ru_maxrss: that one also remembers the test's own process, from before the exec.
MEASURE = """
import re, sys
from pathlib import Path
from synthetic.xray.examination import examine
from synthetic.xray.interpreters import interpreter_at
def pieces():
    while piece := sys.stdin.buffer.read(1 << 18):
        yield piece
found = examine(pieces(), interpreter_at())
assert found.bytes == int(sys.argv[1])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("xray") / "snapshot.json"
    with path.open("wb") as sink:
        sink.writelines(generate("hero_snapshot", size_bytes=SIZE_BYTES, seed=7))
    return path


def pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while piece := source.read(1 << 18):
            yield piece


def look_at_events(path: Path) -> None:
    with path.open("rb") as source:
        for _ in ijson.basic_parse(source, use_float=True):
            pass


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the least processor time of three calls: others use the machine as well."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def test_speed_against_ijson(benchmark: BenchmarkFixture, tell: Tell, snapshot: Path) -> None:
    interpreter: Interpreter = interpreter_at()
    benchmark(lambda: examine(pieces(snapshot), interpreter))
    ours = cpu_seconds(lambda: examine(pieces(snapshot), interpreter))
    ratio = cpu_seconds(lambda: look_at_events(snapshot)) / ours
    tell(ratio_to_ijson=round(ratio, 2), mb_per_s=round(SIZE_BYTES / 1e6 / ours))
    assert ratio >= LEAST_RATIO


def peak_rss_kb(size_bytes: int) -> int:
    """Return the resident high-water mark of a Python that x-rays so much and nothing else."""
    command = [sys.executable, "-c", MEASURE, str(size_bytes)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.writelines(generate("hero_snapshot", size_bytes=size_bytes, seed=7))
        process.stdin.close()
        return int(process.stdout.read())


@pytest.mark.slow
def test_memory_is_flat_from_10_mb_to_1_gb(tell: Tell) -> None:
    peaks_kb = [peak_rss_kb(megabytes * 1_000_000) for megabytes in (10, 100, 1000)]
    tell(peaks_kb=peaks_kb)
    assert max(peaks_kb) <= CEILING_RSS_KB
    assert max(peaks_kb) <= min(peaks_kb) * 1.3
