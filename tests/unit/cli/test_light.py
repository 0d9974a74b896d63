"""Commands that read their own options; what is wrong with them is told as everywhere else."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import sys
from harness.cli.app import run_words
assert run_words(sys.argv[1:]) == 0
print(*sys.modules)
"""


def test_no_more_is_loaded_than_generating_needs(tmp_path: Path) -> None:
    words = ("generate", "hero_snapshot", "--size", "20kB", "--seed", "7")
    command = [sys.executable, "-c", PROGRAM, *words, "-o", str(tmp_path / "snapshot.json")]
    run = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    loaded = set(run.stdout.split())
    assert "synthetic.hero_snapshot" in loaded
    # 12 MB of memory, and 1.5 MB of a scanner's tables
    assert not loaded & {"pydantic", "synthetic.scan.scanner"}


@pytest.mark.parametrize(
    "words", [("learn", "-o", "shape.json", "--rename-keys", "--json"), ("xray", "--json")]
)
def test_reading_a_snapshot_loads_no_pydantic(words: tuple[str, ...], tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.json"
    snapshot.write_text('{"name": [1, 2.5, "text"]}')
    program = PROGRAM.replace("sys.argv[1:]", "sys.argv[2:]").replace(
        "import sys\n", "import os, sys\nsys.path.insert(0, os.getcwd()); os.chdir(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), words[0], str(snapshot), *words[1:]]
    run = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    loaded = set(run.stdout.split())
    assert "synthetic.scan.scanner" in loaded
    assert not loaded & {"pydantic", "synthetic.generation"}  # 12 MB, and 10 MB


@pytest.mark.parametrize("seed", ["-1", "seven", "7.5", ""])
def test_what_is_no_seed_is_refused(oomproof: Command, seed: str) -> None:
    done = oomproof("generate", "hero_snapshot", "--size", "20kB", "--seed", seed, "-o", "x.json")
    assert done.code == 2
    assert "seed" in done.err
    assert not Path("x.json").exists()


def test_a_seed_of_any_length_is_taken(oomproof: Command) -> None:
    words = ("generate", "hero_snapshot", "--size", "20kB", "-o", "x.json", "--json")
    seeds = ("0", "7", str(2**62), str(2**80))
    sums = {oomproof(*words, "--seed", seed).document()["sha256"] for seed in seeds}
    assert len(sums) == len(seeds)


def test_a_missing_output_is_told(oomproof: Command) -> None:
    done = oomproof("generate", "hero_snapshot", "--size", "20kB")
    assert done.code == 2
    assert "output" in done.err
