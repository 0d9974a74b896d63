"""Tables of sites and paths: what they hold, and the most that they leave out."""

from pathlib import Path

import msgspec
import pytest

from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.core.sites import (
    MOST_ROWS,
    PathRow,
    SiteTable,
    path_table,
    shortened_paths,
    shortened_sites,
    site_table,
    structural,
)
from harness.site_pass import shown

MIB = 2**20
MAIN = Frame(function="main", file="/app/worker.py", line=50)
LIBRARY = Frame(function="decode", file="/usr/lib/python3.11/json/decoder.py", line=353)


def site(line: int, size: int, *above: Frame, function: str = "load") -> Site:
    own = Frame(function=function, file="/app/worker.py", line=line)
    return Site(stack=(LIBRARY, own, *above), bytes=size, count=1)


def profile(*sites: Site, total_bytes: int | None = None, left_out: int = 0) -> Profile:
    return Profile(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.HIGH_WATER,
        total_bytes=sum(s.bytes for s in sites) if total_bytes is None else total_bytes,
        sites=sites,
        left_out=left_out,
    )


def table(of: Profile) -> SiteTable:
    return site_table(of, source_of=lambda frame: f"  line {frame.line}", shown=lambda file: file)


def test_a_row_is_the_workers_own_line_with_its_text_and_its_callers() -> None:
    again = Frame(function="load", file="/app/worker.py", line=8)
    (row,) = table(profile(site(7, 3 * MIB, again, again, MAIN))).rows
    assert (row.function, row.file, row.line, row.source) == ("load", "/app/worker.py", 7, "line 7")
    assert (row.bytes, row.count, row.share) == (3 * MIB, 1, 1.0)
    assert row.callers == ("main (worker.py)", "load (worker.py)"), "no line, recursion once"


def test_what_is_reached_by_several_ways_is_one_row() -> None:
    (row,) = table(profile(site(7, 3, MAIN), site(7, 5))).rows
    assert (row.bytes, row.callers) == (8, ())


def test_the_most_that_an_unlisted_line_holds_is_the_next_one() -> None:
    sites = [site(n, 1000 - n) for n in range(1, MOST_ROWS + 6)]
    made = table(profile(*sites))
    assert len(made.rows) == MOST_ROWS
    assert made.unlisted_bytes == 1000 - MOST_ROWS - 1
    left_out = table(profile(*sites, left_out=3, total_bytes=10**5))
    assert left_out.unlisted_bytes == 10**5 - sum(row.bytes for row in left_out.rows)


def test_lines_that_hold_nothing_of_note_are_not_listed() -> None:
    made = table(profile(site(1, 100_000), site(2, 100)))
    assert [row.line for row in made.rows] == [1]
    assert made.unlisted_bytes == 100


def test_a_shorter_table_knows_what_it_lost() -> None:
    made = table(profile(*(site(n, 100 * n) for n in range(1, 6))))
    short = shortened_sites(made, 2)
    assert [(row.line, row.bytes) for row in short.rows] == [(4, 400), (5, 500)], (
        "in order of place"
    )
    assert short.unlisted_bytes == 300


def test_paths_of_several_snapshots_are_added_up() -> None:
    rows = [PathRow(path=path, count=2, bytes=50) for path in ("$", "$.a", "$", "$.b")]
    made = path_table(rows, parser="json", python="cpython 3.11", total_bytes=100)
    assert [(row.path, row.count, row.bytes) for row in made.rows] == [
        ("$", 4, 100),
        ("$.a", 2, 50),
        ("$.b", 2, 50),
    ]
    assert made.unlisted_bytes == 0
    short = shortened_paths(made, 1)
    assert ([row.path for row in short.rows], short.unlisted_bytes) == (["$"], 50)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("$.heroes[*].gear", "$.heroes[*].gear"),
        ("$.by_id.*.power", "$.by_id.*.power"),
        ('$.users["ann@example.com"].age', "$.users.*.age"),
        ('$["a \\"quoted\\" ].key"][*]', "$.*[*]"),
        ("$.users.u4711000.age", "$.users.*.age"),
        ("$.blobs.deadbeef01.size", "$.blobs.*.size"),
        ("$.sha256.level2", "$.sha256.level2"),
        ("$." + "x" * 60, "$.*"),
    ],
)
def test_no_key_that_looks_like_data_is_kept(path: str, kept: str) -> None:
    assert structural(path) == kept


def test_keys_that_look_like_data_are_added_up() -> None:
    rows = [PathRow(path=f'$["{name}@example.com"]', count=1, bytes=30) for name in ("ann", "bob")]
    made = path_table(rows, parser="json", python="cpython 3.11", total_bytes=60)
    assert made.rows == (PathRow(path="$.*", count=2, bytes=60),)


def test_a_path_that_is_too_long_to_keep_may_have_been_anything() -> None:
    rows = [
        PathRow(path="$", count=1, bytes=100),
        PathRow(path="$" + ".x" * 250, count=1, bytes=90),
    ]
    made = path_table(rows, parser="json", python="cpython 3.11", total_bytes=100)
    assert [row.path for row in made.rows] == ["$"]
    assert made.unlisted_bytes == 100


@pytest.mark.parametrize("bad", [{"bytes": -1}, {"share": 1.5}, {"line": -3}, {"more": 1}])
def test_a_row_of_nonsense_is_refused(bad: dict[str, object]) -> None:
    good = {"function": "f", "file": "a.py", "line": 1, "bytes": 1}
    (made,) = table(profile(site(1, 1))).rows
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, **bad}, type(made))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (
            "/home/ann/venv/lib/python3.11/site-packages/ijson/common.py",
            "site-packages/ijson/common.py",
        ),
        ("/usr/lib/python3/dist-packages/yaml/reader.py", "dist-packages/yaml/reader.py"),
        ("/opt/app/node_modules/stream-json/Parser.js", "node_modules/stream-json/Parser.js"),
        ("/usr/lib/python3.11/json/decoder.py", "python3.11/json/decoder.py"),
        ("/somewhere/else/worker.py", "/somewhere/else/worker.py"),
        ("<string>", "<string>"),
    ],
)
def test_a_file_is_called_the_same_on_every_machine(file: str, name: str) -> None:
    assert shown(file) == name


def test_a_file_below_the_start_is_called_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(str(tmp_path / "workers" / "full.py")) == "workers/full.py"
