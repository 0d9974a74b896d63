from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.core.baseline import baseline_of
from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.errors import InputError
from harness.core.run import Purpose, Run
from harness.store import baseline_path, load_baseline, save_baseline

Runs = Callable[..., Run]
Cases = Callable[..., Case]
CONDITIONS = Conditions(sandbox="docker", packages={"orjson": "3.10.0", "ijson": "3.3.0"})
MIB = 2**20


def test_only_runs_that_completed_enter(make_run: Runs, make_case: Cases) -> None:
    runs = [
        make_run(1, case=make_case(megabytes=5)),
        make_run(2, case=make_case(megabytes=50), ending=Ending.OOM_KILLED),
        make_run(3, case=make_case(megabytes=200), ending=None, peak_mib=None),
        make_run(4, case=make_case(megabytes=500), peak_mib=None),
        make_run(5, case=make_case(megabytes=900), purpose=Purpose.CONFIRMATION),
    ]
    assert [entry.snapshot_bytes for entry in baseline_of("demo", CONDITIONS, runs).entries] == [
        5_000_000
    ]


@pytest.mark.parametrize(
    ("peaks_mib", "median_mib"), [([7], 7), ([9, 1, 5], 5), ([1, 9], 5), ([4, 1, 3, 2], 2.5)]
)
def test_the_median_of_the_repeats(peaks_mib: list[int], median_mib: float, make_run: Runs) -> None:
    runs = [make_run(n, peak_mib=mib) for n, mib in enumerate(peaks_mib, start=1)]
    (entry,) = baseline_of("demo", CONDITIONS, runs).entries
    assert (entry.peak_bytes, entry.runs) == (median_mib * MIB, len(peaks_mib))


def test_the_median_of_the_upper_ends(make_run: Runs) -> None:
    runs = [make_run(n, upper_mib=mib) for n, mib in enumerate((60, 50, 70), start=1)]
    (entry,) = baseline_of("demo", CONDITIONS, runs).entries
    assert entry.peak_upper_bytes == 60 * MIB
    assert entry.peak_uppers_bytes == (60 * MIB, 50 * MIB, 70 * MIB)
    (entry,) = baseline_of("demo", CONDITIONS, [*runs, make_run(4, upper_mib=None)]).entries
    assert (entry.peak_upper_bytes, entry.peak_uppers_bytes) == (None, ()), "not all are known"


def test_several_snapshots_are_known_by_all_their_sums(
    make_run: Runs, make_case: Cases, make_snapshot: Callable[..., Snapshot]
) -> None:
    case = make_case(megabytes=5, more_snapshots=(make_snapshot(50),))
    (entry,) = baseline_of("demo", CONDITIONS, [make_run(case=case)]).entries
    assert entry.snapshot_sha256 == f"{5:064x} {50:064x}"
    assert entry.snapshot_bytes == 55_000_000


def test_the_file_does_not_depend_on_the_order_of_the_runs(
    make_run: Runs, make_case: Cases, tmp_path: Path
) -> None:
    runs = [make_run(n, case=make_case(megabytes=n)) for n in (3, 1, 2)]
    other = Conditions(sandbox="docker", packages={"ijson": "3.3.0", "orjson": "3.10.0"})
    save_baseline(tmp_path / "a.json", baseline_of("demo", CONDITIONS, runs))
    save_baseline(tmp_path / "b.json", baseline_of("demo", other, runs[::-1]))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_the_peaks_of_single_runs_are_kept_in_their_order(make_run: Runs) -> None:
    runs = [make_run(n, peak_mib=mib) for n, mib in ((3, 41), (1, 40), (2, 44))]
    (entry,) = baseline_of("demo", CONDITIONS, runs).entries
    assert entry.peaks_bytes == (40 * MIB, 44 * MIB, 41 * MIB)
    assert entry.memory_limit_bytes == 512 * MIB
    assert entry.caches_bytes == (), "this was not known of these runs"
    assert entry.peaks.samples.values_bytes == entry.peaks_bytes


def test_the_page_caches_are_kept_where_a_counter_counted_them(make_run: Runs) -> None:
    runs = [make_run(n, peak_mib=40, upper_mib=50, cache_bytes=n * MIB) for n in (1, 2, 3)]
    (entry,) = baseline_of("demo", CONDITIONS, runs).entries
    assert entry.caches_bytes == (MIB, 2 * MIB, 3 * MIB)
    assert entry.peaks.lowers is not None
    assert entry.peaks.lowers.values_bytes == (49 * MIB, 48 * MIB, 47 * MIB)
    for changes in ({"sandbox": "process"}, {"approximate": True}, {"cache_bytes": None}):
        (entry,) = baseline_of("demo", CONDITIONS, [make_run(4, **changes), *runs]).entries
        assert entry.caches_bytes == ()
        assert entry.peaks.lowers is None


