"""What people see while runs go on: lines in a log, a bar on a terminal."""

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from harness.cli import interrupts
from harness.cli.progress import AnyProgress, EventLines, LiveBar, progress_on, summary
from harness.core.case import Case
from harness.core.ending import Ending
from harness.core.run import Purpose, Run
from harness.replay import PlannedRun

Runs = Callable[..., Run]
Cases = Callable[..., Case]


@pytest.fixture(params=["lines", "bar"])
def shown(request: pytest.FixtureRequest) -> Iterator[tuple[AnyProgress, io.StringIO]]:
    stream = io.StringIO()
    if request.param == "lines":
        yield EventLines(stream), stream
        return
    console = Console(file=stream, force_terminal=True, width=200)
    with Progress(console=console, auto_refresh=False) as progress:
        yield LiveBar(progress), stream


def test_a_request_to_end_that_was_swallowed_is_heeded_at_the_next_step(
    shown: tuple[AnyProgress, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "_asked", threading.Event())
    progress, _ = shown
    progress.bytes("Generating", 5, 10)
    with contextlib.suppress(KeyboardInterrupt):
        interrupts.interrupt()
    with pytest.raises(KeyboardInterrupt):
        progress.bytes("Generating", 6, 10)


def test_a_run_is_told_from_its_beginning_to_its_end(
    shown: tuple[AnyProgress, io.StringIO], make_run: Runs, make_case: Cases
) -> None:
    progress, stream = shown
    case = make_case("full-parse", settings={"n": 1})
    progress.task("Preparing")
    progress.bytes("Generating", 5, 10)
    progress.run_started(PlannedRun(number=3, case=case, repeat=2), 7)
    progress.run_ended(make_run(3, case=case))
    text = stream.getvalue()
    assert "full-parse[n=1] · 5MB · 512MiB: completed, peak 40 MiB" in text


def test_names_are_shown_and_not_obeyed(
    shown: tuple[AnyProgress, io.StringIO], make_run: Runs, make_case: Cases
) -> None:
    progress, stream = shown
    case = make_case("[red]evil[/blue]\x07\\")
    progress.run_started(PlannedRun(number=1, case=case), 1)
    progress.run_ended(make_run(1, case=case))
    progress.note("a\nb\x07")
    text = stream.getvalue()
    assert "[red]evil[/blue]" in text
    assert "\x07" not in text
    assert "a b" in text


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        ({}, "[1/4] streaming · 5MB · 512MiB ..."),
        ({"repeat": 2}, "(repeat 2)"),
        ({"purpose": Purpose.CONFIRMATION}, "(confirming)"),
    ],
)
def test_a_line_says_which_run_has_begun(
    planned: dict[str, Any], words: str, make_case: Cases
) -> None:
    stream = io.StringIO()
    EventLines(stream).run_started(PlannedRun(number=1, case=make_case(), **planned), 4)
    assert words in stream.getvalue()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "completed, peak 40 MiB, 1.00 s"),
        ({"ending": Ending.OOM_KILLED}, "oom_killed, peak at least 40 MiB"),
        ({"peak_mib": None}, "completed, peak unknown"),
        ({"ending": None}, "no ending: it was None"),
    ],
)
def test_an_end_in_one_line(changes: dict[str, Any], words: str, make_run: Runs) -> None:
    assert words in summary(make_run(**changes))


def test_where_there_is_no_terminal_there_are_lines() -> None:
    with progress_on(io.StringIO()) as progress:
        assert isinstance(progress, EventLines)
