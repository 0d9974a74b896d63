"""One invocation of `oomproof run`, from the request to the exit code."""

import contextlib
import dataclasses
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import typer

from harness.cli.github import commands_stopped, tell_github
from harness.cli.image import check_image
from harness.cli.output import unheard, width_of
from harness.cli.page import PAGE, Drawings
from harness.cli.progress import AnyProgress, progress_on
from harness.core.attributing import Profiling
from harness.core.case import Case, Snapshot, cases_of
from harness.core.errors import InputError, NoVerdictError
from harness.core.history import lines_of
from harness.core.repeating import Repeating
from harness.core.report import Report
from harness.core.scenario import Scenario
from harness.files import check_writable, publish, shown
from harness.history import add_lines, check_history, commit_at
from harness.orders import OrderMaker
from harness.profilers.speedscope import render_growth
from harness.reading import ByteProgress, until_stopped
from harness.replay import Plan, Replay
from harness.reporters.document import render_json
from harness.reporters.junit import render_junit
from harness.reporters.markdown import render_markdown
from harness.reporters.metrics import render_metrics
from harness.reporters.terminal import render_terminal
from harness.sandbox.choose import choose
from harness.sandbox.contract import Sandbox
from harness.sandbox.machine import available_memory_bytes, conditions_of
from harness.snapshots import ProbeMaker, resolve_snapshots
from harness.store import Store, baseline_path, load_baseline, new_store

MARKDOWN: Final = "report.md"
JUNIT: Final = "junit.xml"
METRICS: Final = "metrics.prom"
GROWTH: Final = "growth.speedscope.json"
PICTURE: Final = "memory.png"
# A terminal and the program that started this one may both pass on the same Ctrl-C.
_SAME_S: Final = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked on the command line."""

    scenario: Scenario
    folder: Path
    source: str
    workers: tuple[str, ...]
    jobs: int
    out: Path
    baselines: Path
    keep_output: bool
    as_json: bool
    confirm_largest: bool = False
    repeating: Repeating = Repeating.NONE
    history: Path | None = None
    profiling: Profiling = Profiling.NEVER


def run_session(request: Request) -> int:
    """Replay, write the reports, print, and return the exit code."""
    with progress_on(sys.stderr) as progress, stopping() as stop:
        report, store = _replay(request, progress, stop)
        problems = _write_reports(report, store, progress)
        problems += _add_to_history(request, report)
    with unheard():
        with commands_stopped(err=request.as_json):
            _print(request, report, store, problems)
        tell_github(
            report,
            scenario=request.scenario,
            folder=request.folder,
            kept_in=store.folder,
            err=request.as_json,
        )
    return report.verdict.exit_code


def _replay(
    request: Request, progress: AnyProgress, stop: Callable[[], bool]
) -> tuple[Report, Store]:
    scenario = request.scenario
    _check_workers(request)
    if request.history is not None:
        check_history(request.history)
    check_writable(request.out / scenario.name / "new", option="--out")
    baseline = load_baseline(baseline_path(request.baselines, scenario.name))
    sandbox = choose(scenario.sandbox)
    orders = OrderMaker(scenario, folder=request.folder, kind=sandbox.kind)
    orders.check(source=request.source, only=request.workers)
    check_image(scenario, folder=request.folder, source=request.source, only=request.workers)
    # What takes time comes after all that can be refused at once.
    with _naming(request.source):
        conditions = conditions_of(sandbox, orders.environment)
        snapshots = _snapshots(request, progress, stop)
    cases = cases_of(scenario, snapshots, request.workers)
    _check_expectations(request, cases)
    sweep(sandbox, progress)
    plan = Plan(
        scenario=scenario,
        cases=cases,
        conditions=conditions,
        baseline=baseline,
        memory_bytes=available_memory_bytes(),
        jobs=request.jobs,
        repeating=request.repeating,
        confirm_largest=request.confirm_largest,
        probes=_probes(request, progress, stop),
        profiling=request.profiling,
    )
    store = new_store(request.out.absolute(), scenario.name, keep_output=request.keep_output)
    if baseline is not None:
        store.keep_baseline(baseline)
    replay = Replay(plan, sandbox=sandbox, orders=orders, store=store, progress=progress)
    return replay.report(stop), store


@contextlib.contextmanager
def _naming(source: str) -> Iterator[None]:
    """Let errors that know their key alone say in which scenario it stands."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def _snapshots(
    request: Request, progress: AnyProgress, stop: Callable[[], bool]
) -> tuple[Snapshot, ...]:
    source = request.scenario.snapshots
    told = _told(progress, stop)
    return resolve_snapshots(source, folder=request.folder, cache=cache_folder(), progress=told)


def _told(progress: AnyProgress, stop: Callable[[], bool]) -> ByteProgress:
    return until_stopped(progress.bytes, stop, "stopped before any run")


