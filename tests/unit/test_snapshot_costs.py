"""What a snapshot's JSON costs, as a part of an answer: only where it can be told."""

import json
import sys
from pathlib import Path

import pytest

from harness.snapshot_costs import costs_of


def silent(what: str, done: int, total: int) -> None:
    """Hear of the progress and say nothing."""


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"rows": [{"id": 1000 + n} for n in range(500)], "n": 1}))
    return path


@pytest.mark.parametrize("python", [sys.executable, "{python}", "/nowhere/python3"])
def test_a_python_worker_is_told_the_costliest_paths(snapshot: Path, python: str) -> None:
    found = costs_of(snapshot, (python, "worker.py"), silent)
    assert found is not None
    assert found.paths[0].path == "$.rows[*]"
    assert found.paths[0].why == "500 dicts of 1 key x 193 bytes"
    assert 0 < found.retained_bytes < found.peak_bytes
    assert all(path.share >= 0.002 for path in found.paths)


def test_no_other_worker_is(snapshot: Path) -> None:
    assert costs_of(snapshot, ("node", "worker.js"), silent) is None
    assert costs_of(snapshot, (), silent) is None


def test_what_is_no_json_has_no_costs(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"a": [1, ')
    assert costs_of(broken, (sys.executable,), silent) is None
    assert costs_of(tmp_path / "missing.json", (sys.executable,), silent) is None
