"""Tables that a worker left whenever it opened a snapshot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.case import Case, Snapshot
from harness.core.retention import Alive
from harness.profilers.openings import OpeningsInstrument, alive_at_openings
from harness.sandbox.contract import Order

FRAMES = [["/usr/lib/python3.11/json/decoder.py", 353], ["/app/w.py", 9]]


@pytest.fixture
def case(make_case: Callable[..., Case], make_snapshot: Callable[..., Snapshot]) -> Case:
    """Return a case of two files, twice."""
    files = (make_snapshot(5), make_snapshot(6))
    return make_case("jobs", snapshot=files[0], more_snapshots=(files[1], *files))


def write(folder: Path, *files: int, pid: int = 7) -> None:
    """Write tables of a process that opens `files`, with a byte more alive at each."""
    status = {"pid": pid, "python": "3.11.7", "profiler": "tracemalloc"}
    (folder / f"process-{pid}.status.json").write_text(json.dumps(status))
    for number, file in enumerate(files):
        sites = [[40 + number, 1, FRAMES]]
        table = {"at_s": float(number), "file": file, "bytes": 90 + number, "sites": sites}
        (folder / f"process-{pid}.opening-{number:02}.json").write_text(json.dumps(table))


def held(found: tuple[Alive, ...] | str) -> list[tuple[int, int]]:
    assert not isinstance(found, str), found
    return [(alive.index, alive.bytes) for alive in found]


def test_what_is_alive_at_an_opening_was_kept_of_those_before(tmp_path: Path, case: Case) -> None:
    write(tmp_path, 0, 1, 0, 1)
    found = alive_at_openings(tmp_path, case)
    assert held(found) == [(0, 91), (1, 92), (2, 93)]
    (site,) = found[0].sites if not isinstance(found, str) else ()
    assert (str(site.line), site.bytes) == ("/app/w.py:9", 41)


def test_a_file_that_is_opened_twice_for_one_job_counts_once(tmp_path: Path, case: Case) -> None:
    write(tmp_path, 0, 0, 1, 1, 0, 0, 1)
    assert held(alive_at_openings(tmp_path, case)) == [(0, 92), (1, 94), (2, 96)]


def test_the_process_that_opens_most_counts(tmp_path: Path, case: Case) -> None:
    write(tmp_path, 0, pid=8)
    write(tmp_path, 0, 1, 0)
    assert held(alive_at_openings(tmp_path, case)) == [(0, 91), (1, 92)]


def test_damaged_tables_are_left_out(tmp_path: Path, case: Case) -> None:
    write(tmp_path, 0, 1, 0)
    (tmp_path / "process-7.opening-00.json").write_text("{")
    (tmp_path / "process-9.opening-00.json").symlink_to("/etc/passwd")
    assert held(alive_at_openings(tmp_path, case)) == [(0, 91), (1, 92)]


def test_why_there_are_none(tmp_path: Path, case: Case) -> None:
    assert "no Python process" in str(alive_at_openings(tmp_path, case))
    write(tmp_path)
    assert "opened none of the snapshots itself" in str(alive_at_openings(tmp_path, case))
    status = {"pid": 7, "python": "3.8.1", "reasons": ["profiling needs Python 3.9 or later"]}
    (tmp_path / "process-7.status.json").write_text(json.dumps(status))
    assert alive_at_openings(tmp_path, case) == "profiling needs Python 3.9 or later"


def test_the_worker_is_told_its_snapshots(tmp_path: Path, case: Case) -> None:
    order = Order(
        command=("python3", "w.py"),
        environment={"PYTHONPATH": "/app"},
        working_folder=tmp_path,
        output_folder=tmp_path / "output",
        snapshots=case.snapshots,
        memory_limit_bytes=None,
        timeout_s=1.0,
    )
    changed = OpeningsInstrument(folder=tmp_path / "leaks").change(order)
    assert changed.environment["OOMPROOF_OPENINGS"] == "/snapshots/5MB.json\n/snapshots/6MB.json"
    assert changed.environment["OOMPROOF_PROFILER"] == "tracemalloc"
    assert (tmp_path / "leaks").is_dir()
