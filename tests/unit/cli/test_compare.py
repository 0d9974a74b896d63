"""`oomproof compare`, from files that are what they should be and from all others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.core.baseline import Baseline, BaselineEntry
from harness.core.conditions import Conditions
from harness.core.report import Report
from harness.core.run import Run
from harness.files import publish
from harness.reporters.document import render_json
from harness.store import REPORT, new_store, save_baseline

Command = Callable[..., Any]
Reports = Callable[..., Report]
Runs = Callable[..., Run]
Save = Callable[..., Path]
CONDITIONS = Conditions(sandbox="docker", python="3.13.1", kernel="6.1.0")


@pytest.fixture
def save(tmp_path: Path, make_run: Runs, make_report: Reports) -> Save:
    """Return what saves a report of three runs with a peak of so many MiB."""

    def save_(root: str, peak_mib: float, scenario: str = "demo", **changes: Any) -> Path:
        store = new_store(tmp_path / root, scenario)
        runs = tuple(
            store.save_run(make_run(n, peak_mib=peak_mib, upper_mib=peak_mib), ())
            for n in (1, 2, 3)
        )
        report = make_report(*runs, **{"scenario": scenario, **changes})
        publish(store.folder / REPORT, render_json(report))
        return store.folder

    return save_


def test_two_reports(oomproof: Command, save: Save) -> None:
    old, new = save("old", 200), save("new", 206)
    done = oomproof("compare", old, new / REPORT)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("demo: 1 grown\n")
    assert "200 MiB  206 MiB  +6 MiB ± " in done.out
    assert "(+3.0%)     > 99.9%  streaming" in done.out
    assert oomproof("compare", old, old).out.startswith("demo: 1 the same\n")


def test_the_forms(oomproof: Command, save: Save, tmp_path: Path) -> None:
    old, new = save("old", 200), save("new", 206)
    document = oomproof("compare", old, new, "--json").document()
    (case,) = document["scenarios"][0]["cases"]
    assert (case["outcome"], case["lower"]["by_bytes"]) == ("grown", 6 * 2**20)
    markdown = oomproof("compare", old, new, "--format", "markdown")
    assert markdown.out.startswith("## demo: 1 grown\n")
    assert "| 🔺 grown | 200 MiB | 206 MiB |" in markdown.out
    written = oomproof("compare", old, new, "--format", "markdown", "-o", "c.md")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "c.md").read_text("utf-8") == markdown.out


def test_json_keeps_to_the_published_schema(oomproof: Command, save: Save) -> None:
    schema = oomproof("compare", "--schema").document()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    old, killed = save("old", 200), save("new", 206, finished=False)
    other = save("other", 300, "other")
    for sides in ((old, killed), (old, old), (old, other), (other.parent.parent, killed)):
        validator.validate(oomproof("compare", *sides, "--json").document())
    document = oomproof("compare", old, killed, "--json").document()
    assert not validator.is_valid({**document, "schema": 2})
    document["scenarios"][0]["cases"][0]["outcome"] = "perhaps"
    assert not validator.is_valid(document)


def test_a_report_against_its_baseline_and_folders_of_both(
    oomproof: Command, save: Save, tmp_path: Path
) -> None:
    save("old", 200)
    save("old", 300, "other")
    newest = save("old", 206)
    assert oomproof("baseline", "accept", newest).code == 0
    accepted = Path("reports/baselines")
    assert oomproof("compare", accepted / "demo.json", newest).out.startswith("demo: 1 the same\n")
    both = oomproof("compare", accepted, tmp_path / "old").out
    assert "demo: 1 the same" in both
    assert "other: 1 new" in both
    assert "was in no report" in both
    scenario = oomproof("compare", newest, tmp_path / "old" / "demo")
    assert scenario.out.startswith("demo: 1 the same\n")


def test_a_killed_report_is_compared_as_far_as_it_came(oomproof: Command, save: Save) -> None:
    old = save("old", 200)
    killed = save("new", 206, finished=False, runs=(), planned_runs=9)
    done = oomproof("compare", old, killed)
    assert done.code == 0
    assert "is not finished: it has 3 of 9 runs" in done.out
    assert "1 grown" in done.out


def test_text_from_outside_rules_nothing(oomproof: Command, save: Save, tmp_path: Path) -> None:
    name = "\x1b[31m| <script>alert(1)</script>\n"
    entry = BaselineEntry(case=name, peak_bytes=7, runs=1, snapshot_bytes=5, snapshot_sha256="x")
    odd = Baseline(schema=2, scenario=name, conditions=CONDITIONS, entries=(entry,))
    save_baseline(tmp_path / "odd.json", odd)
    for form in ("terminal", "markdown"):
        done = oomproof("compare", save("new", 200), tmp_path / "odd.json", "--format", form)
        assert done.code == 0
        assert "\x1b" not in done.out
        assert "<script>" not in done.out or form == "terminal"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"nonsense", "not JSON"),
        (b'{"schema": 1, "runs": [{"nu', "half written"),
        (b'{"schema": 2, "entries": [{"ca', "half written"),
        (b"{}", "this is no report of oomproof: schema: this key is missing"),
        (b'{"schema": 99}', "this report is schema 99, and this oomproof reads"),
        (b'{"schema": 99, "entries": []}', "this baseline is schema 99, and this oomproof reads"),
        (b'{"schema": 2, "entries": 5}', "this is no baseline of oomproof"),
        (b'{"schema": 1, "runs": 5}', "this is no report of oomproof"),
        (b'[{"schema": 1}]', "this is no report of oomproof"),
        (b'{"schema": 2, "entries": ' + b"[" * 100_000, ""),
        (b'{"schema": 1, "scenario": "\xff\xfe"}', "not JSON"),
    ],
)
def test_bad_files_get_a_clear_word(
    data: bytes, words: str, oomproof: Command, save: Save, tmp_path: Path
) -> None:
    good, bad = save("old", 200), tmp_path / "bad.json"
    bad.write_bytes(data)
    for sides in ((good, bad), (bad, good)):
        done = oomproof("compare", *sides)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("oomproof: ")
        assert "bad.json" in done.err
        assert words in done.err
        assert done.err.count("\n") == 1


def test_a_baseline_edited_into_nonsense(oomproof: Command, save: Save, tmp_path: Path) -> None:
    good = save("old", 200)
    assert oomproof("baseline", "accept", good).code == 0
    path = tmp_path / "reports" / "baselines" / "demo.json"
    document = json.loads(path.read_text("utf-8"))
    document["entries"][0]["peak_bytes"] = -1
    path.write_text(json.dumps(document), "utf-8")
    done = oomproof("compare", path, good)
    assert done.code == 2
    assert "entries[0].peak_bytes: -1 is less than nothing" in done.err
    assert "baseline accept" in done.err


def test_what_is_not_there(oomproof: Command, save: Save, tmp_path: Path) -> None:
    good = save("old", 200)
    (tmp_path / "empty").mkdir()
    missing = oomproof("compare", good, "nowhere.json")
    assert (missing.code, missing.err) == (
        2,
        "oomproof: nowhere.json cannot be read: No such file or directory\n",
    )
    empty = oomproof("compare", tmp_path / "empty", good)
    assert empty.code == 2
    assert "neither a report nor a baseline" in empty.err
    assert oomproof("compare", good).code == 2
    assert oomproof("compare", good, good, "-o", "empty").code == 2
