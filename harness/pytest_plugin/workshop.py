"""What the tests of one session share: the sandboxes that work, and where the reports go."""

import contextlib
import dataclasses
import hashlib
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from harness import __version__
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.errors import InputError, InterruptedRunError, OomproofError
from harness.core.finding import Finding, worst_first
from harness.core.peaks import Sample
from harness.core.profile import Profile
from harness.core.report import SCHEMA, Report
from harness.core.run import Purpose, Run
from harness.core.scenario import SandboxKind, Scenario, scenario_of
from harness.core.verdict import verdict_of
from harness.execution import Executor, as_it_is, leave
from harness.files import publish
from harness.inquiry import Inquiry, default_ceiling_bytes
from harness.orders import OrderMaker
from harness.profiled_pass import ProfiledPass
from harness.reporters.markdown import render_markdown
from harness.sandbox.choose import choose
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.machine import available_memory_bytes, conditions_of
from harness.store import LATEST, Store, new_store

MARKDOWN: Final = "report.md"
# As many as pytest keeps of its own temporary folders.
_KEPT_REPORTS: Final = 3
_NAME_LENGTH: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workshop:
    """Makes benches, each for one scenario; `kind` is the sandbox where nothing else is said."""

    kind: str
    out: Path
    root: Path
    folder: Path
    _sandboxes: dict[SandboxKind, Sandbox] = dataclasses.field(default_factory=dict)

    def bench(self, document: dict[str, Any], *, source: str) -> "Bench":
        """Return a bench for the scenario in `document`; `source` names it in errors.

        Raises:
            InputError: the scenario asks for what is not known, or is not there.
            SandboxError: its sandbox does not work here.

        """
        scenario = scenario_of(document, source=source)
        sandbox = self._sandbox(scenario)
        orders = OrderMaker(scenario, folder=self.folder, kind=sandbox.kind)
        orders.check(source=source)
        store = new_store(self.out.absolute(), scenario.name)
        _drop_old(store.folder)
        return Bench(scenario=scenario, sandbox=sandbox, orders=orders, store=store)

    def _sandbox(self, scenario: Scenario) -> Sandbox:
        kind = scenario.sandbox.kind
        if kind not in self._sandboxes:
            sandbox = choose(scenario.sandbox)
            sandbox.sweep()
            self._sandboxes[kind] = sandbox
        return self._sandboxes[kind]


class Bench:
    """Where the runs of one test, or of one replayed command, are made and kept."""

    def __init__(
        self, *, scenario: Scenario, sandbox: Sandbox, orders: OrderMaker, store: Store
    ) -> None:
        """Make runs in `sandbox` and keep them in `store`."""
        self.scenario = scenario
        self.folder = store.folder
        self._sandbox = sandbox
        self._orders = orders
        self._store = store
        self._executor = Executor(sandbox=sandbox, orders=orders, store=store)
        self._conditions: Conditions = conditions_of(sandbox, orders.environment)
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    @property
    def conditions(self) -> Conditions:
        """The machine and the sandbox."""
        return self._conditions

    def execute(
        self,
        case: Case,
        *,
        number: int,
        purpose: Purpose = Purpose.VERDICT,
        change: Callable[[Order], Order] = as_it_is,
        collect: Callable[[Path], None] = leave,
    ) -> Run:
        """Run `case` once; Ctrl-C takes the sandbox with it and goes on from here."""
        with interruptible() as stop:
            return self._executor.execute(
                case, number=number, purpose=purpose, stop=stop, change=change, collect=collect
            ).run

    def samples(self, run: Run) -> tuple[Sample, ...]:
        """Return the samples of a run; none where they could not be kept."""
        return self._store.samples(run) or ()

    def profile(self, case: Case, runs: Sequence[Run]) -> tuple[Profile | None, str]:
        """Return a heap profile of `case`, or None and why there is none.

        `runs` are those that were made; the first is the one to be explained.
        """
        with interruptible() as stop:
            inquiry = Inquiry(
                self._executor,
                ceiling_bytes=default_ceiling_bytes(available_memory_bytes()),
                progress=_Silent(),
                stop=stop,
            )
            inquiry.runs.extend(runs)  # their numbers are taken
            profiled = ProfiledPass(
                inquiry,
                self._sandbox,
                folder=self.folder,
                python=self._orders.python,
                node=None,
                stop=stop,
            ).make(case, runs[0], None)
        return profiled.profile, " ".join(profiled.problems) or "There is no heap profile."

    def keep(self, runs: Sequence[Run], findings: Sequence[Finding]) -> Report:
        """Save the report of these runs, and return it."""
        report = Report(
            schema=SCHEMA,
            oomproof=__version__,
            scenario=self.scenario.name,
            verdict=verdict_of(findings),
            started_at=self._started_at,
            conditions=self._conditions,
            runs=tuple(runs),
            findings=worst_first(findings),
            planned_runs=sum(run.purpose is Purpose.VERDICT for run in runs),
        )
        self._store.save_report(report)
        publish(self.folder / MARKDOWN, render_markdown(report).encode())
        return report


class _Silent:
    """Hears how an inquiry goes, and says nothing: pytest's lines are its own."""

    def task(self, text: str) -> None:
        """Hear what is being done."""

    def note(self, text: str) -> None:
        """Hear something that is to stay."""


def name_of(nodeid: str) -> str:
    """Return the name of the folder for a test's reports, the same each time."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", nodeid).strip("-._") or "test"
    if "[" in nodeid or len(name) > _NAME_LENGTH:
        # What was lost of the name may be what tells two tests apart.
        digest = hashlib.sha256(nodeid.encode("utf-8", "replace")).hexdigest()[:8]
        name = f"{name[:_NAME_LENGTH]}-{digest}"
    return name


def _drop_old(folder: Path) -> None:
    """Remove all but the newest reports of a test: it may be run a thousand times a day."""
    with contextlib.suppress(OSError):
        found = [path for path in folder.parent.iterdir() if path.name != LATEST]
        stamps = sorted(path for path in found if path.is_dir() and path != folder)
        for path in stamps[: -(_KEPT_REPORTS - 1)]:
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Give what says whether Ctrl-C was pressed; it is raised once the sandbox is gone.

    Raises:
        KeyboardInterrupt: it was pressed.

    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked.is_set
    except InterruptedRunError:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
    if asked.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def readable_errors(what: str) -> Iterator[None]:
    """Let a test fail with one sentence, and no traceback of ours, where oomproof cannot go on."""
    try:
        yield
    except InputError as error:
        raise pytest.fail.Exception(f"oomproof: {what}: {error}", pytrace=False) from None
    except OomproofError as error:
        raise pytest.fail.Exception(f"oomproof: no verdict: {error}", pytrace=False) from None
