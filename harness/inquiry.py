"""Asking about one worker and one snapshot: run after run, each under the limit that it takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from harness.autopsy.gather import Gatherer
from harness.core.autopsy import Fate
from harness.core.case import Case
from harness.core.requirement import Requirement, Trial, decide
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes, format_seconds
from harness.execution import Executed, Executor, as_it_is, leave
from harness.sandbox.contract import Order
from harness.sandbox.trap import Trap

_SPARE: Final = 0.95
# A prediction hangs on the largest sample; twice a percent of one processor is what it costs.
_DENSE_S: Final = 0.002
# How it ends is settled once the kernel has killed a part of it; what it says of it may be read.
_GRACE_S: Final = 3.0
_MIB: Final = 2**20


class InquiryProgress(Protocol):
    """Who is told how the inquiry goes."""

    def task(self, text: str) -> None:
        """Hear what is being done."""

    def note(self, text: str) -> None:
        """Hear something that is to stay."""


def default_ceiling_bytes(available_bytes: int) -> int:
    """Return the largest limit to give: what the machine has now, less a little for the rest."""
    return int(available_bytes * _SPARE) // _MIB * _MIB


class Inquiry:
    """Executes one case under different limits and remembers the runs."""

    def __init__(  # noqa: PLR0913  (what is asked, under what, and how it is told)
        self,
        executor: Executor,
        *,
        ceiling_bytes: int,
        progress: InquiryProgress,
        stop: Callable[[], bool],
        takes_what_it_gets: bool = False,
        first_number: int = 1,
    ) -> None:
        """Prepare; nothing is run yet. `takes_what_it_gets`: see `core.requirement.decide`.

        The runs are numbered from `first_number`.
        """
        self._executor = executor
        self.progress = progress
        self._stop = stop
        self._takes_what_it_gets = takes_what_it_gets
        self._first_number = first_number
        self.ceiling_bytes = ceiling_bytes
        self.runs: list[Run] = []
        self.problems: list[str] = []

    def run(  # noqa: PLR0913  (see Executor.execute)
        self,
        case: Case,
        limit_bytes: int,
        *,
        what: str,
        purpose: Purpose,
        change: Callable[[Order], Order] = as_it_is,
        collect: Callable[[Path], None] = leave,
    ) -> Executed:
        """Execute `case` under a limit; `what` tells people what for.

        Raises:
            InterruptedRunError: it was stopped.

        """
        label = format_bytes(limit_bytes)
        self.progress.task(f"{what}, limit {label}")

        def changed(order: Order) -> Order:
            return change(msgspec.structs.replace(order, grace_s=_GRACE_S))

        limited = msgspec.structs.replace(
            case, memory_limit_bytes=limit_bytes, memory_limit_label=label
        )
        executed = self._executor.execute(
            limited,
            number=self._first_number + len(self.runs),
            purpose=purpose,
            stop=self._stop,
            change=changed,
            collect=collect,
        )
        self.runs.append(executed.run)
        if executed.problem:
            self.problems.append(executed.problem)
        self.progress.note(f"{what}: {_outcome(executed.run)}")
        return executed

    def requirement(self, case: Case, ceiling: Run | None = None) -> Requirement:
        """Return the smallest limit that `case` passes with.

        `ceiling` is a run of it under the ceiling, where one was made already.
        """
        first = ceiling or self.at_ceiling(case)
        trials: list[Run] = []
        takes = self._takes_what_it_gets
        while isinstance(step := decide(first, trials, takes_what_it_gets=takes), Trial):
            what = "Confirming the requirement"
            trial = self.run(case, step.limit_bytes, what=what, purpose=Purpose.CONFIRMATION)
            trials.append(trial.run)
        return step

    def at_ceiling(self, case: Case) -> Run:
        """Return a plain run under the ceiling."""
        return self.run(
            case,
            self.ceiling_bytes,
            what="Measuring what it needs",
            purpose=Purpose.CEILING,
            change=lambda order: msgspec.structs.replace(order, interval_s=_DENSE_S),
        ).run

    def autopsy(self, case: Case, limit_bytes: int, *, with_locals: bool) -> Executed:
        """Return a run under the ceiling that is frozen and looked at once it is over a limit."""
        trap = Trap(at_bytes=limit_bytes, look=Gatherer(with_locals=with_locals), fate=Fate.GO_ON)
        return self.run(
            case,
            self.ceiling_bytes,
            what=f"Autopsy at {format_bytes(limit_bytes)}",
            purpose=Purpose.AUTOPSY,
            change=lambda order: msgspec.structs.replace(order, trap=trap),
        )


def _outcome(run: Run) -> str:
    if run.ending is None:
        return f"no ending: {run.reason}"
    if run.peak_bytes is None:
        return f"{run.ending}, peak unknown"
    at_least = "at least " if run.peak_is_lower_bound else ""
    return (
        f"{run.ending}, peak {at_least}{format_bytes(run.peak_bytes)}, "
        f"{format_seconds(run.wall_seconds)}"
    )
