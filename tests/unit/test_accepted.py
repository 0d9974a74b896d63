"""What a baseline keeps of profiles: in few bytes, in order, and only what is true of its peaks."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.core.accepted import MOST_BYTES, with_profiles
from harness.core.baseline import Baseline, baseline_of
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.errors import InputError
from harness.core.profile import Moment, Profiler
from harness.core.run import Run
from harness.core.sites import MOST_ROWS, CaseProfile, PathRow, PathTable, SiteRow, SiteTable
from harness.store import load_baseline, save_baseline

Runs = Callable[..., Run]
Cases = Callable[..., Case]
HERE = Conditions(sandbox="cgroup")
MIB = 2**20


def profile(case: Case, *, rows: int = MOST_ROWS, text: str = "rows.append(row)") -> CaseProfile:
    sites = tuple(
        SiteRow(
            function="load",
            file=f"workers/w{number % 3}.py",
            line=number,
            source=text,
            bytes=(rows - number) * MIB,
            callers=("<module> (w.py)", "main (w.py)"),
        )
        for number in range(rows)
    )
    paths = tuple(
        PathRow(path=f"$.part{number}[*]", count=9, bytes=(rows - number) * MIB)
        for number in range(rows)
    )
    whole = sum(row.bytes for row in sites)
    return CaseProfile(
        case=case.name,
        sites=SiteTable(
            profiler=Profiler.MEMRAY,
            version="1.20.0",
            moment=Moment.HIGH_WATER,
            total_bytes=whole,
            unlisted_bytes=0,
            rows=sites,
        ),
        paths=PathTable(
            parser="json", python="cpython 3.11", total_bytes=whole, unlisted_bytes=0, rows=paths
        ),
    )


def baseline(runs: list[Run], before: Baseline | None = None, **changes: int) -> Baseline:
    profiles = [profile(run.case, **changes) for run in runs]  # type: ignore[arg-type]
    return with_profiles(baseline_of("demo", HERE, runs), profiles, before)


def size(of: Baseline, folder: Path) -> int:
    path = folder / "demo.json"
    save_baseline(path, of)
    assert load_baseline(path) == of
    return path.stat().st_size


def rows_of(of: Baseline) -> list[int]:
    return [len(e.profile.sites.rows) if e.profile and e.profile.sites else 0 for e in of.entries]


@pytest.mark.parametrize(("cases", "rows"), [(1, 20), (6, 20), (9, 15), (40, 1), (300, 0)])
def test_a_scenario_takes_no_more_than_its_room(
    cases: int, rows: int, tmp_path: Path, make_run: Runs, make_case: Cases
) -> None:
    """Of many cases each keeps fewer rows; of too many, the numbers alone are kept."""
    runs = [make_run(n, case=make_case(f"worker-{n}")) for n in range(1, cases + 1)]
    made = baseline(runs)
    written = size(made, tmp_path)
    assert rows_of(made) == [rows] * cases
    if rows:
        assert written <= MOST_BYTES
        kept = made.entries[0].profile
        assert kept is not None
        assert kept.sites is not None
        assert max(row.bytes for row in kept.sites.rows) == MOST_ROWS * MIB, "the largest are kept"
        lost = 0 if rows == MOST_ROWS else (MOST_ROWS - rows) * MIB
        assert kept.sites.unlisted_bytes == lost


def test_the_longest_texts_have_room(tmp_path: Path, make_run: Runs) -> None:
    runs = [make_run()]
    made = with_profiles(
        baseline_of("demo", HERE, runs), [profile(runs[0].case, text="ü" * 120)], None
    )
    assert size(made, tmp_path) <= MOST_BYTES
    assert rows_of(made) == [MOST_ROWS]


def test_each_row_is_a_line_and_in_an_order_that_sizes_do_not_change(
    tmp_path: Path, make_run: Runs
) -> None:
    path = tmp_path / "demo.json"
    save_baseline(path, baseline([make_run()]))
    before = path.read_text("utf-8").splitlines()
    lines = [line for line in before if '"source"' in line]
    assert len(lines) == MOST_ROWS
    assert all(json.loads(line.strip().rstrip(",")) for line in lines)
    files = [json.loads(line.strip().rstrip(","))["file"] for line in lines]
    assert files == sorted(files)
    document = json.loads(path.read_bytes())
    row = document["entries"][0]["profile"]["sites"]["rows"][3]
    row["bytes"] += 100 * MIB
    changed = msgspec.convert(document, Baseline)
    save_baseline(path, changed)
    after = path.read_text("utf-8").splitlines()
    assert len([1 for one, other in zip(before, after, strict=True) if one != other]) == 1


def test_a_case_that_was_not_profiled_again_keeps_what_is_still_true(
    make_run: Runs, make_case: Cases
) -> None:
    before = baseline([make_run(peak_mib=100)])
    same = with_profiles(baseline_of("demo", HERE, [make_run(peak_mib=100.5)]), (), before)
    assert same.entries[0].profile == before.entries[0].profile
    assert same.entries[0].profile is not None
    assert same.entries[0].profile.peak_bytes == 100 * MIB, "that it was made at"
    grown = with_profiles(baseline_of("demo", HERE, [make_run(peak_mib=104)]), (), before)
    kept = grown.entries[0].profile
    assert kept is not None
    assert kept.sites is None, "who holds the rest is not known"
    assert kept.paths is not None, "the input is the same"
    snapshot = msgspec.structs.replace(make_case().snapshot, sha256="f" * 64)
    other = make_run(peak_mib=100, case=make_case(snapshot=snapshot))
    assert with_profiles(baseline_of("demo", HERE, [other]), (), before).entries[0].profile is None


def test_what_creeps_is_not_kept_for_ever(make_run: Runs) -> None:
    """Each step is within the noise; together they are not."""
    kept = baseline([make_run(peak_mib=100)])
    for peak_mib in (100.8, 101.6):
        kept = with_profiles(baseline_of("demo", HERE, [make_run(peak_mib=peak_mib)]), (), kept)
    assert kept.entries[0].profile is not None
    assert kept.entries[0].profile.sites is None


def test_a_new_profile_takes_the_place_and_keeps_the_paths(make_run: Runs) -> None:
    before = baseline([make_run(peak_mib=100)])
    run = make_run(peak_mib=150)
    new = msgspec.structs.replace(profile(run.case, rows=1), paths=None)
    made = with_profiles(baseline_of("demo", HERE, [run]), [new], before)
    assert rows_of(made) == [1]
    assert made.entries[0].profile is not None
    assert made.entries[0].profile.paths == before.entries[0].profile.paths  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bytes", -5, "rows[0].bytes: Expected `int` >= 0"),
        ("bytes", "12 MiB", "rows[0].bytes: Expected `int`, got `str`"),
        ("share", 7, "rows[0].share: Expected `float` <= 1"),
        ("sauce", "x", "rows[0].sauce: unknown key"),
    ],
)
def test_a_table_that_was_edited_into_nonsense(
    key: str, value: object, words: str, tmp_path: Path, make_run: Runs
) -> None:
    path = tmp_path / "demo.json"
    save_baseline(path, baseline([make_run()]))
    document = json.loads(path.read_bytes())
    document["entries"][0]["profile"]["sites"]["rows"][0][key] = value
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError) as caught:
        load_baseline(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_baseline_of_the_first_schema_is_read(tmp_path: Path, make_run: Runs) -> None:
    path = tmp_path / "demo.json"
    entry = {
        "case": make_run().case.name,
        "peak_bytes": 40 * MIB,
        "runs": 1,
        "snapshot_bytes": 5,
        "snapshot_sha256": "0",
    }
    document = {"schema": 1, "scenario": "demo", "conditions": {"sandbox": "cgroup"}}
    path.write_text(json.dumps({**document, "entries": [entry]}), "utf-8")
    found = load_baseline(path)
    assert found is not None
    assert found.entries[0].profile is None
