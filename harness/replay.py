"""The loop: case by case in a sandbox, each run saved as it ends, then judged together."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import msgspec

from harness import __version__
from harness.core.attributing import Profiling, attribute, comparable, known_paths, to_profile
from harness.core.baseline import Baseline
from harness.core.budget import Confirmation, confirmations, judge_budgets
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.errors import (
    InputError,
    InterruptedRunError,
    NoVerdictError,
)
from harness.core.finding import Finding, Severity
from harness.core.growth import growth_laws
from harness.core.law_budget import judge_largest
from harness.core.repeating import Repeating, cases_to_repeat
from harness.core.report import SCHEMA, Report, judge
from harness.core.run import Purpose, Run
from harness.core.scaling import ScalingLaw, probes, scaling_laws
from harness.core.scenario import Scenario
from harness.core.spread import MOST_REPEATS_UNASKED
from harness.core.verdict import Verdict, verdict_of
from harness.execution import Executor
from harness.leak_pass import LeakPass, leaks_to_name
from harness.orders import OrderMaker
from harness.reading import ByteProgress, until_stopped
from harness.replay_findings import (
    interruption,
    output_findings,
    snapshot_findings,
    unmade,
    unsaved,
)
from harness.room import Room
from harness.sandbox.contract import Sandbox
from harness.site_pass import SitePass
from harness.snapshots import ProbeMaker
from harness.store import Store


class Progress(Protocol):
    """Who is told how the replay goes, from any thread."""

    def run_started(self, planned: "PlannedRun", total: int) -> None:
        """Hear that a run has begun."""

    def run_ended(self, run: Run) -> None:
        """Hear how it ended."""

    def bytes(self, what: str, done: int, total: int) -> None:
        """Hear how far a file has been read."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run that is to be made; `why`, in a few words, if not for the verdict."""

    number: int
    case: Case
    repeat: int = 1
    purpose: Purpose = Purpose.VERDICT
    why: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a replay needs to know.

    Attributes:
        memory_bytes: what this machine can spare; runs side by side must fit in it together.
        repeating: which cases are run again after the repeats of the scenario.
        jobs: how many runs may go on at once.
        confirm_largest: run snapshots a little below and above the largest that fits each limit.
        probes: makes those snapshots; None where they cannot be made, because files are replayed.
        profiling: which cases get a profiled pass after all others.

    """

    scenario: Scenario
    cases: tuple[Case, ...]
    conditions: Conditions
    baseline: Baseline | None
    memory_bytes: int
    jobs: int = 1
    repeating: Repeating = Repeating.NONE
    confirm_largest: bool = False
    probes: ProbeMaker | None = None
    profiling: Profiling = Profiling.NEVER

    def runs(self) -> tuple[PlannedRun, ...]:
        """Return the runs in order: every case, then every case again for each repeat."""
        pairs = [(r, c) for r in range(1, self.scenario.repeat + 1) for c in self.cases]
        return tuple(
            PlannedRun(number=number, case=case, repeat=repeat)
            for number, (repeat, case) in enumerate(pairs, start=1)
        )


class Replay:
    """Runs a plan in a sandbox and returns the report."""

    def __init__(
        self, plan: Plan, *, sandbox: Sandbox, orders: OrderMaker, store: Store, progress: Progress
    ) -> None:
        """Prepare; `report` does the work."""
        self._plan = plan
        self._executor = Executor(sandbox=sandbox, orders=orders, store=store)
        self._store = store
        self._site_pass = SitePass(
            self._executor,
            sandbox=sandbox,
            orders=orders,
            folder=store.folder,
            memory_bytes=plan.memory_bytes,
        )
        self._progress = progress
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._lock = threading.Lock()
        self._runs: list[Run] = []
        self._unsaved: list[Finding] = []
        self._planned = [*plan.runs()]

    def report(self, stop: Callable[[], bool]) -> Report:
        """Run every case, confirm what lies inside an interval, judge, and save the report.

        Stopped by `stop`, it reports what has finished. What cannot be saved any more, on a full
        disk, is still returned, and a finding says so.

        Raises:
            NoVerdictError: nothing can be saved from the start.

        """
        self._save(self._make_report((), (), Verdict.NONE, finished=False))
        self._run_all(self._planned, stop)
        self._repeat(stop)
        self._confirm(stop)
        if self._plan.confirm_largest and self._plan.probes is not None:
            self._confirm_largest(self._plan.probes, stop)
        self._name_leaks(stop)
        self._profile(stop)
        runs = tuple(sorted(self._runs, key=lambda run: run.number))
        # Asked to stop when all had been run, there was nothing left to stop.
        made = sum(run.purpose is Purpose.VERDICT for run in runs)
        interrupted = stop() and made < len(self._planned)
        checked = snapshot_findings(runs, self._told(stop))
        more = [*output_findings(runs), *checked, *self._unsaved]
        if self._plan.confirm_largest:
            more.extend(judge_largest(self._laws(runs), can_probe=self._plan.probes is not None))
        if interrupted:
            more.append(interruption(made, len(self._planned)))
        findings, verdict = judge(
            self._plan.scenario, runs, self._plan.conditions, self._plan.baseline, more
        )
        findings, attributions = attribute(
            findings, runs, self._site_pass.profiles, self._plan.conditions, self._plan.baseline
        )
        report = msgspec.structs.replace(
            self._make_report(runs, findings, verdict, finished=not interrupted),
            profiles=tuple(self._site_pass.profiles),
            attributions=attributions,
        )
        try:
            self._save(report)
        except NoVerdictError as error:
            return self._report_unsaved(report, error)
        return report

    def _report_unsaved(self, report: Report, error: NoVerdictError) -> Report:
        """Return the report with the finding that it lies nowhere: a gate needs its evidence."""
        lost = unsaved(f"The report could not be saved: {error}.", Severity.NO_VERDICT)
        findings = (*report.findings, lost)
        return msgspec.structs.replace(report, findings=findings, verdict=verdict_of(findings))

    def _run_all(self, planned: Sequence[PlannedRun], stop: Callable[[], bool]) -> None:
        room = Room(self._plan.memory_bytes)
        is_broken = threading.Event()

        def work(run: PlannedRun) -> None:
            with room.taken(run.case.memory_limit_bytes):
                if stop() or is_broken.is_set():
                    return
                try:
                    self._progress.run_started(run, len(self._planned))
                    self._run(run, stop)
                except BaseException:
                    is_broken.set()  # a bug of ours would meet the other runs, too
                    raise

        with ThreadPoolExecutor(max_workers=max(1, self._plan.jobs)) as pool:
            for done in [pool.submit(work, run) for run in planned]:
                done.result()

    def _repeat(self, stop: Callable[[], bool]) -> None:
        """Run cases once more, round by round, until no repeat can change the verdict."""
        plan = self._plan
        for repeat in range(plan.scenario.repeat + 1, MOST_REPEATS_UNASKED + 1):
            runs = sorted(self._runs, key=lambda run: run.number)
            wanted = cases_to_repeat(
                plan.scenario, runs, plan.conditions, plan.baseline, plan.repeating
            )
            if stop() or not wanted:
                return
            first = len(self._planned) + 1
            more = [
                PlannedRun(number=number, case=case, repeat=repeat)
                for number, case in enumerate(wanted, start=first)
            ]
            self._planned += more
            self._run_all(more, stop)

    def _run(self, planned: PlannedRun, stop: Callable[[], bool]) -> None:
        with contextlib.suppress(InterruptedRunError):  # not finished, so not reported
            run = self._execute(planned, stop)
            with self._lock:
                self._runs.append(run)
            self._progress.run_ended(run)

    def _execute(self, planned: PlannedRun, stop: Callable[[], bool]) -> Run:
        executed = self._executor.execute(
            planned.case,
            number=planned.number,
            repeat=planned.repeat,
            purpose=planned.purpose,
            stop=stop,
        )
        if executed.problem:
            with self._lock:
                self._unsaved.append(unsaved(executed.problem, Severity.NOTE))
        return executed.run

    def _confirm(self, stop: Callable[[], bool]) -> None:
        """Run the cases whose budget lies inside their peak's interval at that budget."""
        wanted: tuple[Confirmation, ...] = confirmations(self._plan.scenario, tuple(self._runs))
        first = len(self._planned) + 1
        for number, confirmation in enumerate(wanted, start=first):
            if stop():
                return
            planned = PlannedRun(
                number=number, case=confirmation.case, purpose=Purpose.CONFIRMATION
            )
            self._progress.run_started(planned, first + len(wanted) - 1)
            self._run(planned, stop)

    def _confirm_largest(self, maker: ProbeMaker, stop: Callable[[], bool]) -> None:
        """Run a little below and a little above the largest snapshot that fits each limit."""
        runs = tuple(sorted(self._runs, key=lambda run: run.number))
        wanted = probes(self._laws(runs), runs)
        first = max((run.number for run in runs), default=0) + 1
        for number, probe in enumerate(wanted, start=first):
            if stop():
                return
            try:
                with maker.snapshot(probe.input_bytes) as snapshot:
                    case = msgspec.structs.replace(probe.case, snapshot=snapshot)
                    planned = PlannedRun(number=number, case=case, purpose=Purpose.CONFIRMATION)
                    self._progress.run_started(planned, first + len(wanted) - 1)
                    self._run(planned, stop)
            except InterruptedRunError:
                return
            except (InputError, NoVerdictError) as error:
                self._unsaved.append(unmade(probe.case, error))

    def _name_leaks(self, stop: Callable[[], bool]) -> None:
        """Run each case that leaks once more with a profiler, to say which line keeps it."""
        runs = tuple(sorted(self._runs, key=lambda run: run.number))
        wanted = leaks_to_name(self._plan.scenario, runs)
        leak_pass = LeakPass(
            self._executor, folder=self._store.folder, memory_bytes=self._plan.memory_bytes
        )
        first = max((run.number for run in runs), default=0) + 1
        for number, (run, law) in enumerate(wanted, start=first):
            if stop():
                return
            planned = PlannedRun(
                number=number, case=run.case, purpose=Purpose.PROFILE, why="to name what leaks"
            )
            self._progress.run_started(planned, first + len(wanted) - 1)
            with contextlib.suppress(InterruptedRunError):
                named = leak_pass.make(run, law, number=number, stop=stop)
                self._runs.append(named)
                self._progress.run_ended(named)

    def _profile(self, stop: Callable[[], bool]) -> None:
        """Run the cases that are worth it once more, to say what held their memory."""
        plan, runs = self._plan, tuple(sorted(self._runs, key=lambda run: run.number))
        findings = judge_budgets(plan.scenario, runs, plan.conditions, plan.baseline)
        accepted = comparable(plan.baseline, plan.conditions)
        wanted = to_profile(plan.profiling, plan.scenario, runs, findings, accepted)
        last = max((run.number for run in runs), default=0)
        for left, case in zip(range(len(wanted), 0, -1), wanted, strict=True):
            if stop():
                return
            planned = PlannedRun(
                number=last + 1, case=case.run.case, purpose=Purpose.PROFILE, why=case.why
            )
            self._progress.run_started(planned, last + left)
            with contextlib.suppress(InterruptedRunError):
                made = self._site_pass.make(
                    case,
                    number=planned.number,
                    known_paths=known_paths(case.run, accepted),
                    progress=self._progress.bytes,
                    stop=stop,
                )
                self._runs.extend(made)
                last += max(1, len(made))
                for run in made[:1]:
                    self._progress.run_ended(run)

    def _told(self, stop: Callable[[], bool]) -> ByteProgress:
        """Return what tells how far a file has been read, until the replay is to stop."""
        return until_stopped(self._progress.bytes, stop, "stopped in the middle of a file")

    def _laws(self, runs: Sequence[Run]) -> tuple[ScalingLaw, ...]:
        return scaling_laws(runs, self._plan.scenario.limits.memory)

    def _make_report(
        self, runs: tuple[Run, ...], findings: tuple[Finding, ...], verdict: Verdict, *,
        finished: bool,
    ) -> Report:  # fmt: skip
        return Report(
            schema=SCHEMA,
            oomproof=__version__,
            scenario=self._plan.scenario.name,
            verdict=verdict,
            started_at=self._started_at,
            conditions=self._plan.conditions,
            runs=runs,
            findings=findings,
            finished=finished,
            planned_runs=len(self._planned),
            laws=self._laws(runs),
            growth=growth_laws(runs),
        )

    def _save(self, report: Report) -> None:
        self._store.save_report(report)
