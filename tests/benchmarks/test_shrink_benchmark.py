"""What shrinking costs: checks, time and memory for the one record that matters among 20 MB.

Beside it, in the same invocation, a tree of the whole snapshot in memory is shrunk by delta
debugging level by level, as others do it, with the same check.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from synthetic import generate

Tell = Callable[..., None]
REPOSITORY = Path(__file__).parents[2]
SIZE_BYTES = 20_000_000
MOST_CHECKS = 40
CEILING_RSS_KB = 300_000
ROUNDS = 3
pytestmark = pytest.mark.slow

OURS = """
import sys
from harness.cli.app import run_words
run_words(["shrink", sys.argv[1], "-o", sys.argv[2], "--check", sys.argv[3], "--json"])
"""

# Delta debugging (Zeller and Hildebrandt, 2002) on each level of the tree, from the top.
THEIRS = """
import json, subprocess, sys
source, tried, check = sys.argv[1:]
tests = 0
def passes():
    global tests
    tests += 1
    with open(tried, "w") as file:
        json.dump(root, file)
    return not subprocess.run(check.replace("{snapshot}", tried).split(), check=False).returncode
def minimised(items, put):
    count = 2
    while len(items) >= 2:
        size = max(1, len(items) // count)
        pieces = [items[i:i + size] for i in range(0, len(items), size)]
        for index, piece in enumerate(pieces):
            put(piece)
            if passes():
                items, count = piece, 2
                break
            if len(pieces) == 2:
                continue
            rest = [item for other in pieces if other is not piece for item in other]
            put(rest)
            if passes():
                items, count = rest, max(count - 1, 2)
                break
        else:
            if size == 1:
                break
            count = min(count * 2, len(items))
    put(items)
    return items
def shrink(value):
    if isinstance(value, dict):
        def put(items):
            value.clear(); value.update(items)
        for _, inner in minimised(list(value.items()), put):
            shrink(inner)
    elif isinstance(value, list):
        def put(items):
            value[:] = items
        for inner in minimised(list(value), put):
            shrink(inner)
with open(source, "rb") as file:
    root = json.load(file)
shrink(root)
assert passes()
print(json.dumps({"checks": tests, "bytes_after": len(json.dumps(root))}))
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("shrink") / "export.json", SIZE_BYTES)


def written(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as file:
        for chunk in generate("hero_snapshot", size_bytes=size_bytes, seed=7):
            file.write(chunk)
    return path


def id_in(path: Path, share: float) -> str:
    """Return an id that stands once in a snapshot, at about so much of it."""
    with path.open("rb") as file:
        file.seek(int(share * path.stat().st_size))
        match = re.search(rb'"id":(\d+),"name"', file.read(200_000))
    assert match is not None
    return match[1].decode()


def measured(code: str, *words: str | Path) -> tuple[dict[str, int], float, int]:
    """Return what a program printed, its and its children's CPU seconds, and its memory in kB."""
    tail = (
        "\nimport os, re\nfrom pathlib import Path"
        '\nhwm = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]'
        '\nprint(f"{sum(os.times()[:4]):.3f} {hwm}", file=sys.stderr)'
    )
    done = subprocess.run(
        [sys.executable, "-c", code + tail, *map(str, words)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    taken_s, resident_kb = done.stderr.split()[-2:]
    return json.loads(done.stdout), float(taken_s), int(resident_kb)


@pytest.mark.parametrize("share", [0.2, 0.36, 0.7])
def test_the_one_record_that_matters_among_20_mb(
    share: float, export: Path, tmp_path: Path, tell: Tell
) -> None:
    check = f"grep -q {id_in(export, share)} {{snapshot}}"
    ours = [measured(OURS, export, tmp_path / "ours.json", check) for _ in range(ROUNDS)]
    theirs = [measured(THEIRS, export, tmp_path / "theirs.json", check) for _ in range(ROUNDS)]
    (us, our_s, our_kb), (them, their_s, their_kb) = min(ours, key=second), min(theirs, key=second)
    tell(
        checks=us["checks"],
        bytes=us["bytes_after"],
        checks_of_a_tree=them["checks"],
        cpu_ratio=round(our_s / their_s, 2),
        memory_kb=our_kb,
        memory_ratio=round(our_kb / their_kb, 2),
    )
    assert us["checks"] <= MOST_CHECKS
    assert us["bytes_after"] <= 200
    assert our_s <= their_s / 2
    assert our_kb <= their_kb / 2


def second(figures: tuple[dict[str, int], float, int]) -> float:
    return figures[1]


def test_memory_is_flat_from_20_mb_to_1_gb(tmp_path: Path, tell: Tell) -> None:
    residents_kb = []
    for size_bytes in (20_000_000, 200_000_000, 1_000_000_000):
        path = written(tmp_path / "export.json", size_bytes)
        check = f"grep -q {id_in(path, 0.7)} {{snapshot}}"
        answer, taken_s, resident_kb = measured(OURS, path, tmp_path / "min.json", check)
        path.unlink()
        residents_kb.append(resident_kb)
        tell(
            bytes=size_bytes,
            checks=answer["checks"],
            cpu_s=round(taken_s, 1),
            memory_kb=resident_kb,
        )
        assert answer["bytes_after"] <= 200
    assert max(residents_kb) <= CEILING_RSS_KB
    assert max(residents_kb) <= min(residents_kb) * 1.3
