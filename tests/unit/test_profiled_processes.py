"""What profiled processes leave: status files and tables, damaged ones among them."""

import json
from pathlib import Path

import pytest

from harness.core.profile import Frame, Profiler, Site
from harness.inside.words import encode
from harness.profilers.processes import processes_in, read_status, read_table, read_traced
from harness.profilers.reading import INSIDE, reading_of

STATUS = {"pid": 7, "began_s": 2.0, "profiler": "memray", "capture": "process-7.memray"}
TABLE = {
    "at_s": 3.5,
    "traced": 130,
    "peak": 200,
    "resident_bytes": 900,
    "overhead_bytes": 40,
    "bytes": 130,
    "stacks": 4,
    "sites": [
        [90, 2, [["/app/worker.py", 3], ["/app/main.py", 1]]],
        [20, 1, [[f"{INSIDE}/traced.py", 9]]],
    ],
}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff\xfe", b'{"pid": "x"}', b"[" * 100_000, b"null"]
)
def test_damaged_files_are_no_processes(data: bytes) -> None:
    assert read_status(data) is None
    assert read_table(data) is None


def test_processes_in_the_order_of_their_start(tmp_path: Path) -> None:
    for pid, began_s in ((7, 2.0), (8, 1.0)):
        text = json.dumps({**STATUS, "pid": pid, "began_s": began_s})
        (tmp_path / f"process-{pid}.status.json").write_text(text, "utf-8")
    (tmp_path / "process-9.status.json").write_text("{", "utf-8")
    (tmp_path / "process-7.memray").write_bytes(b"memray")
    assert [process.pid for process in processes_in(tmp_path)] == [8, 7]


def test_a_capture_outside_the_folder_is_not_followed(tmp_path: Path) -> None:
    text = json.dumps({**STATUS, "capture": "../../etc/passwd"})
    (tmp_path / "process-7.status.json").write_text(text, "utf-8")
    assert processes_in(tmp_path) == ()


def test_a_table_counts_what_it_does_not_list_and_not_ourselves() -> None:
    made = read_table(json.dumps(TABLE).encode())
    assert made is not None
    assert made.total_bytes == 90 + 20
    assert made.left_out == 2
    assert made.peak_bytes == 200
    (site,) = made.sites
    assert site.bytes == 90
    assert site.line == Frame(function="", file="/app/worker.py", line=3)


def test_a_later_peak_is_known_without_a_later_look(tmp_path: Path) -> None:
    (tmp_path / "process-7.json").write_text(json.dumps(TABLE), "utf-8")
    status = {**STATUS, "profiler": "tracemalloc", "capture": "process-7.json"}
    process = read_status(json.dumps(status).encode())
    assert process is not None
    assert process.profiler is Profiler.TRACEMALLOC
    (tmp_path / "process-7.peak.json").write_text('{"traced": 400, "peak": 500}', "utf-8")
    made = read_traced(tmp_path, process)
    assert made is not None
    assert made.peak_bytes == 500
    (tmp_path / "process-7.peak.json").write_text("{", "utf-8")
    made = read_traced(tmp_path, process)
    assert made is not None
    assert made.peak_bytes == 200


def test_the_profilers_own_allocations_are_none_of_the_workers() -> None:
    own = Frame(function="start", file=f"{INSIDE}/native.py", line=1)
    theirs = Frame(function="main", file="/app/worker.py", line=1)
    made = reading_of(
        [Site(stack=(own,), bytes=5, count=1), Site(stack=(theirs,), bytes=7, count=1)]
    )
    assert made.total_bytes == 7


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1.5,
        'a "quoted" \\ \n \u00e9 \U0001f600 \udc80',
        [1, (2, "x")],
        {"a": {"b": []}},
    ],
)
def test_json_without_the_package(value: object) -> None:
    assert json.loads(encode(value)) == json.loads(json.dumps(value))
