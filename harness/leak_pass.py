"""The pass that names a leak's line: the same case with tracemalloc, looked at between jobs."""

import linecache
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from harness.core.growth import GrowthLaw, growth_laws, job_of
from harness.core.kept import Kept
from harness.core.node import is_node
from harness.core.retention import kept_of
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.units import format_bytes
from harness.execution import Executor
from harness.inquiry import default_ceiling_bytes
from harness.profilers.openings import OpeningsInstrument, alive_at_openings
from harness.sandbox.contract import Order

FOLDER: Final = "leaks"
# tracemalloc makes a parse 27 times as long, measured; tables are written until the time is over.
_SLOWER: Final = 40
_LEAST_S: Final = 60.0
_MOST_S: Final = 1800.0


def leaks_to_name(scenario: Scenario, runs: Sequence[Run]) -> tuple[tuple[Run, GrowthLaw], ...]:
    """Return a run of each case that leaks, with its law; one limit of each case is enough.

    Of Node.js nothing can be told: V8 keeps no tables between two jobs.
    """
    commands = {worker.name: worker.command_line() for worker in scenario.worker}
    wanted: dict[object, tuple[Run, GrowthLaw]] = {}
    for law in growth_laws(runs):
        if law.is_leak and not is_node(commands[law.worker]):
            run = next(run for run in runs if run.number == law.points[0].run)
            wanted.setdefault(job_of(run.case), (run, law))
    return tuple(wanted.values())


class LeakPass:
    """Makes the profiled pass of a case that was seen to leak."""

    def __init__(self, executor: Executor, *, folder: Path, memory_bytes: int) -> None:
        """Keep tables below `folder`; a run may have nearly all of `memory_bytes`."""
        self._executor = executor
        self._folder = folder / FOLDER
        self._ceiling_bytes = default_ceiling_bytes(memory_bytes)

    def make(self, leaking: Run, law: GrowthLaw, *, number: int, stop: Callable[[], bool]) -> Run:
        """Return the run of the pass, which tells who keeps what the run `leaking` kept.

        Raises:
            InterruptedRunError: it was stopped.

        """
        folder = self._folder / f"{number:03d}"
        label = format_bytes(self._ceiling_bytes)
        timeout_s = min(_MOST_S, max(_LEAST_S, leaking.wall_seconds * _SLOWER))

        def change(order: Order) -> Order:
            longer = msgspec.structs.replace(order, timeout_s=timeout_s)
            return OpeningsInstrument(folder=folder).change(longer)

        run = self._executor.execute(
            msgspec.structs.replace(
                leaking.case, memory_limit_bytes=self._ceiling_bytes, memory_limit_label=label
            ),
            number=number,
            purpose=Purpose.PROFILE,
            stop=stop,
            change=change,
        ).run
        return msgspec.structs.replace(run, kept=self._kept(run, law, folder))

    def _kept(self, run: Run, law: GrowthLaw, folder: Path) -> Kept:
        if run.ending is None:
            return Kept(reason=f"the profiled pass could not be made: {run.reason}")
        seen = alive_at_openings(folder, run.case)
        if isinstance(seen, str):
            return Kept(reason=seen)
        kept = kept_of(seen, run.case, law.bytes_per_snapshot or 0)
        file, _, line = kept.site.rpartition(":")
        source = linecache.getline(file, int(line)).strip() if line.isdecimal() else ""
        return msgspec.structs.replace(kept, source=source)
