"""What a profiled pass costs: time beside the unprofiled one, and the memory to read a capture."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.case import Snapshot
from harness.core.ending import Ending, conclude
from harness.core.profile import Moment
from harness.profilers.collect import collect
from harness.profilers.instrument import Instrument
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Order
from synthetic import generate

Tell = Callable[..., None]
PARSES = {
    "json": "import json, sys; json.load(open(sys.argv[1], 'rb'))",
    "orjson": "import orjson, sys; orjson.loads(open(sys.argv[1], 'rb').read())",
    "msgspec": "import msgspec, sys; msgspec.json.decode(open(sys.argv[1], 'rb').read())",
}
# Records of 5 to 6 bytes each: more than 100 MB of them.
LARGE = """
def small(n): return bytes(600 + n % 97)
def deep(k, n): return small(n) if k == 0 else deep(k - 1, n)
kept = []
for n in range(1_700_000):
    block = deep(n % 30, n)
    if n % 10 == 0: kept.append(block)
"""
pytestmark = [pytest.mark.slow, pytest.mark.cgroup]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("profile") / "snapshot.json"
    with path.open("wb") as file:
        for chunk in generate("hero_snapshot", size_bytes=50_000_000, seed=7):
            file.write(chunk)
    yield path
    path.unlink()


def order(folder: Path, *words: str) -> Order:
    (folder / "tmp").mkdir(exist_ok=True)
    return Order(
        command=words,
        environment={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
        working_folder=folder,
        output_folder=folder,
        snapshots=tuple(Snapshot(label="", path=word, bytes=1, sha256="") for word in words[3:]),
        memory_limit_bytes=None,
        timeout_s=300,
    )


def seconds(what: Order) -> float:
    seen = CgroupSandbox().run(what, lambda: False)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    return seen.wall_seconds


@pytest.mark.parametrize("parser", PARSES)
def test_profiled_pass_takes_at_most_half_as_long_again(
    parser: str, tell: Tell, snapshot: Path, tmp_path: Path
) -> None:
    plain = order(tmp_path, sys.executable, "-c", PARSES[parser], str(snapshot))
    rounds = [
        (
            seconds(plain),
            seconds(Instrument(folder=tmp_path / f"capture-{number}").change(plain)),
        )
        for number in range(3)
    ]
    unprofiled, profiled = (min(column) for column in zip(*rounds, strict=True))
    ratio = profiled / unprofiled
    tell(unprofiled_s=round(unprofiled, 2), profiled_s=round(profiled, 2), ratio=round(ratio, 3))
    assert ratio <= 1.5


def test_capture_of_100_mb_is_rendered_within_500_mb(tell: Tell, tmp_path: Path) -> None:
    program = tmp_path / "large.py"
    program.write_text(LARGE, "utf-8")
    instrument = Instrument(folder=tmp_path / "capture", cap_bytes=200_000_000)
    changed = instrument.change(order(tmp_path, sys.executable, str(program)))
    subprocess.run(changed.command, env=changed.environment, check=True)
    collected = collect(instrument.folder, moment=Moment.HIGH_WATER, cap_bytes=200_000_000)
    assert collected.profile is not None, collected.reasons
    tell(
        capture_mb=round(collected.profile.capture_bytes / 1e6),
        rendering_mb=round(collected.rendering_bytes / 1e6),
    )
    assert collected.profile.capture_bytes >= 100_000_000
    assert "flamegraph.html" in collected.files
    assert collected.rendering_bytes <= 500_000_000
