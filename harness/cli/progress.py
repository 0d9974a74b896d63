"""How people see that something goes on: a live bar on a terminal, a line an event elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias

from harness.cli.interrupts import insist
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes, format_seconds
from harness.reporters.plain import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from harness.replay import PlannedRun  # not for commands that replay nothing: it is large

_LINE_EVERY_S: Final = 2.0


class EventLines:
    """A line for each event, for logs."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._lock = threading.Lock()
        self._told_s = time.monotonic()
        self._has_spoken = False

    def note(self, text: str) -> None:
        """Say something."""
        with self._lock:
            self._stream.write(f"{one_line(text)}\n")
            self._stream.flush()
            self._told_s = time.monotonic()
            self._has_spoken = True

    def close(self) -> None:
        """Set what was said apart from what follows."""
        if self._has_spoken:
            self._stream.write("\n")
            self._stream.flush()

    def task(self, text: str) -> None:
        """Say what is being done, if nothing was said for a while."""
        if time.monotonic() - self._told_s >= _LINE_EVERY_S:
            self.note(f"{text} ...")

    def bytes(self, what: str, done: int, total: int) -> None:
        """Say how far something has come, now and then."""
        insist()
        self.task(f"{what}: {format_bytes(done)} of {format_bytes(total)}")

    def run_started(self, planned: "PlannedRun", total: int) -> None:
        """Say that a run has begun."""
        self.note(f"[{planned.number}/{total}] {_title(planned)} ...")

    def run_ended(self, run: Run) -> None:
        """Say how it ended."""
        self.note(f"[{run.number}] {summary(run)}")


class LiveBar:
    """A bar that moves, with what is running now."""

    def __init__(self, progress: "Progress") -> None:
        """Draw with `progress`, which is shown already."""
        self._progress = progress
        self._work = progress.add_task("Preparing", total=None)
        self._running: dict[int, TaskID] = {}
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        """Say something above the bar."""
        self._progress.console.print(one_line(text), markup=False, highlight=False)

    def task(self, text: str) -> None:
        """Say what is being done."""
        self._progress.update(self._work, description=_plain(text), total=None, visible=True)

    def bytes(self, what: str, done: int, total: int) -> None:
        """Move the bar to `done` of `total` bytes."""
        insist()
        self._progress.update(
            self._work, description=_plain(what), completed=done, total=total, visible=True
        )

    def run_started(self, planned: "PlannedRun", total: int) -> None:
        """Show a run that has begun, and how many have ended."""
        with self._lock:
            text = f"[{planned.number}/{total}] {_title(planned)}"
            self._progress.update(self._work, visible=False)
            self._running[planned.number] = self._progress.add_task(_plain(text), total=None)

    def run_ended(self, run: Run) -> None:
        """Say how it ended, and take it from the bar."""
        with self._lock:
            self._progress.remove_task(self._running.pop(run.number))
        self.note(summary(run))


_PASSES: Final = {
    Purpose.CONFIRMATION: "confirming",
    Purpose.PROFILE: "profiled",
}
AnyProgress: TypeAlias = EventLines | LiveBar


@contextlib.contextmanager
def progress_on(stream: TextIO) -> Iterator[AnyProgress]:
    """Show progress on `stream`: live where it is a terminal."""
    if not stream.isatty():
        lines = EventLines(stream)
        yield lines
        lines.close()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(file=sys.stderr)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield LiveBar(progress)


def _title(planned: "PlannedRun") -> str:
    again = f" (repeat {planned.repeat})" if planned.repeat > 1 else ""
    why = ", ".join(filter(None, (_PASSES.get(planned.purpose), planned.why)))
    return f"{planned.case.name}{again}{f' ({why})' if why else ''}"


def summary(run: Run) -> str:
    """Return how a run ended, in one line."""
    if run.ending is None:
        return f"{run.case.name}: no ending: {run.reason}"
    at_least = "at least " if run.peak_is_lower_bound else ""
    peak = "unknown" if run.peak_bytes is None else f"{at_least}{format_bytes(run.peak_bytes)}"
    return f"{run.case.name}: {run.ending}, peak {peak}, {format_seconds(run.wall_seconds)}"


def _plain(text: str) -> str:
    """Return text in which rich finds no markup."""
    return text.replace("[", r"\[")
