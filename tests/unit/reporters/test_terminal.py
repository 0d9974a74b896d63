from collections.abc import Callable

import msgspec
import pytest
from rich.cells import cell_len

from harness.core.case import Case
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.reporters.markdown import render_markdown
from harness.reporters.terminal import render_terminal

WIDTHS = (72, 80, 100, 120, 140, 200)


def _with_run(report: Report, run: Run) -> Report:
    return msgspec.structs.replace(report, runs=(run,), findings=())


def _with_case(report: Report, case: Case) -> Report:
    return _with_run(report, msgspec.structs.replace(report.runs[0], case=case))


def _row(text: str, number: int) -> str:
    return next(
        line for line in text.splitlines() if line.lstrip("✔✘?okFAIL ").startswith(f"{number} ")
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("unicode", [True, False])
def test_each_run_has_one_line_with_its_numbers(night: Report, width: int, unicode: bool) -> None:
    text = render_terminal(night, width=width, unicode=unicode)
    for run in night.runs:
        row = _row(text, run.number)
        assert run.case.snapshot.label in row
        assert "512" in row
        peak_mib = (run.peak_bytes or 0) / 2**20
        assert (f"{peak_mib:,.1f}" if run.peak_bytes is not None else "unknown") in row


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_asked(
    night: Report, many_runs: Callable[[int], Report], width: int
) -> None:
    for report in (night, many_runs(60)):
        lines = render_terminal(report, width=width).splitlines()
        assert [line for line in lines if cell_len(line) > max(width, 80)] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_quantity_is_broken_over_two_lines(night: Report, width: int) -> None:
    lines = render_terminal(night, width=width).splitlines()
    starts = {line.split()[0].strip(".,;:") for line in lines if line.strip()}
    assert starts.isdisjoint({"MiB", "GiB", "KiB", "B", "s", "min"})


@pytest.mark.parametrize("width", WIDTHS)
def test_every_finding_stands_there_with_its_next_step(night: Report, width: int) -> None:
    words = " ".join(render_terminal(night, width=width).split())
    for finding in night.findings:
        if finding.run != 10:
            assert " ".join(finding.message.split()) in words
        assert finding.next_step in words
    assert "somebody else sent SIGKILL" in words


def test_what_failed_comes_before_what_is_open_and_notes(night: Report) -> None:
    text = render_terminal(night)
    places = [text.index(title) for title in ("\nFailures\n", "\nNot decided\n", "\nNotes\n")]
    assert places == sorted(places)
    assert text.splitlines()[-1] == (
        "FAIL: 4 failures in 12 runs, and 3 things could not be decided."
    )


def test_endings_say_whether_they_were_expected(night: Report, passing: Report) -> None:
    text = render_terminal(night, width=120)
    assert _row(text, 3).endswith("OOM-killed, unexpected")
    assert _row(text, 9).endswith("no ending")
    assert _row(text, 11).endswith("refused, expected")
    good = render_terminal(passing, width=120)
    assert _row(good, 1).startswith("✔")
    assert _row(good, 1).endswith("OOM-killed, expected")
    assert "PASS: 2 runs ended as expected and within budget." in good


def test_bounds_and_approximations_are_marked_and_explained(night: Report, passing: Report) -> None:
    text = render_terminal(night)
    assert "≥ 511.4" in _row(text, 3)
    assert "~489.0" in _row(text, 8)
    assert "~ approximate" in text
    assert "~ approximate" not in render_terminal(passing)


def test_a_bar_shows_peak_and_interval_and_kill(night: Report) -> None:
    text = render_terminal(night, width=80, unicode=False)
    assert "####==.." in _row(text, 2)
    assert "######X." in _row(text, 3) or "#######X" in _row(text, 3)
    assert "#" not in _row(text, 9)


def test_a_peak_over_the_limit_leaves_the_bar(night: Report) -> None:
    run = msgspec.structs.replace(night.runs[0], peak_bytes=2**30, approximate=True)
    row = _row(render_terminal(_with_run(night, run), unicode=False, width=140), 1)
    assert "###>" in row
    assert "200%" in row
    assert "1,024.0" in row


def test_a_profiled_run_is_held_against_no_limit(night: Report) -> None:
    profiled = msgspec.structs.replace(night.runs[0], purpose=Purpose.PROFILE)
    report = msgspec.structs.replace(night, runs=(profiled,), findings=())
    for text in (render_terminal(report), render_markdown(report)):
        assert "512" not in text
        assert "%" not in text
        assert "profiled: once more with a heap profiler" in " ".join(text.split())
    assert "heap profiler" not in render_terminal(night)


def test_a_run_without_a_limit_has_no_bar(night: Report) -> None:
    case = msgspec.structs.replace(
        night.runs[0].case, memory_limit_bytes=None, memory_limit_label="unlimited"
    )
    row = _row(render_terminal(_with_case(night, case)), 1)
    assert "none" in row
    assert "█" not in row


@pytest.mark.parametrize("unicode", [True, False])
def test_nothing_from_outside_reaches_the_terminal_as_a_command(
    night: Report, hostile: str, unicode: bool
) -> None:
    text = render_terminal(night, unicode=unicode)
    assert hostile in night.runs[9].case.name
    allowed = {"\n"}
    assert {character for character in text if not character.isprintable()} <= allowed
    assert "[red]evil[/red]" in text
    assert unicode or text.isascii()


def test_colour_is_ours_alone(night: Report) -> None:
    text = render_terminal(night, color=True)
    assert "\x1b[" in text
    assert "[red]evil[/red]" in text
    assert "\x07" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize("name", ["FORCE_COLOR", "NO_COLOR", "TERM", "COLUMNS"])
def test_the_environment_changes_nothing(
    night: Report, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plain, colourful = render_terminal(night), render_terminal(night, color=True)
    monkeypatch.setenv(name, "dumb" if name == "TERM" else "1")
    assert render_terminal(night) == plain
    assert render_terminal(night, color=True) == colourful


def test_the_end_of_the_error_stream_stands_below_an_unexpected_ending(night: Report) -> None:
    text = render_terminal(night)
    assert "stderr │ ValueError: record 17 has no id" in text
    assert "line 0, in step" not in text


def test_a_name_that_does_not_fit_is_cut_in_its_middle(night: Report) -> None:
    case = msgspec.structs.replace(night.runs[0].case, worker="a" + "語" * 60 + "z")
    report = _with_case(night, case)
    for width in WIDTHS:
        text = render_terminal(report, width=width)
        assert "a語" in text
        assert "…語" in text
        assert "語z" in text
        assert max(cell_len(line) for line in text.splitlines()) <= max(width, 80)


def test_only_settings_that_vary_are_in_a_line(
    night: Report, many_runs: Callable[[int], Report]
) -> None:
    assert "full-parse " in _row(render_terminal(night, width=140), 1)
    assert "streaming[batch=7]" in _row(render_terminal(many_runs(60), width=140), 7)


def test_a_note_on_several_runs_is_told_once(night: Report) -> None:
    assert render_terminal(night).count("the engine answered late") == 1
    assert "runs 9-10: the engine answered late" in render_terminal(night)


def test_a_report_without_runs_says_so(empty: Report) -> None:
    text = render_terminal(empty)
    assert "No run was made." in text
    assert "PASS: nothing was run." in text


def test_an_early_stop_is_in_the_verdict(passing: Report) -> None:
    report = msgspec.structs.replace(passing, finished=False, planned_runs=9)
    assert "stopped early: 2 of 9 runs made" in render_terminal(report)


@pytest.mark.parametrize(
    ("sandbox", "meaning"), [("docker", "page cache too"), ("process", "marks of resident memory")]
)
def test_the_legend_says_what_the_upper_end_counts(
    night: Report, sandbox: str, meaning: str
) -> None:
    run = msgspec.structs.replace(
        night.runs[0], sandbox=sandbox, peak_bytes=10 * 2**20, peak_upper_bytes=200 * 2**20
    )
    text = " ".join(render_terminal(_with_run(night, run)).split())
    assert meaning in text
    assert ("page cache" in text) is (sandbox == "docker")
