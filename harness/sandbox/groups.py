"""The groups of one run: one in each hierarchy, made together, read together, removed together."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.core.errors import SandboxError
from harness.core.peaks import SLAB_SHARE, Timeline
from harness.sandbox.files import read_text, write_text
from harness.sandbox.freeze import Freezer, FreezerBySignal, FreezerV1, FreezerV2
from harness.sandbox.group import (
    Meter,
    MeterV1,
    MeterV2,
    cpu_quota,
    high_water_bytes,
    kill_all,
    pids_below,
    pressure_texts,
    read_limits,
    remove_group,
    set_limit_v1,
    set_limit_v2,
    signal_all,
    slab_share_v1,
)
from harness.sandbox.identity import PREFIXES, is_leftover
from harness.sandbox.kernel import flat_keyed, group_paths
from harness.sandbox.kills import Kills, LimitsAbove, OomNotice, kills_v2, listen, whose_limit_v1
from harness.sandbox.launch import Launched
from harness.sandbox.places import Place

_SWEEP_DEPTH: Final = 8


class RunGroups:
    """The groups of one run: entering makes them, leaving kills what is left and removes them."""

    def __init__(self, place: Place, name: str) -> None:
        """Name the groups; nothing is made yet."""
        self._place = place
        others = (place.freezer, place.unified, place.cpu)
        self.memory = place.memory / name
        self.folders = (self.memory, *(other / name for other in others if other is not None))
        self._unified = place.unified / name if place.unified else None
        self._cpu = place.cpu / name if place.cpu else None
        self._freezer = place.freezer / name if place.freezer else None
        self._notice: OomNotice | None = None
        self._above: LimitsAbove | None = None

    def __enter__(self) -> Self:
        try:
            for folder in self.folders:
                folder.mkdir()
        except OSError as error:
            self._remove()
            raise SandboxError(f"{error.filename} cannot be made: {error.strerror}") from error
        if self._place.version == 1:
            self._notice = listen(self.memory)
            self._above = LimitsAbove(self.memory, self._place.mount)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for listening in (self._notice, self._above):
            if listening is not None:
                listening.close()
        # What was measured counts more than what cannot be removed: the next start tries again.
        with contextlib.suppress(SandboxError, OSError):
            self.kill()
            self._remove()

    def _remove(self) -> None:
        for folder in self.folders:
            remove_group(folder)

    def limit(self, memory_bytes: int | None, cpus: float | None) -> dict[str, str]:
        """Set the limits and return them as read back.

        Raises:
            SandboxError: the kernel did not take one.

        """
        set_limit = set_limit_v1 if self._place.version == 1 else set_limit_v2
        try:
            limits = set_limit(self.memory, memory_bytes)
            return limits if cpus is None else {**limits, **self._limit_cpus(cpus)}
        except OSError as error:
            raise SandboxError(f"a limit cannot be set: {error}") from error

    def _limit_cpus(self, cpus: float) -> dict[str, str]:
        quota, period = cpu_quota(cpus)
        if self._place.version == 2:
            write_text(self.memory / "cpu.max", f"{quota} {period}")
            return _read_back(self.memory / "cpu.max", f"{quota} {period}")
        if self._cpu is None:
            raise SandboxError("processor time cannot be limited: no writable cpu hierarchy here")
        write_text(self._cpu / "cpu.cfs_period_us", str(period))
        write_text(self._cpu / "cpu.cfs_quota_us", str(quota))
        return _read_back(self._cpu / "cpu.cfs_quota_us", str(quota))

    def meter(self) -> Meter:
        """Return what reads this run's memory."""
        if self._place.version == 1:
            return MeterV1(self.memory, self._unified)
        return MeterV2(self.memory)

    def pids(self) -> tuple[int, ...]:
        """Return the run's processes."""
        return pids_below(self.memory)

    def holds(self, pid: int) -> bool:
        """Whether a living process is in this run's group, or in one that the worker made below."""
        text = read_text(Path(f"/proc/{pid}/cgroup"))
        if text is None:
            return True  # it has just ended
        controller = "" if self._place.version == 2 else "memory"
        is_here = f"/{self.memory.name}/" in group_paths(text).get(controller, "") + "/"
        # v1 shows a process whose first thread has ended at the top, but lists it where it is.
        return is_here or pid in self.pids()

    def check_unchanged(self, limits: dict[str, str]) -> None:
        """Raise SandboxError where the memory limits are no longer the `limits` that were set."""
        now = read_limits(self.memory, (name for name in limits if name.startswith("memory.")))
        for name, text in now.items():
            if text != limits[name]:
                raise SandboxError(
                    f"somebody changed {name} of the worker's group from {limits[name]} to {text} "
                    "while it ran, so nothing can be said; run it again"
                )

    def oom_kills(self) -> int:
        """Return how many processes of this run the kernel has killed for memory so far."""
        name = "memory.events" if self._place.version == 2 else "memory.oom_control"
        return flat_keyed(read_text(self.memory / name) or "").get("oom_kill", 0)

    def kills(self, limit: int | None) -> Kills:
        """Return the kernel's kills in this run, and whose limit they were for."""
        if self._place.version == 2:
            events = read_text(self.memory / "memory.events") or ""
            return kills_v2(events, read_text(self.memory / "memory.events.local"))
        return Kills(
            count=self.oom_kills(),
            limit_reached=whose_limit_v1(
                limit=limit,
                high_water_bytes=self.high_water_bytes(),
                hit_above=self._above is None or self._above.can_have_been_hit(),
                noticed=self._notice.count() if self._notice else None,
                noticed_above=self._above.noticed() if self._above else None,
            ),
        )

    def high_water_bytes(self) -> int | None:
        """Return the kernel's high-water counter; v2 has one since Linux 5.19, None before."""
        return high_water_bytes(self.memory, self._place.version)

    def freezer(self) -> Freezer:
        """Return what makes every process of this run stand still."""
        if self._place.version == 2:
            return FreezerV2(self.memory)
        return FreezerV1(self._freezer) if self._freezer else FreezerBySignal(self.pids)

    def pressure(self) -> dict[str, str]:
        """Return the text of this run's pressure files, by name."""
        return pressure_texts(self.memory if self._place.version == 2 else self._unified)

    @property
    def assumed_slab_share(self) -> float:
        """What is taken for `slab_share` before the end."""
        return SLAB_SHARE if self._place.version == 1 else 0.0

    def slab_share(self, timeline: Timeline) -> float:
        """Return which share of the page cache was reclaimable slab, which v1 counts with the rest.

        0 where there is nothing to take off. Called once the run has no process any more, and last:
        the group's limit is used up by it.
        """
        if self._place.version == 2 or not timeline.is_blurred_by_cache():
            return 0.0
        return slab_share_v1(self.memory) or 0.0

    def kill(self) -> None:
        """Kill every process of the run, frozen meanwhile so that none can fork away.

        Raises:
            SandboxError: some process does not die.

        """
        if not self.pids():
            return
        with self._frozen():
            signal_all((self.memory,))
        kill_all((self.memory,))

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[None]:
        """Freeze the run (v1); a signal waits until it is thawed. v2 kills a group at once."""
        state = self._freezer / "freezer.state" if self._freezer else None
        if state is None or not state.exists():
            yield
            return
        write_text(state, "FROZEN")
        try:
            yield
        finally:
            write_text(state, "THAWED")


