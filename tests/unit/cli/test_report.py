import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.profile import Moment, Profiler
from harness.core.report import Report
from harness.core.run import Run
from harness.core.sites import CaseProfile, SiteRow, SiteTable
from harness.core.verdict import Verdict
from harness.files import publish
from harness.reporters.document import render_json
from harness.store import REPORT, new_store

Command = Callable[..., Any]
Runs = Callable[..., Run]
FAILURE = Finding(
    budget=Subject.EXPECT, worker="streaming", message="it crashed", severity=Severity.FAILURE
)


@pytest.fixture
def saved(
    tmp_path: Path, make_run: Runs, make_report: Callable[..., Report]
) -> Callable[..., Path]:
    """Return what saves a report of one run."""

    def save(verdict: Verdict = Verdict.PASS, **changes: Any) -> Path:
        store = new_store(tmp_path / "reports" / "out", "demo")
        run = store.save_run(make_run(ending=changes.pop("ending", Ending.COMPLETED)), ())
        findings = (FAILURE,) if verdict is Verdict.FAIL else ()
        report = make_report(run, **{"verdict": verdict, "findings": findings, **changes})
        publish(store.folder / REPORT, render_json(report))
        return store.folder

    return save


Saved = Callable[..., Path]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_it_exits_with_the_code_of_the_verdict(
    verdict: Verdict, oomproof: Command, saved: Saved
) -> None:
    saved(verdict)
    done = oomproof("report", "--json")
    assert done.code == verdict.exit_code
    assert done.document()["verdict"] == verdict


def test_a_report_is_rendered_again_as_it_was(oomproof: Command, saved: Saved) -> None:
    folder = saved(Verdict.FAIL)
    for path in (folder, folder / REPORT, folder.parent / "latest"):
        done = oomproof("report", path, "--json")
        assert done.out.encode() == (folder / REPORT).read_bytes()


@pytest.mark.parametrize(
    ("form", "begin"),
    [
        ("terminal", "demo  oomproof 0.1.0"),
        ("json", "{"),
        ("markdown", "#"),
        ("junit", "<?xml"),
        ("openmetrics", "# HELP oomproof_"),
        ("html", "<!doctype html>"),
    ],
)
def test_every_form(form: str, begin: str, oomproof: Command, saved: Saved, tmp_path: Path) -> None:
    saved(Verdict.FAIL)
    printed = oomproof("report", "--format", form)
    assert printed.out.startswith(begin)
    assert printed.code == 1
    written = oomproof("report", "--format", form, "-o", "report.out")
    assert (written.out, written.code) == ("", 1)
    assert (tmp_path / "report.out").read_text("utf-8").strip() == printed.out.strip()


def test_a_picture(oomproof: Command, saved: Saved, tmp_path: Path) -> None:
    saved()
    assert oomproof("report", "--format", "picture", "-o", "memory.png").code == 0
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


def test_standard_output_can_be_named_as_a_file(oomproof: Command, saved: Saved) -> None:
    saved()
    done = oomproof("report", "--format", "markdown", "-o", "/dev/stdout")
    assert done.code == 0
    assert done.out.startswith("#")
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("place", [".", "reports/out/demo/latest/report.json/x"])
def test_a_place_that_cannot_be_written_is_bad_input(
    place: str, oomproof: Command, saved: Saved
) -> None:
    saved()
    done = oomproof("report", "--format", "markdown", "-o", place)
    assert done.code == 2
    assert done.err.startswith("oomproof: -o: ")


def test_a_folder_of_evidence_is_called_so(oomproof: Command, tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "answer.json").write_text("{}")
    done = oomproof("report", "latest")
    assert done.code == 2
    assert "latest holds an answer of `oomproof reproduce` and no report" in done.err


def test_what_was_killed_is_reported_with_what_it_saved(oomproof: Command, saved: Saved) -> None:
    saved(Verdict.NONE, runs=(), finished=False, planned_runs=4)
    done = oomproof("report", "--json")
    assert done.code == 3
    assert [run["number"] for run in done.document()["runs"]] == [1]
    assert "1 of 4 runs were saved" in done.document()["findings"][0]["message"]


def test_a_baseline_is_accepted_and_shown(oomproof: Command, saved: Saved, tmp_path: Path) -> None:
    folder = saved()
    accepted = oomproof("baseline", "accept")
    path = tmp_path / "reports" / "baselines" / "demo.json"
    assert (accepted.code, accepted.err) == (0, "")
    first, second = accepted.out.splitlines()
    assert first == "Accepted 1 case as reports/baselines/demo.json."
    assert "`oomproof run --profile`" in second, "nothing tells what held the memory"
    again = oomproof("baseline", "accept", folder, "--json")
    assert again.out.strip() == path.read_text("utf-8").strip()
    assert again.document()["entries"][0]["peak_bytes"] == 40 * 2**20
    assert "Accepted 1 case" in again.err
    shown = oomproof("baseline", "show", "demo")
    assert shown.code == 0
    assert "40 MiB  streaming · 5MB · 512MiB\n" in shown.out
    assert "1 run, which shows no spread\n" in shown.out
    assert oomproof("baseline", "show", "demo", "--json").document() == again.document()


