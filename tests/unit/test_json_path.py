"""The JSON path at a byte: checked against a slow walk over the same text."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.autopsy.json_path import Reached, find_offset, path_at, stopped_at
from harness.core.autopsy import Autopsy, Evidence, MapArea, OpenFile, Process, Standstill
from harness.core.case import Snapshot
from harness.core.json_path import format_path
from harness.core.peaks import Sample

SNAPSHOT = Snapshot(label="s", path="/nowhere", bytes=100, sha256="")


def ignore(done: int, total: int) -> None:
    assert done <= total


def at(tmp_path: Path, text: str, offset: int) -> str | None:
    file = tmp_path / "snapshot.json"
    file.write_text(text, "utf-8")
    return path_at(file, offset, ignore)[0]


@pytest.mark.parametrize(
    ("text", "before", "path"),
    [
        ('{"a": [1, 22, 33]}', "33", "$.a[1]"),
        ('{"a": [1, 22, 33]}', "]", "$.a[1]"),
        ('{"a": {"b c": [{"d": 1}, {"d": 2, "e": 3}]}}', '"e"', '$.a["b c"][1].d'),
        ('{"a": {"b": [{"d": 1}, {"d": 2, "e": 3}]}}', "3}]", "$.a.b[1].e"),
        ("[[1, 2], [3, [4, 5]]]", "5", "$[1][1][0]"),
        ('{"ключ": [1, 2]}', "2]", '$["ключ"][0]'),
        ('{"a": [], "b": 1, "c": 2}', ', "c"', "$.b"),
    ],
)
def test_the_value_that_came_last(tmp_path: Path, text: str, before: str, path: str) -> None:
    assert at(tmp_path, text, len(text[: text.index(before)].encode())) == path


def leaves(value: Any, steps: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    """Return the steps to every scalar that is followed by a comma, in order."""
    if not isinstance(value, dict | list):
        return []
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    found: list[tuple[str | int, ...]] = []
    for number, (step, inner) in enumerate(pairs, start=1):
        found += leaves(inner, (*steps, step))
        if not isinstance(inner, dict | list) and number < len(pairs):
            found.append((*steps, step))
    return found


json_values = st.recursive(
    st.integers() | st.booleans() | st.none() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(json_values, min_size=1))
def test_every_scalar_is_found_once_it_was_read(
    tmp_path_factory: pytest.TempPathFactory, document: list[Any]
) -> None:
    file = tmp_path_factory.getbasetemp() / "snapshot.json"
    wanted = leaves(document, ())
    seen: list[str | None] = []
    size = file.write_bytes(json.dumps(document).encode())
    for offset in range(2, size + 1):
        path, _ = path_at(file, offset, ignore)
        if path is not None and (not seen or seen[-1] != path):
            seen.append(path)
    paths = [format_path(steps) for steps in wanted]
    remaining = iter(seen)
    assert all(path in remaining for path in paths), (paths, seen)


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (None, "did not hold the snapshot open"),
        (0, "read nothing of it yet"),
        (100, "to its end"),
        (120, "to its end"),
    ],
)
def test_no_path_has_a_reason(offset: int | None, words: str) -> None:
    found = stopped_at(Reached(snapshot=SNAPSHOT, offset_bytes=offset), ignore)
    assert found.path is None
    assert words in found.reason


def test_a_mapping_tells_no_offset_and_that_is_said() -> None:
    found = stopped_at(Reached(snapshot=SNAPSHOT, is_mapped=True), ignore)
    assert (found.offset_bytes, found.path) == (None, None)
    assert "mmap" in found.reason


def held(*offsets: int, mapped: bool = False, pid: int = 1) -> Process:
    """Return a process that holds the snapshot open so often."""
    area = MapArea(
        name=SNAPSHOT.path, count=1, size_bytes=100, resident_bytes=100, anonymous_bytes=0
    )
    return Process(
        pid=pid,
        parent=0,
        command=("w",),
        rollup={},
        areas=(area,) if mapped else (),
        open_files=tuple(
            OpenFile(fd=fd, path=SNAPSHOT.path, offset_bytes=offset, size_bytes=100)
            for fd, offset in enumerate(offsets, start=3)
        ),
    )


@pytest.mark.parametrize(
    ("processes", "found"),
    [
        ([held()], (None, False)),
        ([held(40)], (40, False)),
        ([held(0)], (0, False)),
        ([held(0, 100, 40)], (40, False)),
        ([held(100, 0)], (100, False)),
        ([held(20, 60)], (60, False)),
        ([held(60, 20)], (20, False)),
        ([held(0), held(70, pid=2)], (70, False)),
        ([held(30), held(70, pid=2)], (30, False)),
        ([held(mapped=True)], (None, True)),
        ([held(0, mapped=True)], (None, True)),
        ([held(50, mapped=True)], (50, False)),
        ([held(100, mapped=True)], (100, False)),
    ],
)
def test_of_several_ways_to_hold_it_open_the_one_in_use_counts(
    processes: list[Process], found: tuple[int | None, bool]
) -> None:
    stood = Sample(at_s=1, anon_bytes=1, shmem_bytes=0, kernel_bytes=0, file_bytes=0, rss_bytes=1)
    standstill = Standstill(
        limit_bytes=1, crossed_bytes=1, crossed_at_s=1, stood=stood, freezing_s=0
    )
    autopsy = Autopsy(standstill=standstill, evidence=Evidence(processes=tuple(processes)))
    reached = find_offset((SNAPSHOT,), autopsy)
    assert (reached.offset_bytes, reached.is_mapped) == found


def test_a_byte_order_mark_is_no_part_of_the_document(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text('{"a": [1, 22, 33]}', "utf-8-sig")
    assert path_at(file, 3 + len('{"a": [1, 22, '), ignore) == ("$.a[1]", "")
    assert path_at(file, 2, ignore) == ("$", "")
    assert path_at(file, 3, ignore) == ("$", "")


def test_of_documents_in_a_row_the_number_is_said(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    lines = "".join(f'{{"id": {n}, "v": [1, {{"x": 3}}]}}\n' for n in range(1000))
    file.write_text(lines, "utf-8")
    offset = lines.index('{"id": 700') + len('{"id": 700, "v": [1, {"x": 3}')
    path, remark = path_at(file, offset, ignore)
    assert path == "$.v[1]"
    assert "document 701 of the file" in remark


@pytest.mark.parametrize("members", [1, 3])
def test_a_compressed_file_is_read_through(tmp_path: Path, members: int) -> None:
    file = tmp_path / "snapshot.json.gz"
    text = json.dumps({"a": [{"b": "x" * 3000} for _ in range(300)]}).encode()
    size = len(text) // members + 1
    parts = [gzip.compress(text[n : n + size]) for n in range(0, len(text), size)]
    file.write_bytes(b"".join(parts))
    path, reason = path_at(file, file.stat().st_size, ignore)
    assert (path, reason) == ("$", "")
    path, _ = path_at(file, file.stat().st_size - 20, ignore)
    assert path is not None
    assert path.startswith("$.a[2")
    file.write_bytes(b"\x1f\x8b" + bytes(500))
    path, reason = path_at(file, 400, ignore)
    assert path is None
    assert "gzip" in reason


def test_a_path_that_nests_too_deep_to_be_read_is_cut(tmp_path: Path) -> None:
    path = at(tmp_path, "[" * 100_000, 100_000)
    assert path is not None
    assert len(path) < 200
    assert "(99,960 levels)" in path


def test_what_is_no_json_has_no_path(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text("[1, 2, oops, 3, 4, 5]", "utf-8")
    path, reason = path_at(file, 18, ignore)
    assert path is None
    assert "no JSON" in reason
    assert "after $[1]" in reason


def test_a_file_that_shrank_is_said(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text("[1, 2", "utf-8")
    assert path_at(file, 500, ignore) == (
        None,
        "The snapshot is shorter than what the worker had read of it.",
    )


def test_a_long_key_is_cut_and_a_hostile_one_quoted() -> None:
    assert format_path(["k" * 100]) == f'$["{"k" * 80}..."]'
    assert format_path(['a"\n\x1b[31m']) == '$["a\\"\\n\\u001b[31m"]'
    assert format_path([None]) == "$"
