"""What profilers hold of a worker's memory, beyond what one at rest does, while the worker runs.

A limit is met at the right moment only if what profiling takes is left out. What it takes of a
program that rests is measured before; what several processes and tracemalloc's tables take beyond
that, the processes say themselves, in the files that they write at once.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness.core.profile import Profiler
from harness.profilers.processes import Process, processes_in, read_told
from harness.sandbox.namespaces import inner_pid

# Measured: page tables and the like of a profiler, of which a process does not know.
_KERNEL_BYTES: Final = 200_000


def extra_bytes(folder: Path, pids: Iterable[int]) -> int:
    """Return what the profilers in these processes hold beyond one that rests, in bytes.

    `folder` is where they write, `pids` are the worker's living processes by this machine's
    numbers.
    """
    alive = {inner_pid(pid) for pid in pids}
    latest = {process.pid: process for process in processes_in(folder) if process.pid in alive}
    known = [process for process in latest.values() if process.profiler is not None]
    if not known:
        return 0
    sizes = [process.profiler_bytes + _KERNEL_BYTES for process in known]
    return sum(sizes) - max(sizes) + sum(_table_bytes(folder, process) for process in known)


def _table_bytes(folder: Path, process: Process) -> int:
    if process.profiler is not Profiler.TRACEMALLOC:
        return 0
    told = read_told(folder, process)
    return told.extra_bytes if told else 0