def test_a_change_shows_in_its_own_lines(make_run: Runs, make_case: Cases, tmp_path: Path) -> None:
    cases = [make_case(megabytes=n) for n in (1, 2, 3)]
    for name, peak_mib in (("a.json", 40), ("b.json", 41)):
        runs = [make_run(1, case=cases[0]), make_run(2, case=cases[1], peak_mib=peak_mib)]
        save_baseline(tmp_path / name, baseline_of("demo", CONDITIONS, runs))
    before = (tmp_path / "a.json").read_text("utf-8").splitlines()
    after = (tmp_path / "b.json").read_text("utf-8").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [(old.strip(), new.strip()) for old, new in changed] == [
        (f'"peak_bytes": {40 * MIB},', f'"peak_bytes": {41 * MIB},'),
        (f"{40 * MIB}", f"{41 * MIB}"),
    ]


def test_a_baseline_comes_back_as_it_was(make_run: Runs, tmp_path: Path) -> None:
    baseline = baseline_of("demo", CONDITIONS, [make_run()])
    path = baseline_path(tmp_path / "new" / "folder", "demo")
    save_baseline(path, baseline)
    assert load_baseline(path) == baseline
    assert baseline.entry_of(make_run().case) == baseline.entries[0]


def test_an_entry_is_found_by_the_name_of_its_case(make_run: Runs, make_case: Cases) -> None:
    baseline = baseline_of("demo", CONDITIONS, [make_run()])
    assert baseline.entry_of(make_case("another")) is None


def test_no_baseline_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert load_baseline(tmp_path / "demo.json") is None
    assert load_baseline(tmp_path / "nowhere" / "demo.json") is None
    assert load_baseline(tmp_path / "file" / "demo.json") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"not JSON", "not JSON"),
        (b'{"schema": 1, "scen', "half written"),
        (b'{"schema": 3}', "schema 3, and this oomproof reads 2"),
        (b'{"schema": 0}', "never a baseline's"),
        (b'{"schema": 1}', "scenario: this key is missing"),
        (b"[]", "no baseline of oomproof"),
        (b'{"schema": 1, "x": ' + b"[" * 100_000, "nests too deeply"),
        (b'{"schema": 1, "scenario": "\xff"}', "not JSON"),
        (
            b'{"schema":1,"scenario":"a","conditions":{"sandbox":"d"},"entries":[],"more":1}',
            "more: unknown key",
        ),
    ],
)
def test_what_is_no_baseline_is_bad_input(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_baseline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def test_a_folder_is_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "demo.json").mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_baseline(tmp_path / "demo.json")


def test_a_baseline_of_the_first_schema_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    path.write_bytes(
        b'{"schema":1,"scenario":"demo","conditions":{"sandbox":"docker"},"entries":[{"case":"a",'
        b'"peak_bytes":7,"peak_upper_bytes":9,"runs":3,"snapshot_bytes":5,"snapshot_sha256":"x"}]}'
    )
    baseline = load_baseline(path)
    assert baseline is not None
    peaks = baseline.entries[0].peaks
    assert (peaks.samples.median_bytes, peaks.samples.count, peaks.samples.freedom) == (7, 3, 0)
    assert peaks.uppers is not None
    assert peaks.uppers.median_bytes == 9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": 0}, "entries[0].runs: 0 runs cannot"),
        ({"peak_bytes": -1}, "entries[0].peak_bytes: -1 is less than nothing"),
        ({"snapshot_bytes": -5}, "entries[0].snapshot_bytes: -5"),
        ({"peak_upper_bytes": 3}, "entries[0].peak_upper_bytes: 3 is less than peak_bytes"),
        ({"peaks_bytes": (7, 7)}, "entries[0].peaks_bytes: 2 sizes for 2 peaks of 3 runs"),
        ({"peaks_bytes": (8, 8, 8)}, "entries[0].peak_bytes: 7 is not the median"),
        ({"peaks_bytes": (7, 7, -9)}, "entries[0].peaks_bytes: -9"),
        (
            {"peaks_bytes": (7, 7, 7), "peak_uppers_bytes": (7, 7, 7)},
            "entries[0].peak_upper_bytes: 9 is not the median",
        ),
        ({"caches_bytes": (0, 0, 0)}, "entries[0].caches_bytes: 3 sizes for 0 peaks of 3 runs"),
        ({"runs": 3}, "twice"),
        ({"peak_bytes": "much"}, "Expected `int`"),
    ],
)
def test_a_baseline_edited_into_nonsense_is_refused(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    entry = {
        "case": "a",
        "peak_bytes": 7,
        "peak_upper_bytes": 9,
        "runs": 3,
        "snapshot_bytes": 5,
        "snapshot_sha256": "x",
    }
    entries = [{**entry, **changes}] * (2 if words == "twice" else 1)
    document = {"schema": 2, "scenario": "demo", "conditions": {"sandbox": "docker"}}
    path = tmp_path / "demo.json"
    path.write_bytes(msgspec.json.encode({**document, "entries": entries}))
    with pytest.raises(InputError) as caught:
        load_baseline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["../demo", "/etc/passwd", "a/b", "..", "", ".hidden", "a\0"])
def test_a_report_from_elsewhere_cannot_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be the name of a scenario"):
        baseline_path(tmp_path, name)