class GroupWorker:
    """A worker as the loop handles it: asked to end by signal, killed by its group."""

    def __init__(self, worker: Launched, groups: RunGroups) -> None:
        """Handle `worker`, which runs in `groups`."""
        self._worker = worker
        self._groups = groups

    def terminate(self) -> None:
        """Ask the worker to end."""
        self._worker.terminate()

    def kill(self) -> None:
        """Kill everything in its group."""
        self._groups.kill()


def sweep_groups(mounts: Iterable[Path]) -> tuple[str, ...]:
    """Remove the groups below `mounts` whose harness is gone, and return their names."""
    leftovers = [
        folder
        for mount in mounts
        for folder in _find_groups(mount, _SWEEP_DEPTH)
        if is_leftover(folder.name)
    ]
    # In every hierarchy first: a process that is frozen in one does not die in another.
    for folder in leftovers:
        for group in _below(folder):
            _thaw(group)
    return tuple(sorted({folder.name for folder in leftovers if _sweep(folder)}))


def _below(folder: Path) -> list[Path]:
    return [Path(path) for path, _, _ in os.walk(folder)]


def _sweep(folder: Path) -> bool:
    try:
        kill_all(_below(folder))
        remove_group(folder)
    except (OSError, SandboxError):
        # Another user's, or being removed by somebody else right now.
        return False
    return True


def _thaw(group: Path) -> None:
    for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        with contextlib.suppress(OSError):
            write_text(group / name, word)


def _find_groups(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folders below `folder` that bear our prefix, not looking inside them."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(PREFIXES):
            yield Path(entry.path)
        elif depth > 1:
            yield from _find_groups(Path(entry.path), depth - 1)


def _read_back(file: Path, asked: str) -> dict[str, str]:
    text = (read_text(file) or "").strip()
    if text != asked:
        raise SandboxError(f"{file.name} reads back as {text or 'missing'}, not as {asked}")
    return {file.name: text}
