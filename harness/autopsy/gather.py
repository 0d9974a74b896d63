"""Gathering evidence from a worker that stands still: bounded in time, and harmless to it."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from harness.autopsy.processes import (
    anonymous_bytes_of,
    areas_of,
    command_of,
    open_files_of,
    rollup_of,
)
from harness.autopsy.stacks import Stacks, read_stacks
from harness.core.autopsy import Evidence, Process
from harness.sandbox.files import read_text
from harness.sandbox.kernel import process_stat
from harness.sandbox.namespaces import inner_pid
from harness.sandbox.trap import Frozen

LOOK_S: Final = 3.0
_STACK_S: Final = 2.0
_PROCESSES: Final = 24
_STACKS: Final = 12
_COMMAND_CHARACTERS: Final = 60
# The engine's init, which starts the worker and is none of it.
_INITS: Final = frozenset({"docker-init", "tini", "catatonit"})


class Gatherer:
    """Looks at a frozen worker, from outside."""

    def __init__(
        self, *, with_locals: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Gather; variables' values hold data, so they are left out unless `with_locals`."""
        self._with_locals = with_locals
        self._clock = clock

    def __call__(self, frozen: Frozen) -> Evidence:
        """Return what can be had within the bound; what cannot is said in its problems."""
        end_s = self._clock() + LOOK_S
        problems: list[str] = []
        if not frozen.pids:
            problems.append(
                "The worker's processes are on another machine, so they could not be looked at."
            )
        ranked = _by_size(pid for pid in frozen.pids if _name(pid) not in _INITS)
        if len(ranked) > _PROCESSES:
            left = len(ranked) - _PROCESSES
            problems.append(f"{left} smaller processes of the worker are left out.")
        ranked = ranked[:_PROCESSES]
        stacks = read_stacks(ranked[:_STACKS], with_locals=self._with_locals, seconds=_STACK_S)
        processes: list[Process] = []
        for pid in ranked:
            is_late = self._clock() > end_s
            processes.append(_process(pid, stacks.get(pid), with_areas=not is_late))
            if is_late and len(problems) < _STACKS:
                problems.append(f"The mappings of process {pid} were left out for want of time.")
        problems.extend(
            f"{found.left_out} idle threads of process {pid} are left out."
            for pid, found in stacks.items()
            if found.left_out
        )
        problems.extend(_stack_problems(processes))
        return Evidence(
            processes=tuple(processes), pressure=frozen.pressure, problems=tuple(problems)
        )


def _by_size(pids: Iterable[int]) -> list[int]:
    """Return the processes, those that hold most anonymous memory first.

    Of thousands ``smaps_rollup`` would take too long: it walks every page.
    """
    return sorted(pids, key=lambda pid: (-anonymous_bytes_of(pid), pid))


def _name(pid: int) -> str:
    return (read_text(Path(f"/proc/{pid}/comm")) or "").strip()


def _process(pid: int, stacks: Stacks | None, *, with_areas: bool) -> Process:
    stat = read_text(Path(f"/proc/{pid}/stat"))
    none = Stacks(problem="Stacks are read of the processes that hold most, and this is none.")
    found = stacks or none
    return Process(
        pid=pid,
        inner_pid=inner_pid(pid),
        parent=process_stat(stat).parent if stat else 0,
        command=command_of(pid),
        rollup=rollup_of(pid),
        areas=areas_of(pid) if with_areas else (),
        open_files=open_files_of(pid),
        threads=found.threads,
        stack_problem=found.problem,
    )


def _stack_problems(processes: Iterable[Process]) -> Iterator[str]:
    """Yield why the process that holds most has no stack, and whose there is instead."""
    known = tuple(processes)
    if not known or known[0].threads:
        return
    yield known[0].stack_problem
    other = next((process for process in known if process.threads), None)
    if other is not None:
        yield (
            f"The stack is that of `{_shown(other)}`, though `{_shown(known[0])}` holds most and "
            "has none."
        )


def _shown(process: Process) -> str:
    return " ".join(process.command)[:_COMMAND_CHARACTERS]
