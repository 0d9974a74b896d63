"""Commands that really run, in the process sandbox, as everybody can."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import __version__

Command = Callable[..., Any]
Scenarios = Callable[..., Path]
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
        "memory.png",
        "runs",
    }
    assert {path.name for path in (folder / "runs" / "001").iterdir()} == {
        "run.json",
        "stdout.txt",
        "stderr.txt",
        "timeline.json",
    }


def test_people_get_their_text_on_standard_output(oomproof: Command, snapshot: Path) -> None:
    done = oomproof("run", "--snapshot", snapshot, *PROCESS, "--", "sh", "-c", "cat {snapshot}")
    assert done.code == 0
    assert "PASS" in done.out
    assert "Reports: " in done.out
    assert "[1/1] sh" in done.err
    assert "PASS" not in done.err


def test_a_command_that_crashes_fails(oomproof: Command, snapshot: Path) -> None:
    done = oomproof("run", "--snapshot", snapshot, *PROCESS, "--json", "--", "sh", "-c", "exit 3")
    assert done.code == 1
    (failure, note) = done.document()["findings"]
    assert (failure["severity"], failure["budget"]) == ("failure", "expect")
    assert "ended crashed instead of completed: the worker exited with 3" in failure["message"]
    assert (note["severity"], note["budget"]) == ("note", "snapshot")


def test_what_cannot_be_said_is_no_verdict(oomproof: Command, snapshot: Path) -> None:
    line = "kill -9 $$; : {snapshot}"
    done = oomproof("run", "--snapshot", snapshot, *PROCESS, "--json", "--", "sh", "-c", line)
    assert done.code == 3
    report = done.document()
    assert report["verdict"] == "none"
    assert report["runs"][0]["ending"] == "killed_from_outside"


def test_a_worker_over_its_limit_is_killed_as_expected(
    oomproof: Command, scenario: Scenarios
) -> None:
    line = "exec python3 -c 'import time; data = b\"x\" * (200 << 20); time.sleep(60)' {snapshot}"
    more = 'expect = [{snapshot = "export.json", ending = "oom_killed"}]'
    done = oomproof("run", scenario(line, more=more), "--json")
    assert done.code == 0, done.err
    (run,) = done.document()["runs"]
    assert (run["ending"], run["approximate"]) == ("oom_killed", True)
    assert run["peak_is_lower_bound"] is True
    assert run["peak_bytes"] > 64 * 2**20


def test_a_scenario_is_found_with_its_files_from_anywhere(
    oomproof: Command, scenario: Scenarios, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "workers" / "run.sh"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nexec cat "$1"\n')
    program.chmod(0o755)
    path = scenario()
    text = path.read_text("utf-8")
    start = text.index("command = ")
    path.write_text(
        "\N{ZERO WIDTH NO-BREAK SPACE}"
        + text[:start]
        + 'command = ["workers/run.sh", "{snapshot}"]\n',
        "utf-8",
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = oomproof("run", path, "--json")
    assert done.code == 0, done.err
    assert "heroes" in done.document()["runs"][0]["output"]["stdout_tail"]


def test_repeats_workers_and_kept_output(
    oomproof: Command, scenario: Scenarios, tmp_path: Path
) -> None:
    path = scenario(
        "exit 5; : {snapshot}",
        more='[[worker]]\nname = "other"\ncommand = ["cp", "{snapshot}", "{output}"]',
    )
    done = oomproof("run", path, "--worker", "other", "--repeat", "2", "--keep-output", "--json")
    assert done.code == 0, done.err
    runs = done.document()["runs"]
    assert [(run["case"]["worker"], run["repeat"]) for run in runs] == [("other", 1), ("other", 2)]
    kept = tmp_path / "reports" / "out" / "demo" / "latest" / "runs"
    assert len(list(kept.glob("*/output/export.json"))) == 2


def test_a_callable_is_given_the_snapshot(
    oomproof: Command, scenario: Scenarios, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("SAID = 'seen'\n")
    (tmp_path / "job.py").write_text("import helper\ndef run(path): print(helper.SAID, path)\n")
    path = scenario()
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("command = ")] + 'callable = "job.py:run"\n', "utf-8")
    done = oomproof("run", path, "--json")
    assert done.code == 0, done.err
    said = done.document()["runs"][0]["output"]["stdout_tail"]
    assert said == f"seen {tmp_path / 'export.json'}\n"


def test_a_machine_without_a_home_needs_a_place_for_snapshots(
    oomproof: Command, scenario: Scenarios, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    path = scenario("cat {snapshot}")
    text = path.read_text("utf-8")
    path.write_text(
        text.replace(
            'snapshots.files = ["export.json"]',
            'snapshots.shape = "hero_snapshot"\nsnapshots.sizes = ["20kB"]',
        ),
        "utf-8",
    )
    done = oomproof("run", path, "--json")
    assert done.code == 0, done.err
    (run,) = done.document()["runs"]
    assert run["output"]["stdout_bytes"] == 20_000
    assert os.path.isabs(run["case"]["snapshot"]["path"])  # noqa: PTH117  (a text of a document)
