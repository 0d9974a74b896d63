"""The process sandbox: no privileges, no kernel limit; the worker is watched and killed over it.

Its numbers are approximate. A worker that is alone is measured exactly at each poll; of several
processes that share pages, PSS tells the truth but is too slow to be read at each, so a sample of
theirs is taken only when PSS may be read. Between two polls a worker can be over its limit unseen:
the peak's upper end is what the kernel's high-water marks of resident memory allow.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from harness.core.errors import SandboxError
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Availability, Order
from harness.sandbox.freeze import FreezerBySignal
from harness.sandbox.group import pressure_texts
from harness.sandbox.identity import is_leftover, new_name
from harness.sandbox.kernel import MemoryParts
from harness.sandbox.launch import Ended, Launched, LaunchSpec
from harness.sandbox.observe import Watched, observe
from harness.sandbox.processors import bound, can_bind
from harness.sandbox.tree import (
    MARK,
    ShareClock,
    Tree,
    TreeMemory,
    become_subreaper,
    begun,
)


class ProcessSandbox:
    """Runs a worker as an ordinary process, polled and killed over its limit."""

    kind = SandboxKind.PROCESS

    @property
    def description(self) -> dict[str, str]:
        """Nothing more than the kind is known."""
        return {}

    def availability(self) -> Availability:
        """Say whether /proc shows what is needed."""
        if not Path("/proc/self/smaps_rollup").exists():
            return Availability(
                works=False,
                reason="/proc/self/smaps_rollup is not here",
                remedy="run on Linux 4.14 or later, with /proc mounted",
            )
        return Availability(works=True, reason="the worker is polled; its numbers are approximate")

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run one command and watch it; see `contract.Sandbox.run`."""
        if not can_bind(order.cpus):
            raise SandboxError(
                f"the process sandbox cannot hold a worker to {order.cpus:g} processors; give a "
                "whole number, or use docker or cgroup"
            )
        become_subreaper()
        name = new_name()
        spec = LaunchSpec(
            command=order.command,
            environment={**order.environment, MARK: name},
            folder=order.working_folder,
            apart=True,
        )
        with begun(name), Launched(spec) as worker, bound(worker.pid, order.cpus):
            return _observe(order, worker, Tree(worker.pid, name), stop)

    def sweep(self) -> tuple[str, ...]:
        """Kill the workers that killed harnesses left, known by the mark in their environment."""
        removed: set[str] = set()
        for folder in Path("/proc").iterdir():
            name = _mark_of(folder) if folder.name.isdigit() else None
            if name is not None and is_leftover(name) and Tree(int(folder.name), name).kill():
                removed.add(name)
        return tuple(sorted(removed))


def _mark_of(folder: Path) -> str | None:
    try:
        words = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    prefix = f"{MARK}=".encode()
    return next(
        (w[len(prefix) :].decode("utf-8", "replace") for w in words if w.startswith(prefix)), None
    )


