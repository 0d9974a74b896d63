"""Commands that really run, in the process sandbox, as everybody can.

Each draws a picture, which takes seconds, so there are few and each shows much.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness import __version__
from harness.cli.app import run_words
from harness.cli.run import name_of
from harness.core.report import Report
from harness.core.run import Run
from harness.reporters.document import report_schema
from harness.store import load_report

Command = Callable[..., Any]
PROCESS = ("--sandbox", "process")


def test_a_command_that_completes_passes(oomproof: Command, snapshot: Path, tmp_path: Path) -> None:
    line = "cat {snapshot}; echo $TMPDIR >&2; cp {snapshot} {output}"
    done = oomproof("run", "--snapshot", snapshot, *PROCESS, "--json", "--", "sh", "-c", line)
    assert done.code == 0, done.err
    report = done.document()
    assert (report["schema"], report["oomproof"]) == (1, __version__)
    assert (report["verdict"], report["findings"]) == ("pass", [])
    (run,) = report["runs"]
    assert (run["ending"], run["exit_code"], run["sandbox"]) == ("completed", 0, "process")
    assert run["output"]["stdout_tail"] == snapshot.read_text("utf-8")
    assert run["output"]["stderr_tail"].rstrip().endswith("/output/tmp")
    assert run["case"]["memory_limit_bytes"] is None
    assert "PASS" in done.err
    assert "Reports: reports/out/ad-hoc/" in done.err
    folder = tmp_path / "reports" / "out" / "ad-hoc" / "latest"
    assert {path.name for path in folder.iterdir()} == {
        "report.json",
        "report.md",
        "junit.xml",
        "metrics.prom",
        "memory.png",
        "report.html",
        "runs",
    }
    assert {path.name for path in (folder / "runs" / "001").iterdir()} == {
        "run.json",
        "stdout.txt",
        "stderr.txt",
        "timeline.json",
    }


def test_a_command_that_crashes_fails(oomproof: Command, snapshot: Path, tmp_path: Path) -> None:
    done = oomproof("run", "--snapshot", snapshot, *PROCESS, "--", "sh", "-c", "exit 3")
    assert done.code == 1
    assert "FAIL" in done.out
    assert "Reports: reports/out/ad-hoc/" in done.out
    assert "[1/1] sh" in done.err
    assert "FAIL" not in done.err
    report, _ = load_report(tmp_path / "reports" / "out" / "ad-hoc" / "latest")
    (failure, note) = report.findings
    assert (failure.severity, failure.budget) == ("failure", "expect")
    assert "ended crashed instead of completed: the worker exited with 3" in failure.message
    assert (note.severity, note.budget) == ("note", "snapshot")


def test_what_cannot_be_said_is_no_verdict(oomproof: Command, snapshot: Path) -> None:
    line = "kill -9 $$; : {snapshot}"
    done = oomproof("run", "--snapshot", snapshot, *PROCESS, "--json", "--", "sh", "-c", line)
    assert done.code == 3
    report = done.document()
    assert report["verdict"] == "none"
    assert report["runs"][0]["ending"] == "killed_from_outside"


_SCENARIO = """\
schema = 1
name = "demo"
repeat = 2
snapshots.files = ["export*.json"]
sandbox.kind = "process"
limits.memory = ["64MiB"]
[[worker]]
name = "path"
command = ["workers/run.sh", "{snapshot}", "{output}"]
[[worker]]
name = "callable"
callable = "workers/job.py:run"
[[worker]]
name = "all"
command = ["echo", "{snapshots}", "{word}", "{{word}}"]
sweep = { word = ["a", "b"] }
[[worker]]
name = "large"
command = [
    "python3", "-c", "import time; data = bytearray(b'x' * (200 << 20)); time.sleep(60)",
    "{snapshot}",
]
expect = [
    { snapshot = "export 2.json", ending = "oom_killed" },
    { memory = "64MiB", ending = "oom_killed" },
]
[[worker]]
name = "unwanted"
command = ["no-such-program", "{snapshot}"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a scenario was run from elsewhere, with all but one worker."""
    root = tmp_path_factory.mktemp("scenario")
    (root / "export.json").write_text("[1]")
    (root / "export 2.json").write_text("[2, 3]")
    (root / "workers").mkdir()
    program = root / "workers" / "run.sh"
    program.write_text('#!/bin/sh\ncp "$1" "$2"/copy.json\n')
    program.chmod(0o755)
    (root / "workers" / "helper.py").write_text("SAID = 'seen'\n")
    (root / "workers" / "job.py").write_text(
        "import helper\ndef run(path): print(helper.SAID, path)\n"
    )
    # As some editors save it: with a mark at its beginning.
    (root / "scenario.toml").write_text(_SCENARIO, "utf-8-sig")
    (root / "elsewhere").mkdir()
    workers = [word for name in ("path", "callable", "all", "large") for word in ("--worker", name)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root / "elsewhere")
        words = ["run", "../scenario.toml", *workers, "--keep-output", "--jobs", "2"]
        assert run_words(words) == 0
    return root


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return load_report(folder / "elsewhere" / "reports" / "out" / "demo" / "latest")[0]


def test_what_is_saved_keeps_to_the_published_schema(folder: Path) -> None:
    saved = folder / "elsewhere" / "reports" / "out" / "demo" / "latest" / "report.json"
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(saved.read_bytes()))


def runs_of(report: Report, worker: str) -> list[Run]:
    return [run for run in report.runs if run.case.worker == worker]


def test_every_wanted_case_is_repeated(report: Report) -> None:
    assert len(report.runs) == 2 * (2 + 2 + 2 + 2)
    assert [run.repeat for run in runs_of(report, "path")] == [1, 1, 2, 2]
    assert runs_of(report, "unwanted") == []


def test_paths_start_at_the_scenario(report: Report, folder: Path) -> None:
    saved = folder / "elsewhere" / "reports" / "out" / "demo" / "latest" / "runs"
    for run in runs_of(report, "path"):
        copy = saved / f"{run.number:03d}" / "output" / "copy.json"
        assert copy.read_bytes() == Path(run.case.snapshot.path).read_bytes()


def test_a_callable_is_given_each_snapshot(report: Report, folder: Path) -> None:
    said = {run.output.stdout_tail for run in runs_of(report, "callable")}
    assert said == {f"seen {folder / name}\n" for name in ("export.json", "export 2.json")}


def test_one_process_gets_all_snapshots_in_order(report: Report, folder: Path) -> None:
    said = {run.output.stdout_tail for run in runs_of(report, "all")}
    paths = f"{folder / 'export 2.json'} {folder / 'export.json'}"
    assert said == {f"{paths} a {{word}}\n", f"{paths} b {{word}}\n"}


def test_a_worker_over_its_limit_is_killed_as_expected(report: Report) -> None:
    runs = runs_of(report, "large")
    assert {(run.ending, run.approximate) for run in runs} == {("oom_killed", True)}
    for run in runs:
        assert run.peak_is_lower_bound
        assert run.peak_bytes is not None
        assert run.peak_bytes > 64 * 2**20


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("python3 worker.py {snapshot}", "worker.py"),
        ("{python} workers/full_parse.py {snapshot} --parser json", "full_parse.py"),
        ("/usr/bin/python3.11 -u -X dev jobs/load.py {snapshot}", "load.py"),
        ("python3 -m etl.worker {snapshot}", "etl.worker"),
        ("python3 -c pass {snapshot}", "python3"),
        ("python3 -m", "python3"),
        ("{node} etl/worker.mjs {snapshot}", "worker.mjs"),
        ("env MALLOC_ARENA_MAX=1 python3 worker.py {snapshot}", "worker.py"),
        ("uv run worker.py {snapshot}", "worker.py"),
        ("./worker.py {snapshot}", "worker.py"),
        ("/opt/etl/bin/load --config etl.py {snapshot}", "load"),
        ("sh -c cat", "sh"),
    ],
)
def test_a_worker_is_called_by_its_script(line: str, name: str) -> None:
    assert name_of(line.split()) == name


def test_repeats_that_stop_by_themselves(oomproof: Command, scenario: Callable[..., Path]) -> None:
    path = scenario("sleep 0.2", more='[[budget]]\nworker = "worker"\ngrowth = "50%"')
    first = oomproof("run", path, "--repeat", "auto", "--no-profile", "--json")
    assert first.code == 0
    assert len(first.document()["runs"]) == 3, "for a baseline"
    assert oomproof("baseline", "accept").code == 0
    second = oomproof("run", path, "--repeat", "auto", "--no-profile", "--json")
    assert second.code == 0
    assert len(second.document()["runs"]) == 1, "it is within what is allowed at once"