def test_the_spread_that_a_baseline_keeps_is_shown(
    oomproof: Command, saved: Saved, make_run: Runs, tmp_path: Path
) -> None:
    peaks = (200.0, 200.25, 201.0)
    saved(runs=[make_run(n, peak_mib=p, upper_mib=None) for n, p in enumerate(peaks, start=1)])
    assert oomproof("baseline", "accept").code == 0
    shown = oomproof("baseline", "show", "demo").out.splitlines()
    assert shown[1].strip() == "200.2 MiB  streaming · 5MB · 512MiB"
    assert "compared as" not in "".join(shown)
    told = "3 runs of 200 MiB to 201 MiB, standard deviation 532.9 KiB (0.26%)"
    assert shown[2].strip() == told
    path = tmp_path / "reports" / "baselines" / "demo.json"
    document = json.loads(path.read_text("utf-8"))
    counted = {"peak_uppers_bytes": [203 << 20] * 3, "caches_bytes": [1 << 20] * 3}
    document["entries"][0] |= {**counted, "peak_upper_bytes": 203 << 20}
    path.write_text(json.dumps(document), "utf-8")
    assert "compared as 202 MiB: sampling missed" in oomproof("baseline", "show", "demo").out
    document["entries"][0] |= {"peaks_bytes": [], "peak_uppers_bytes": [], "caches_bytes": []}
    path.write_text(json.dumps({**document, "schema": 1}), "utf-8")
    assert "3 runs, whose spread was not kept" in oomproof("baseline", "show", "demo").out


def test_an_accepted_profile_is_kept_and_shown(
    oomproof: Command, saved: Saved, make_run: Runs
) -> None:
    row = SiteRow(function="load", file="w.py", line=41, source="rows.append(row)", bytes=9 * 2**20)
    sites = SiteTable(
        profiler=Profiler.MEMRAY,
        moment=Moment.HIGH_WATER,
        total_bytes=row.bytes,
        unlisted_bytes=0,
        rows=(row,),
    )
    saved(profiles=(CaseProfile(case=make_run().case.name, sites=sites),))
    accepted = oomproof("baseline", "accept")
    assert accepted.out == "Accepted 1 case as reports/baselines/demo.json.\n"
    shown = oomproof("baseline", "show", "demo")
    assert "9 MiB of heap at `w.py:41 rows.append(row)`" in shown.out
    entry = oomproof("baseline", "show", "demo", "--json").document()["entries"][0]
    assert entry["profile"]["sites"]["rows"][0]["source"] == "rows.append(row)"
    assert entry["profile"]["peak_bytes"] == entry["peak_bytes"]


def test_what_a_new_baseline_no_longer_holds_is_said(
    oomproof: Command, saved: Saved, make_run: Runs, make_case: Callable[..., Any]
) -> None:
    saved(runs=(make_run(1), make_run(2, case=make_case("full-parse"))))
    assert oomproof("baseline", "accept").out.startswith("Accepted 2")
    saved()
    done = oomproof("baseline", "accept")
    assert "No longer in it" in done.out
    assert "full-parse · 5MB · 512MiB" in done.out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"finished": False}, "is not finished"),
        ({"ending": Ending.OOM_KILLED}, "no run completed"),
        ({"scenario": "../../elsewhere"}, "cannot be the name of a scenario"),
    ],
)
def test_what_makes_no_baseline(
    changes: dict[str, Any], words: str, oomproof: Command, saved: Saved, tmp_path: Path
) -> None:
    saved(**changes)
    done = oomproof("baseline", "accept")
    assert done.code == 2
    assert words in done.err
    assert not list(tmp_path.rglob("baselines"))
    assert not (tmp_path.parent / "elsewhere.json").exists()


def test_baselines_that_cannot_be_written_are_bad_input(
    oomproof: Command, saved: Saved, tmp_path: Path
) -> None:
    saved()
    (tmp_path / "file").write_text("")
    done = oomproof("baseline", "accept", "--baselines", "file")
    assert done.code == 2
    assert done.err.startswith("oomproof: --baselines: ")


def test_a_broken_baseline_is_mended_by_accepting_another(
    oomproof: Command, saved: Saved, tmp_path: Path
) -> None:
    path = tmp_path / "b" / "demo.json"
    path.parent.mkdir()
    path.write_text("{")
    saved()
    assert oomproof("baseline", "accept", "--baselines", "b").code == 0
    assert oomproof("baseline", "show", "demo", "--baselines", "b").code == 0