class TreeMeter:
    """Reads a tree's memory and remembers the largest that it can have been."""

    def __init__(self, tree: Tree, limit_bytes: int | None) -> None:
        """Read `tree`, which may not be over `limit_bytes`."""
        self._tree = tree
        self._limit_bytes = limit_bytes
        self._clock = ShareClock()
        self._last = MemoryParts(
            anon_bytes=0, shmem_bytes=0, kernel_bytes=0, file_bytes=0, rss_bytes=0
        )
        self._memory = TreeMemory()
        self._processes = 0
        self._upper_bytes = 0
        self._largest_rise_bytes = 0

    def parts(self) -> MemoryParts:
        """Return the memory now, or as it was when PSS was last read.

        Sums over several processes count shared pages more than once. Once these sums are over the
        limit, PSS must say whether the tree is, so it is read more often then.
        """
        memory = self._tree.memory()
        if memory.processes == 0:
            raise ProcessLookupError
        self._remember(memory)
        anon_bytes, shmem_bytes = memory.anon_bytes, memory.shmem_bytes
        if memory.processes > 1:
            sum_bytes = memory.unreclaimable_bytes
            if not self._clock.is_due(sum_bytes, hurried=self._is_beyond(sum_bytes)):
                return self._last
            # PSS counts each page once; what is over in the sums is taken from anonymous memory.
            share_bytes = self._clock.read(self._tree, sum_bytes)
            shmem_bytes = min(shmem_bytes, share_bytes)
            anon_bytes = share_bytes - shmem_bytes
        self._last = MemoryParts(
            anon_bytes=anon_bytes,
            shmem_bytes=shmem_bytes,
            kernel_bytes=memory.page_table_bytes,
            file_bytes=0,
            rss_bytes=memory.resident_bytes,
        )
        return self._last

    def is_over(self) -> bool:
        """Whether the tree was over its limit when it was last read."""
        return self._is_beyond(self._last.unreclaimable_bytes)

    def _is_beyond(self, size_bytes: int) -> bool:
        return self._limit_bytes is not None and size_bytes > self._limit_bytes

    def _remember(self, memory: TreeMemory) -> None:
        before, self._memory = self._memory, memory
        self._processes = max(self._processes, memory.processes)
        rise_bytes = memory.unreclaimable_bytes - before.unreclaimable_bytes
        self._largest_rise_bytes = max(self._largest_rise_bytes, rise_bytes)
        self._between(before, memory)

    def _between(self, before: TreeMemory, after: TreeMemory) -> None:
        """Take in what can have been between two polls.

        What the kernel's marks of resident memory rose to, beyond what was resident at either poll,
        was held unseen. Where they did not rise, memory below them can have come and gone; it is
        taken to be no more than memory was ever seen to rise between two polls.
        """
        unseen_bytes = after.high_water_bytes - max(before.resident_bytes, after.resident_bytes)
        if after.high_water_bytes <= before.high_water_bytes:
            unseen_bytes = min(unseen_bytes, self._largest_rise_bytes)
        seen_bytes = max(before.unreclaimable_bytes, after.unreclaimable_bytes)
        self._upper_bytes = max(self._upper_bytes, seen_bytes + max(0, unseen_bytes))

    def upper_bytes(self, ended: Ended) -> int:
        """Return the upper end of the peak once the worker has `ended`, in bytes.

        What a worker that was alone was resident with at most, the kernel says at its end; of
        several, the marks are taken not to have risen after the last poll.
        """
        last = self._memory
        mark_bytes = last.high_water_bytes
        if self._processes <= 1:
            mark_bytes = max(mark_bytes, ended.resident_bytes)
        self._between(last, msgspec.structs.replace(last, high_water_bytes=mark_bytes))
        return self._upper_bytes

    def stalled_us(self) -> int | None:
        """Return None: pressure is counted for groups only."""
        return None

    def close(self) -> None:
        """Nothing is held open."""


class TreeWorker:
    """A worker as the loop handles it: asked by signal, killed with all its descendants."""

    def __init__(self, worker: Launched, tree: Tree) -> None:
        """Handle `worker`, the root of `tree`."""
        self._worker = worker
        self._tree = tree

    def terminate(self) -> None:
        """Ask the worker to end."""
        self._worker.terminate()

    def kill(self) -> None:
        """Kill the worker and its descendants."""
        self._tree.kill()


def _observe(order: Order, worker: Launched, tree: Tree, stop: Callable[[], bool]) -> Observation:
    meter = TreeMeter(tree, order.memory_limit_bytes)
    watched = Watched(
        launched=worker,
        handle=TreeWorker(worker, tree),
        meter=meter,
        pids=tree.pids,
        freezer=FreezerBySignal(tree.pids),
        pressure=lambda: pressure_texts(None),
        is_over=meter.is_over,
    )
    seen = observe(order, watched, stop)
    return Observation(
        exit=seen.facts(),
        timeline=seen.timeline,
        high_water_bytes=meter.upper_bytes(seen.ended),
        wall_seconds=seen.wall_seconds,
        output=seen.output,
        approximate=True,
        notes=seen.notes,
        autopsy=seen.autopsy,
    )
