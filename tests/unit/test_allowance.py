"""What profilers hold beyond one that rests: of living processes, as these say themselves."""

import json
import os
from pathlib import Path

from harness.profilers.allowance import extra_bytes
from harness.sandbox.namespaces import inner_pid, parse_inner_pid

KERNEL = 200_000


def writes(folder: Path, pid: int, *, stem: str = "", **fields: object) -> None:
    status = {"pid": pid, "began_s": 1.0, "profiler": "memray", "profiler_bytes": 5_000_000}
    path = folder / f"process-{pid}{stem}.status.json"
    path.write_text(json.dumps({**status, "capture": f"process-{pid}{stem}.json", **fields}))


def test_one_process_holds_no_more_than_one_that_rests(tmp_path: Path) -> None:
    writes(tmp_path, os.getpid())
    assert extra_bytes(tmp_path, [os.getpid()]) == 0


def test_each_further_living_process_counts_and_no_dead_one(tmp_path: Path) -> None:
    writes(tmp_path, os.getpid())
    writes(tmp_path, os.getppid(), profiler_bytes=1_400_000, forked=True)
    writes(tmp_path, 2**22 + 1)
    assert extra_bytes(tmp_path, [os.getpid(), os.getppid()]) == 1_400_000 + KERNEL


def test_a_program_that_made_way_for_another_does_not_count(tmp_path: Path) -> None:
    writes(tmp_path, os.getpid(), began_s=1.0)
    writes(tmp_path, os.getpid(), stem="-1", began_s=2.0)
    assert extra_bytes(tmp_path, [os.getpid()]) == 0


def test_tables_count_as_they_were_told(tmp_path: Path) -> None:
    writes(tmp_path, os.getpid(), profiler="tracemalloc")
    assert extra_bytes(tmp_path, [os.getpid()]) == 0
    told = {"traced": 1, "peak": 2, "extra_bytes": 7_000_000}
    (tmp_path / f"process-{os.getpid()}.peak.json").write_text(json.dumps(told))
    assert extra_bytes(tmp_path, [os.getpid()]) == 7_000_000
    (tmp_path / f"process-{os.getpid()}.peak.json").write_text("{")
    assert extra_bytes(tmp_path, [os.getpid()]) == 0


def test_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert extra_bytes(tmp_path / "nowhere", [os.getpid()]) == 0
    writes(tmp_path, os.getpid(), profiler=None)
    assert extra_bytes(tmp_path, [os.getpid()]) == 0
    assert extra_bytes(tmp_path, []) == 0


def test_a_process_is_known_by_the_number_that_it_gives_itself() -> None:
    status = "Name:\tpython\nPid:\t4711\nNSpid:\t4711\t7\n"
    assert parse_inner_pid(status) == 7
    assert parse_inner_pid("Name:\tpython\n") is None
    assert inner_pid(os.getpid()) == os.getpid()
    assert inner_pid(2**22 + 1) == 2**22 + 1
