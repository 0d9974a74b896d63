"""The profiled pass: the same case with a heap profiler, stopped at its limit and what that costs.

The worker is frozen once it is over the limit plus the profiler's own cost, its stack is read, and
then it is killed there: so what the capture holds last is what was alive at that stack.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from harness.autopsy.gather import Gatherer
from harness.core.answer import ProfileSummary
from harness.core.autopsy import Autopsy, Fate, Process, same_place
from harness.core.case import Case
from harness.core.errors import InterruptedRunError, NoVerdictError
from harness.core.peaks import Peak, Timeline, peak_of
from harness.core.profile import Moment, Profile, Profiler
from harness.core.profiled import PassEnd, disturbed, end_of_pass, note_on_end
from harness.core.reconcile import Reconciliation, note_on_others, reconcile
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes
from harness.inquiry import Inquiry
from harness.profilers.allowance import extra_bytes
from harness.profilers.collect import Collected, collect, keep
from harness.profilers.cost import Cost, measure_cost, resting_node, resting_python
from harness.profilers.instrument import CAP_BYTES, Choice, Instrument
from harness.profilers.v8 import V8Instrument
from harness.profilers.v8 import read as read_v8
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.trap import Trap

FOLDER: Final = "profile"
_COST: Final = "cost"


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """What the profiled pass brought; `problems` say what it did not."""

    profile: Profile | None = None
    summary: ProfileSummary | None = None
    heap: Reconciliation | None = None
    problems: tuple[str, ...] = ()


class _Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run with a profiler: how it ended, and what was seen of it at its limit."""

    run: Run
    end: PassEnd
    caught: Autopsy | None
    collected: Collected


