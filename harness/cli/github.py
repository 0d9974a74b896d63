"""What GitHub Actions is told of a run: annotations, the summary of the step, and its outputs.

The runner names the files to append to in variables, and reads commands from both streams.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import typer

from harness.core.finding import Finding
from harness.core.report import Report
from harness.core.scenario import Scenario
from harness.reporters.annotations import Place, render_annotations, workflow_command
from harness.reporters.markdown import render_markdown
from harness.reporters.plain import one_line

# A summary above one MiB is refused as a whole.
_MOST_SUMMARY_BYTES: Final = 1024 * 1024
_CUT: Final = "\n\nThe rest does not fit here; the whole report is in `report.md`.\n"


def runs_here(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a step of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


@contextlib.contextmanager
def commands_stopped(*, err: bool) -> Iterator[None]:
    """Have the runner obey nothing that is printed meanwhile: workers' last words are among it."""
    if not runs_here():
        yield
        return
    token = secrets.token_hex(16)
    typer.echo(f"::stop-commands::{token}", err=err)
    try:
        yield
    finally:
        typer.echo(f"::{token}::", err=err)


def tell_github(
    report: Report, *, scenario: Scenario, folder: Path, kept_in: Path, err: bool
) -> None:
    """Tell GitHub of a report that is kept in a folder; do nothing elsewhere.

    Paths in the commands of `scenario` start from `folder`. What cannot be told costs no verdict.
    """
    if not runs_here():
        return
    places = _Places(scenario, folder)
    typer.echo(render_annotations(report, places.of), nl=False, err=err)
    outputs = {
        "verdict": str(report.verdict),
        "exit-code": str(report.verdict.exit_code),
        "report": one_line(str(kept_in)),
    }
    lines = "".join(f"{name}={value}\n" for name, value in outputs.items())
    for variable, data in (
        ("GITHUB_STEP_SUMMARY", render_markdown(report).encode()),
        ("GITHUB_OUTPUT", lines.encode()),
    ):
        try:
            _append(variable, data)
        except OSError as error:
            typer.echo(f"{variable} cannot be written to: {error.strerror}", err=True)


def annotate_error(message: str) -> None:
    """Tell GitHub why there is no report; elsewhere do nothing."""
    if runs_here():
        typer.echo(workflow_command("error", "oomproof", (message,), None), err=True)


def _append(variable: str, data: bytes) -> None:
    name = os.environ.get(variable)
    if not name:
        return
    with Path(name).open("ab") as file:
        room_bytes = _MOST_SUMMARY_BYTES - file.tell()
        file.write(data if len(data) <= room_bytes else _shortened(data, room_bytes))


def _shortened(data: bytes, room_bytes: int) -> bytes:
    """Return whole lines of `data` that fit, and what is missing."""
    cut = data[: max(0, room_bytes - len(_CUT))]
    return cut[: cut.rfind(b"\n") + 1] + _CUT.encode() if cut else b""


class _Places:
    """Knows where in the repository a finding belongs."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._folder = folder.absolute()
        self._root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
        self._workers = {worker.name: worker.command_line() for worker in scenario.worker}

    def of(self, finding: Finding) -> Place | None:
        """Return the line that grew; else the worker's own script; None where it is not here."""
        # A profile calls files from where oomproof was started, a command from its scenario.
        if finding.file and (file := self._in_repository(finding.file, Path.cwd())):
            return Place(file=file, line=finding.line)
        words = self._workers.get(finding.worker, ())
        files = (self._in_repository(word, self._folder) for word in words)
        return next((Place(file=file) for file in files if file), None)

    def _in_repository(self, word: str, folder: Path) -> str | None:
        with contextlib.suppress(OSError, ValueError):
            path = (folder / word).resolve()
            if path.is_file():
                return str(path.relative_to(self._root))
        return None
