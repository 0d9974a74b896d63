"""Commands that promise how little memory they take, with a snapshot of very many paths."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MOST_KB = 100_000
KEYS = 2
LEVELS = 13
# VmHWM and not ru_maxrss: that one also remembers the test's own process, from before the exec.
MEASURED = """\
import sys
from harness.cli import main
sys.argv = ["oomproof", *sys.argv[1:]]
try:
    main()
finally:
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            print(line.split()[1], file=sys.stderr)
"""


def described(levels: int) -> dict[str, object]:
    """Return a value in which hardly any path is there twice."""
    if not levels:
        return {
            "status": {"is_stable": True, "is_standard": False},
            "versions": [{"added": "12", "removed": None}, 3],
            "note": "as long as a sentence usually is in such a description " * 9,
        }
    return {f"name_{number}": described(levels - 1) for number in range(KEYS)}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paths") / "described.json"
    path.write_text(json.dumps(described(LEVELS), indent=1))
    return path


@pytest.mark.parametrize("words", [["learn", "-o", "shape.json"], ["xray"]], ids=lambda w: w[0])
def test_many_paths_take_no_more_than_100_mb(
    snapshot: Path, tmp_path: Path, words: list[str]
) -> None:
    command = [sys.executable, "-c", MEASURED, words[0], str(snapshot), *words[1:]]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert int(done.stderr.split()[-1]) <= MOST_KB