class ProfiledPass:
    """Makes the profiled pass of one case."""

    def __init__(  # noqa: PLR0913  (where it runs, where it keeps, and what measures its cost)
        self,
        inquiry: Inquiry,
        sandbox: Sandbox,
        *,
        folder: Path,
        python: str,
        node: str | None,
        stop: Callable[[], bool],
        cap_bytes: int = CAP_BYTES,
        is_brief: bool = False,
    ) -> None:
        """Keep captures below `folder`; `python` is the worker's interpreter, or one like it.

        `node` is the worker's program where that is Node.js, else None. Captures of Python are cut
        at `cap_bytes`. Where the pass `is_brief`, what profiling costs is measured only if a limit
        depends on it, and memray's own flame graph is not drawn.
        """
        self._inquiry = inquiry
        self._sandbox = sandbox
        self._folder = folder / FOLDER
        self._python = python
        self._node = node
        self._stop = stop
        self._cap_bytes = cap_bytes
        self._is_brief = is_brief
        self._cost: Cost | None = None
        self._problems: list[str] = []

    def make(self, case: Case, verdict: Run, autopsy: Autopsy | None) -> Profiled:
        """Run `case` with a profiler: to its end, or until it is over its limit.

        `verdict` is the run under the limit, and `autopsy` that of the pass without a profiler,
        whose stack this one's is held against.

        Raises:
            InterruptedRunError: it was stopped.

        """
        attempt = self._attempt(case, verdict, Choice.AUTO)
        if attempt.end is PassEnd.OTHERWISE:
            profile = attempt.collected.profile
            # The worker may not bear memray, such as one that uses memray itself.
            goes_on = profile is not None and profile.profiler is Profiler.MEMRAY
            name = str(profile.profiler) if profile else "a profiler"
            self._problems.append(disturbed(attempt.run, name, goes_on=goes_on))
            if goes_on:
                shutil.rmtree(self._folder, ignore_errors=True)
                attempt = self._attempt(case, verdict, Choice.TRACEMALLOC)
                if attempt.end is PassEnd.OTHERWISE:
                    problem = disturbed(attempt.run, "tracemalloc", goes_on=False)
                    self._problems.append(problem)
        if attempt.end is PassEnd.OTHERWISE:
            return Profiled(problems=(*self._problems, *attempt.collected.reasons))
        return self._conclude(attempt, verdict, _same_stack(autopsy, attempt.caught))

    def _attempt(self, case: Case, verdict: Run, choice: Choice) -> _Attempt:
        limit_bytes = None if verdict.completed else verdict.case.memory_limit_bytes
        instrument = self._instrument(self._folder, choice)

        def change(order: Order) -> Order:
            if limit_bytes is not None or not self._is_brief:
                self._measure(order, choice)
            return self._trapped(instrument.change(order), limit_bytes)

        made = self._inquiry.run(
            case,
            self._inquiry.ceiling_bytes,
            what="With a heap profiler",
            purpose=Purpose.PROFILE,
            change=change,
        )
        end = end_of_pass(made.run, verdict, made.autopsy)
        if made.run.ending is None:
            reasons = (_failed(made.run),)
            return _Attempt(
                run=made.run,
                end=PassEnd.OTHERWISE,
                caught=None,
                collected=Collected(profile=None, reasons=reasons),
            )
        self._inquiry.progress.task("Reading the heap profile")
        collected = self._collect(
            Moment.HIGH_WATER if end is PassEnd.COMPLETED else Moment.DEATH, made.autopsy
        )
        return _Attempt(run=made.run, end=end, caught=made.autopsy, collected=collected)

    def _instrument(self, folder: Path, choice: Choice) -> Instrument | V8Instrument:
        if self._node:
            return V8Instrument(folder=folder)
        return Instrument(folder=folder, choice=choice, cap_bytes=self._cap_bytes)

    def _collect(self, moment: Moment, caught: Autopsy | None) -> Collected:
        if not self._node:
            alive = caught.evidence.processes if caught else ()
            return collect(
                self._folder,
                moment=moment,
                cap_bytes=self._cap_bytes,
                alive=frozenset(process.inner_pid for process in alive),
                draws=not self._is_brief,
            )
        found = read_v8(self._folder, died=moment is Moment.DEATH)
        if isinstance(found, str):
            return Collected(profile=None, reasons=(f"There is no heap profile: {found}.",))
        return keep(self._folder, found)

    def _measure(self, order: Order, choice: Choice) -> None:
        """Measure what the profiler costs; without that, the pass gets no more than the limit."""
        instrument = self._instrument(order.output_folder / _COST / choice, choice)
        resting = resting_node(self._node) if self._node else resting_python(self._python)
        self._inquiry.progress.task("Measuring what profiling costs")
        try:
            self._cost = measure_cost(
                self._sandbox, order, instrument, resting=resting, stop=self._stop
            )
        except InterruptedRunError:
            raise
        except (NoVerdictError, OSError) as error:
            self._problems.append(
                f"What profiling costs could not be measured ({error}), so the profiled pass got "
                "no more memory than the worker had."
            )

    def _trapped(self, order: Order, limit_bytes: int | None) -> Order:
        if limit_bytes is None:
            return order
        more_bytes = self._cost.unreclaimable_bytes if self._cost else 0
        trap = Trap(
            at_bytes=limit_bytes + more_bytes,
            look=Gatherer(),
            fate=Fate.DIE,
            extra_bytes=lambda pids: extra_bytes(self._folder, pids),
        )
        return msgspec.structs.replace(order, trap=trap)

    def _conclude(self, attempt: _Attempt, verdict: Run, same_stack: bool | None) -> Profiled:
        collected, profile = attempt.collected, attempt.collected.profile
        problems = (*self._problems, *collected.reasons)
        if profile is None:
            return Profiled(problems=problems)
        others = _others(attempt.caught, profile, collected.pids)
        heap = reconcile(
            profile,
            _peak_of(attempt),
            profiler_bytes=self._profiler_bytes(collected, profile),
            others_bytes=sum(process.own_share_bytes for process in others),
        )
        end_note = note_on_end(attempt.end, verdict, attempt.caught, same_stack)
        notes = (note_on_others(heap, others), end_note, *profile.notes)
        cost = self._cost
        summary = ProfileSummary(
            profiler=profile.profiler,
            version=profile.version,
            moment=profile.moment,
            total_bytes=profile.total_bytes,
            processes=profile.processes,
            capture_bytes=profile.capture_bytes,
            is_cut=profile.is_cut,
            cost_bytes=cost.unreclaimable_bytes if cost else None,
            extra_bytes=_extra_bytes(attempt.caught, verdict, cost),
            same_stack=same_stack,
            files=tuple(f"{FOLDER}/{name}" for name in collected.files),
            notes=tuple(filter(None, notes)),
        )
        return Profiled(profile=profile, summary=summary, heap=heap, problems=problems)

    def _profiler_bytes(self, collected: Collected, profile: Profile) -> int | None:
        """Return what the profiler holds: as its processes say themselves, else as measured."""
        if collected.profiler_bytes is not None:
            return collected.profiler_bytes
        return self._cost.anon_bytes * profile.processes if self._cost else None


def _peak_of(attempt: _Attempt) -> Peak | None:
    """Return the memory that the profile is of: where it was caught, the one that it stood with."""
    if attempt.caught is None:
        return attempt.run.peak
    at_limit = Timeline()
    at_limit.add(attempt.caught.standstill.stood)
    return peak_of(at_limit, None)


def _others(
    caught: Autopsy | None, profile: Profile, profiled: frozenset[int]
) -> tuple[Process, ...]:
    """Return the processes that stood at the limit and have no profile."""
    if caught is None or profile.profiler is Profiler.V8:
        return ()
    return tuple(p for p in caught.evidence.processes if p.inner_pid not in profiled)


def _extra_bytes(caught: Autopsy | None, verdict: Run, cost: Cost | None) -> int:
    """Return what the pass got beyond what profiling costs a program that rests, in bytes."""
    if caught is None:
        return 0
    more_bytes = caught.standstill.limit_bytes - (verdict.case.memory_limit_bytes or 0)
    return max(0, more_bytes - (cost.unreclaimable_bytes if cost else 0))


def _same_stack(plain: Autopsy | None, profiled: Autopsy | None) -> bool | None:
    if plain is None or profiled is None or not plain.stack or not profiled.stack:
        return None
    return same_place(plain.stack, profiled.stack)


def _failed(run: Run) -> str:
    limit = format_bytes(run.case.memory_limit_bytes or 0)
    return f"The profiled pass, under {limit}, could not be made: {run.reason}."
