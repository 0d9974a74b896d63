import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.cli.github import commands_stopped, tell_github
from harness.core.conditions import Conditions
from harness.core.finding import Finding, Severity, Subject
from harness.core.report import SCHEMA, Report
from harness.core.scenario import Scenario
from harness.core.verdict import Verdict

Command = Callable[..., Any]
_MIB = 1024 * 1024


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a step of GitHub Actions whose repository is the test's folder."""
    files = tmp_path / "_temp"
    files.mkdir()
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (files / name).write_text("", "utf-8")
        monkeypatch.setenv(name, str(files / name))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    return files


def _outputs(runner: Path) -> dict[str, str]:
    lines = (runner / "GITHUB_OUTPUT").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_run_that_passes(runner: Path, oomproof: Command, scenario: Callable[..., Path]) -> None:
    done = oomproof("run", scenario())
    assert done.code == 0
    outputs = _outputs(runner)
    assert (outputs["verdict"], outputs["exit-code"]) == ("pass", "0")
    assert (Path(outputs["report"]) / "report.json").is_file()
    summary = (runner / "GITHUB_STEP_SUMMARY").read_text("utf-8")
    assert summary == (Path(outputs["report"]) / "report.md").read_text("utf-8")
    assert "::error" not in done.out


def test_a_run_that_fails_is_annotated_at_the_workers_script(
    runner: Path, oomproof: Command, scenario: Callable[..., Path], tmp_path: Path
) -> None:
    script = tmp_path / "workers" / "work.sh"
    script.parent.mkdir()
    script.write_text("echo '  ::add-mask::secret' >&2; exit 3\n", "utf-8")
    path = scenario()
    text = path.read_text("utf-8")
    command = re.sub(r"command = .*", 'command = ["sh", "workers/work.sh", "{snapshot}"]', text)
    path.write_text(command, "utf-8")
    done = oomproof("run", path)
    assert done.code == 1
    (error,) = [line for line in done.out.splitlines() if line.startswith("::error ")]
    assert error.startswith("::error file=workers/work.sh,title=demo%3A expect::worker · ")
    assert _outputs(runner)["exit-code"] == "1"
    # What the worker said is shown while the runner obeys nothing.
    token = re.search(r"^::stop-commands::(\w{32})$", done.out, re.MULTILINE)
    assert token is not None
    assert token.end() < done.out.index("::add-mask::") < done.out.index(f"::{token[1]}::")
    assert done.out.index(f"::{token[1]}::") < done.out.index("::error ")


def test_json_stays_alone_on_stdout(
    runner: Path, oomproof: Command, scenario: Callable[..., Path]
) -> None:
    done = oomproof("run", scenario("exit 3"), "--json")
    assert done.document()["verdict"] == "fail"
    assert "::error title=" in done.err
    assert _outputs(runner)["verdict"] == "fail"


def test_input_that_cannot_be_used_is_annotated_too(runner: Path, oomproof: Command) -> None:
    done = oomproof("run", "gone.toml")
    assert done.code == 2
    (error,) = [line for line in done.err.splitlines() if line.startswith("::error ")]
    assert error.startswith("::error title=oomproof::scenario gone.toml cannot be read")
    assert (runner / "GITHUB_OUTPUT").read_text("utf-8") == ""


def test_elsewhere_nothing_is_told(
    runner: Path, oomproof: Command, scenario: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    done = oomproof("run", scenario("exit 3"))
    assert "::" not in done.out
    assert (runner / "GITHUB_OUTPUT").read_text("utf-8") == ""
    with commands_stopped(err=False):
        pass


def test_files_that_cannot_be_written_cost_no_verdict(
    runner: Path, oomproof: Command, scenario: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(runner / "gone" / "summary"))
    done = oomproof("run", scenario())
    assert done.code == 0
    assert "GITHUB_STEP_SUMMARY cannot be written to: No such file" in done.err


def _report(*findings: Finding) -> Report:
    return Report(
        schema=SCHEMA,
        oomproof="0",
        scenario="demo",
        verdict=Verdict.FAIL,
        started_at="2025-01-02T03:04:05Z",
        conditions=Conditions(sandbox="docker"),
        runs=(),
        findings=findings,
    )


def _grown(**changes: Any) -> Finding:
    finding = Finding(
        budget=Subject.GROWTH, worker="streaming", message="it grew", severity=Severity.FAILURE
    )
    return msgspec.structs.replace(finding, **changes)


def test_what_grew_is_annotated_at_its_line(
    runner: Path,
    tmp_path: Path,
    make_scenario: Callable[..., Scenario],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A profile calls a file from where oomproof was started, wherever the scenario lies."""
    code = tmp_path / "pkg" / "rows.py"
    monkeypatch.chdir(tmp_path)
    code.parent.mkdir()
    code.write_text("rows.append(1)\n", "utf-8")
    report = _report(
        _grown(file=str(code), line=41),
        _grown(file="pkg/rows.py", line=7),
        _grown(file="/usr/lib/python3/json/decoder.py", line=3),
    )
    folder = tmp_path / "scenarios"
    tell_github(
        report, scenario=make_scenario(), folder=folder, kept_in=tmp_path / "kept", err=False
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",title")[0].partition(" title")[0] for line in lines] == [
        "::error file=pkg/rows.py,line=41",
        "::error file=pkg/rows.py,line=7",
        "::error",
    ]
    assert _outputs(runner)["report"] == str(tmp_path / "kept")


def test_a_summary_that_would_be_refused_is_cut(
    runner: Path, tmp_path: Path, make_scenario: Callable[..., Scenario]
) -> None:
    report = _report(*(_grown(message=f"{number} {'x' * 2000}") for number in range(400)))
    summary = runner / "GITHUB_STEP_SUMMARY"
    for _ in range(2):
        tell_github(report, scenario=make_scenario(), folder=tmp_path, kept_in=tmp_path, err=False)
    assert _MIB - 3000 < summary.stat().st_size <= _MIB
    assert summary.read_text("utf-8").endswith("the whole report is in `report.md`.\n")
