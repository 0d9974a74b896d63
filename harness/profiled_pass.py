"""The profiled pass: the same case with a heap profiler, stopped at its limit and what that costs.

The worker is frozen once it is over the limit plus the profiler's own cost, its stack is read, and
then it is killed there: so what the capture holds last is what was alive at that stack.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from harness.autopsy.gather import Gatherer
from harness.core.answer import ProfileSummary
from harness.core.autopsy import Autopsy, Fate, same_place
from harness.core.case import Case
from harness.core.errors import InterruptedRunError, NoVerdictError
from harness.core.profile import Moment, Profile
from harness.core.reconcile import Reconciliation, reconcile
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes
from harness.inquiry import Inquiry
from harness.profilers.collect import Collected, collect, keep
from harness.profilers.cost import Cost, measure_cost, resting_node, resting_python
from harness.profilers.instrument import Instrument
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
    ) -> None:
        """Keep captures below `folder`; `python` is the worker's interpreter, or one like it.

        `node` is the worker's program where that is Node.js, else None.
        """
        self._inquiry = inquiry
        self._sandbox = sandbox
        self._folder = folder
        self._python = python
        self._node = node
        self._stop = stop
        self._cost: Cost | None = None
        self._problems: list[str] = []

    def make(self, case: Case, limit_bytes: int | None, autopsy: Autopsy | None) -> Profiled:
        """Run `case` with a profiler: to its end, or until it is over a limit.

        `autopsy` is that of the pass without a profiler, whose stack this one's is held against.

        Raises:
            InterruptedRunError: it was stopped.

        """
        folder = self._folder / FOLDER

        def change(order: Order) -> Order:
            self._measure(order)
            return self._trapped(self._instrument(folder).change(order), limit_bytes)

        made = self._inquiry.run(
            case,
            self._inquiry.ceiling_bytes,
            what="With a heap profiler",
            purpose=Purpose.PROFILE,
            change=change,
        )
        if made.run.ending is None:
            return Profiled(problems=(*self._problems, _failed(made.run)))
        self._inquiry.progress.task("Reading the heap profile")
        passed = made.run.completed and made.autopsy is None
        collected = self._collect(folder, Moment.HIGH_WATER if passed else Moment.DEATH)
        return self._conclude(made.run, collected, _same_stack(autopsy, made.autopsy))

    def _instrument(self, folder: Path) -> Instrument | V8Instrument:
        return V8Instrument(folder=folder) if self._node else Instrument(folder=folder)

    def _collect(self, folder: Path, moment: Moment) -> Collected:
        if not self._node:
            return collect(folder, moment=moment)
        found = read_v8(folder, died=moment is Moment.DEATH)
        if isinstance(found, str):
            return Collected(profile=None, reasons=(f"There is no heap profile: {found}.",))
        return keep(folder, found)

    def _measure(self, order: Order) -> None:
        """Measure what the profiler costs; without that, the pass gets no more than the limit."""
        instrument = self._instrument(order.output_folder / _COST)
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
        trap = Trap(at_bytes=limit_bytes + more_bytes, look=Gatherer(), fate=Fate.DIE)
        return msgspec.structs.replace(order, trap=trap)

    def _conclude(self, run: Run, collected: Collected, same_stack: bool | None) -> Profiled:
        profile = collected.profile
        problems = (*self._problems, *collected.reasons)
        if profile is None:
            return Profiled(problems=problems)
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
            same_stack=same_stack,
            files=tuple(f"{FOLDER}/{name}" for name in collected.files),
            notes=profile.notes,
        )
        heap = reconcile(
            profile,
            run.peak,
            profiler_bytes=max(cost.anon_bytes * profile.processes, collected.profiler_bytes or 0)
            if cost
            else None,
        )
        return Profiled(profile=profile, summary=summary, heap=heap, problems=problems)


def _same_stack(plain: Autopsy | None, profiled: Autopsy | None) -> bool | None:
    if plain is None or profiled is None or not plain.stack or not profiled.stack:
        return None
    return same_place(plain.stack, profiled.stack)


def _failed(run: Run) -> str:
    limit = format_bytes(run.case.memory_limit_bytes or 0)
    return f"The profiled pass, under {limit}, could not be made: {run.reason}."