def _probes(request: Request, progress: AnyProgress, stop: Callable[[], bool]) -> ProbeMaker | None:
    """Return what makes snapshots of any size; None where files are replayed."""
    source = request.scenario.snapshots
    if source.shape is None:
        return None
    return ProbeMaker(
        source, folder=request.folder, cache=cache_folder(), progress=_told(progress, stop)
    )


def _check_workers(request: Request) -> None:
    known = {worker.name for worker in request.scenario.worker}
    for name in request.workers:
        if name not in known:
            raise InputError(
                f'--worker: {request.source} has no worker "{name}"; it has '
                f"{', '.join(sorted(known))}"
            )


def _check_expectations(request: Request, cases: tuple[Case, ...]) -> None:
    """Check that each `expect` names a snapshot that is there, now that files are known."""
    labels = {snapshot.label for case in cases for snapshot in case.snapshots}
    for index, worker in enumerate(request.scenario.worker):
        for number, expected in enumerate(worker.expect):
            if expected.snapshot is not None and expected.snapshot not in labels:
                raise InputError(
                    f"{request.source}: worker[{index}].expect[{number}].snapshot: "
                    f'"{expected.snapshot}" is none of {", ".join(sorted(labels))}'
                )


def sweep(sandbox: Sandbox, progress: AnyProgress) -> None:
    """Remove what killed harnesses left, and say so."""
    for name in sandbox.sweep():
        progress.note(f"Removed {name}, which an earlier oomproof left when it was killed.")


def cache_folder() -> Path:
    """Return where generated snapshots are kept.

    Raises:
        InputError: this user has no home, and no other place is named.

    """
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise InputError(f"no place for snapshots: {error} Set XDG_CACHE_HOME") from error
    # Workers start in another folder.
    return root.absolute() / "oomproof" / "snapshots"


@contextlib.contextmanager
def stopping(clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], bool]]:
    """Stop cleanly at the first Ctrl-C or SIGTERM; one that comes later is heeded at once.

    Those that come with the first are the same request: they are no reason to drop what was done.
    """
    asked = threading.Event()
    asked_at_s = 0.0
    before: dict[signal.Signals, object] = {}

    def ask(number: int, frame: object) -> None:  # noqa: ARG001  (what signal gives)
        nonlocal asked_at_s
        if asked.is_set():
            if clock() - asked_at_s < _SAME_S:
                return
            raise KeyboardInterrupt
        asked_at_s = clock()
        asked.set()
        # Not through sys.stderr, which this may have interrupted in the middle of a line.
        with contextlib.suppress(OSError):
            os.write(2, b"oomproof: stopping; what has finished is reported.\n")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            before[number] = signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def _write_reports(report: Report, store: Store, progress: AnyProgress) -> tuple[str, ...]:
    """Write the reports beside ``report.json``; return what could not be written, and why."""
    problems: list[str] = []
    drawings = Drawings(report, store)
    renders: dict[str, Callable[[], bytes]] = {
        MARKDOWN: lambda: render_markdown(report).encode(),
        JUNIT: lambda: render_junit(report),
        METRICS: lambda: render_metrics(report),
        PICTURE: drawings.picture,
        PAGE: drawings.page,
    }
    if any(found.stacks for found in report.attributions):
        renders[GROWTH] = lambda: render_growth(report.attributions, name=report.scenario)
    for name, render in renders.items():
        progress.task(f"Writing {name}")
        try:
            publish(store.folder / name, render())
        except NoVerdictError as error:
            problems.append(f"{name} was not written: {error}; `oomproof report` can make it again")
    return tuple(problems)


def _print(request: Request, report: Report, store: Store, problems: tuple[str, ...]) -> None:
    """Print the report for people, and for machines where asked."""
    print_report(report, err=request.as_json)
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo(f"Reports: {shown(store.folder)}", err=request.as_json)
    if request.as_json:
        typer.echo(render_json(report), nl=False)


def _add_to_history(request: Request, report: Report) -> tuple[str, ...]:
    """Add a finished report to its history; return why that could not be done."""
    if request.history is None:
        return ()
    if not report.finished:
        return (f"{request.history} was not added to, because the report is not finished",)
    try:
        commit = commit_at(request.folder, os.environ)
        add_lines(request.history, lines_of(report, commit))
    except NoVerdictError as error:
        return (f"The history was not added to: {error}",)
    return ()


def print_report(report: Report, *, err: bool) -> None:
    """Print a report as fits the terminal; plain where there is none."""
    stream = sys.stderr if err else sys.stdout
    shows_color = stream.isatty() and os.environ.get("TERM") != "dumb"
    encoding = (stream.encoding or "ascii").lower()
    text = render_terminal(
        report,
        width=width_of(err=err),
        color=shows_color and not os.environ.get("NO_COLOR"),
        unicode="utf" in encoding,
    )
    typer.echo(text, err=err)
