import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from synthetic import generate

Tell = Callable[..., None]
REPOSITORY = Path(__file__).parents[2]
FLOOR_MB_PER_S = 50
CEILING_RSS_KB = 64 * 1024

# VmHWM and not ru_maxrss: that one also remembers the test's own process, from before the exec.
MEASURE = """
import re, sys
from pathlib import Path
from synthetic import generate
with open("/dev/null", "wb") as sink:
    sink.writelines(generate("hero_snapshot", size_bytes=int(sys.argv[1]), seed=7))
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def write_to_nothing(size_bytes: int) -> None:
    with Path("/dev/null").open("wb") as sink:
        sink.writelines(generate("hero_snapshot", size_bytes=size_bytes, seed=7))


def peak_rss_kb(size_bytes: int) -> int:
    """Return the resident high-water mark of a Python that generates so much and nothing else."""
    command = [sys.executable, "-c", MEASURE, str(size_bytes)]
    run = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return int(run.stdout)


def test_speed_of_50_mb(benchmark: BenchmarkFixture, tell: Tell) -> None:
    size_bytes = 50_000_000
    benchmark(write_to_nothing, size_bytes)
    # None under --benchmark-disable, which runs the function once and measures nothing.
    if benchmark.stats is not None:
        mb_per_s = size_bytes / 1e6 / benchmark.stats.stats.median
        tell(mb_per_s=round(mb_per_s))
        assert mb_per_s >= FLOOR_MB_PER_S


@pytest.mark.slow
def test_memory_is_flat_from_10_mb_to_1_gb(tell: Tell) -> None:
    peaks_kb = [peak_rss_kb(megabytes * 1_000_000) for megabytes in (10, 100, 1000)]
    tell(peaks_kb=peaks_kb)
    assert max(peaks_kb) <= CEILING_RSS_KB
    assert max(peaks_kb) <= min(peaks_kb) * 1.1
