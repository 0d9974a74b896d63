"""A container's groups on this machine: the one above it, which is ours, and its own."""

import contextlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from harness.core.ending import LimitReached
from harness.core.errors import SandboxError
from harness.core.peaks import SLAB_SHARE, Timeline
from harness.sandbox.container_counters import Counters
from harness.sandbox.engine import Engine
from harness.sandbox.files import read_text
from harness.sandbox.freeze import Freezer, FreezerV1, FreezerV2
from harness.sandbox.group import (
    Meter,
    MeterV1,
    MeterV2,
    check_limits,
    high_water_bytes,
    kill_all,
    pids_of,
    pressure_texts,
    read_limits,
    remove_group,
    slab_share_v1,
)
from harness.sandbox.kernel import MemoryParts, limit_bytes
from harness.sandbox.kills import Kills, LimitsAbove, kills_v2, whose_limit_v1
from harness.sandbox.places import hierarchies
from harness.sandbox.watch import Watch

_LIMITS: Final = (
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.max",
    "memory.swap.max",
)
_SLICE_S: Final = 30


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The group above a run's container, new for each run, so that its counters outlive the run.

    Attributes:
        argument: what the engine is told: a path, or the name of a slice.
        path: the group, relative to the top of each hierarchy.

    """

    argument: str
    path: str
    is_slice: bool = False


def parent_for(name: str, engine: Engine, above: str = "") -> Parent | None:
    """Return the parent for a run called `name`, or None where this user could not remove it.

    `above` is a group, or with systemd a slice, below which it is made.
    """
    if not engine.is_local or os.geteuid() != 0:
        return None
    above = above.strip("/")
    if engine.cgroup_driver != "systemd":
        path = f"{above}/{name}".lstrip("/")
        return Parent(argument=f"/{path}", path=path)
    # A dash in a slice's name means another level of slices.
    stem = above.removesuffix(".slice")
    unit = "-".join(word for word in (stem, name.replace("-", "_")) if word) + ".slice"
    return Parent(argument=unit, path=f"{above}/{unit}".lstrip("/"), is_slice=True)


class ContainerGroups:
    """Finds and reads the groups of one container, while it lives and after."""

    def __init__(self, engine: Engine, parent: Parent | None) -> None:
        """Make the parent where it is a plain path; a slice is made by systemd."""
        self._version = engine.cgroup_version
        self._parent = parent
        self._seen = hierarchies()
        mount = self._seen.with_controller("memory") if self._version == 1 else self._seen.unified
        if mount is None:
            raise SandboxError("the engine's cgroup hierarchy is not mounted here")
        self._top = Path(mount.point)
        self._own: Path | None = None
        self._counters: Counters | None = None
        self._above: LimitsAbove | None = None
        self._watch: Watch | None = None
        self.limits: dict[str, str] = {}
        if parent is not None and not parent.is_slice:
            self._folder(self._top).mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # always on since Linux 5.11
                (self._folder(self._top) / "memory.use_hierarchy").write_text("1")
        if parent is not None:
            self._look_above(self._folder(self._top))

    def _folder(self, top: Path) -> Path:
        return top / self._parent.path if self._parent else top

    def _look_above(self, group: Path) -> None:
        if self._version == 1:
            self._above = LimitsAbove(group, self._top)

    def listen(self, watch: Watch) -> None:
        """Let `watch` hear of the container's end."""
        self._watch = watch
        if self._counters is not None:
            self._counters.listen(watch)

    def find(self, container: str, pid: int | None) -> bool:
        """Look for the container's own group; return whether it is known.

        It is below the parent, or where the engine puts groups by itself, or where /proc says the
        container's first process is.
        """
        if self._own is not None:
            return True
        for folder in self._candidates(container, pid):
            if (folder / "cgroup.procs").exists():
                self._own = folder
                self._counters = Counters(folder, self._version)
                if self._watch is not None:
                    self._counters.listen(self._watch)
                if self._parent is None:
                    self._look_above(folder)
                return True
        return False

    def _candidates(self, container: str, pid: int | None) -> Iterable[Path]:
        # Docker's two drivers, and Podman's.
        stems = (container, f"docker-{container}.scope", f"libpod-{container}")
        names = (*stems, f"libpod-{container}.scope")
        above = (
            [self._folder(self._top)]
            if self._parent
            else [self._top / "docker", self._top / "system.slice"]
        )
        yield from (folder / name for folder in above for name in names)
        if pid:
            yield from _group_of(self._version, self._top, pid, container)

    def update(self) -> None:
        """Read the counters that are gone once the container is."""
        if self._own is None:
            return
        if not _is_limited(self.limits):
            # The engine makes the group first and limits it a little later.
            self.limits = read_limits(self._own, _LIMITS) or self.limits
        if self._counters is not None:
            self._counters.read()

    def check(self, asked: int | None) -> None:
        """Raise SandboxError where the limits that were read back are not what was asked."""
        if asked is None:
            return
        if not self.limits:
            raise SandboxError(
                "the container's limits could not be read back before it ended; use the cgroup "
                "sandbox for so short a command"
            )
        check_limits(self.limits, asked)

    def meter(self) -> Meter:
        """Return what reads the container's memory, from the moment that its group is there."""
        return LateMeter(self)

    def open_meter(self) -> Meter | None:
        """Return a meter of the container's own group; None while that is absent.

        The parent's ``memory.stat`` would outlive the container, but the kernel adds up what is
        below a group only now and then: it was seen two seconds and half a gigabyte behind.
        """
        if self._own is None or not self._own.is_dir():
            return None
        if self._version == 2:
            return MeterV2(self._own)
        unified = self._seen.unified
        beside = Path(unified.point) / self._own.relative_to(self._top) if unified else None
        return MeterV1(self._own, beside)

    def pids(self) -> tuple[int, ...]:
        """Return the container's processes."""
        return pids_of(self._own) if self._own else ()

    def high_water_bytes(self) -> int | None:
        """Return the kernel's high-water counter; None where it was gone before it could be read.

        With a parent it outlives the container.
        """
        if self._parent is not None:
            return high_water_bytes(self._folder(self._top), self._version)
        counters = self._counters
        return counters.high_water_bytes if counters and counters.are_final else None

    def oom_kills(self) -> int:
        """Return how many processes of the container the kernel has killed for memory so far."""
        return self._counters.oom_kills if self._counters else 0

    def kills(self, limit: int | None, *, engine_says_killed: bool) -> Kills:
        """Return the kernel's kills in the container, and whose limit they were for.

        The engine's word stands in where the counters had gone before they could be read.
        """
        if self._version == 2:
            return self._kills_v2(engine_says_killed=engine_says_killed)
        seen = self._counters
        count = seen.oom_kills if seen else 0
        is_certain = count > 0 or (seen is not None and seen.are_final)
        noticed = seen.noticed if seen and count else None
        if not is_certain:
            # The engine hears of it from the kernel, by the same notice.
            count = noticed = int(engine_says_killed)
        mark_bytes = seen.high_water_bytes if seen and is_certain else None
        if self._parent is not None:
            mark_bytes = self.high_water_bytes()
        return Kills(
            count=count,
            limit_reached=whose_limit_v1(
                limit=limit,
                high_water_bytes=mark_bytes,
                hit_above=self._above is None or self._above.can_have_been_hit(),
                noticed=noticed,
                noticed_above=self._above.noticed() if self._above else None,
            ),
        )

    def _kills_v2(self, *, engine_says_killed: bool) -> Kills:
        seen = self._counters
        texts = [seen.events] if seen and seen.events else []
        if self._parent is not None:
            above = read_text(self._folder(self._top) / "memory.events")
            texts = [above, *texts] if above is not None else texts
        # Mounted with memory_localevents, the parent counts nothing of what is below it.
        counted = [kills for kills in map(kills_v2, texts) if kills.count]
        if counted:
            return counted[0]
        is_certain = self._parent is not None or (seen is not None and seen.are_final)
        # The engine counts kills for any limit.
        count = 0 if is_certain else int(engine_says_killed)
        return Kills(count=count, limit_reached=LimitReached.UNKNOWN)

    def freezer(self) -> Freezer | None:
        """Return what freezes the container through its group, where this user may do so."""
        if self._own is None:
            return None
        if self._version == 2:
            return FreezerV2(self._own) if os.access(self._own / "cgroup.freeze", os.W_OK) else None
        mount = self._seen.with_controller("freezer")
        if mount is None or not mount.writable:
            return None
        group = Path(mount.point) / self._own.relative_to(self._top)
        return FreezerV1(group) if os.access(group / "freezer.state", os.W_OK) else None

    def pressure(self) -> dict[str, str]:
        """Return the text of the container's pressure files, by name."""
        if self._own is None or self._version == 2 or self._seen.unified is None:
            return pressure_texts(self._own)
        beside = Path(self._seen.unified.point) / self._own.relative_to(self._top)
        return pressure_texts(beside)

    @property
    def assumed_slab_share(self) -> float:
        """What is taken for `slab_share` before the end."""
        return SLAB_SHARE if self._version == 1 else 0.0

    def slab_share(self, timeline: Timeline) -> float:
        """Return which share of the page cache was slab; see `groups.RunGroups.slab_share`.

        What the ended container left is charged to the parent now.
        """
        if self._version == 2 or self._parent is None or not timeline.is_blurred_by_cache():
            return 0.0
        return slab_share_v1(self._folder(self._top)) or 0.0

    def kill(self) -> None:
        """Kill the container's processes without the engine's help, where that can be done."""
        if self._own is not None:
            with contextlib.suppress(SandboxError, PermissionError):
                kill_all((self._own,))

    def remove(self) -> None:
        """Remove the parent from every hierarchy; the engine removes the container's own group.

        Raises:
            SandboxError: something of it stays.

        """
        for listening in (self._counters, self._above):
            if listening is not None:
                listening.close()
        if self._parent is None:
            return
        if self._parent.is_slice:
            subprocess.run(
                ["systemctl", "stop", self._parent.argument],
                capture_output=True,
                timeout=_SLICE_S,
                check=False,
            )
        for mount in self._seen.mounts:
            if mount.writable:
                remove_group(self._folder(Path(mount.point)))


def _is_limited(limits: dict[str, str]) -> bool:
    memory = limits.get("memory.max", limits.get("memory.limit_in_bytes"))
    return memory is not None and limit_bytes(memory) is not None


def _group_of(version: int, top: Path, pid: int, container: str) -> Iterable[Path]:
    text = read_text(Path(f"/proc/{pid}/cgroup"))
    if text is None or container[:12] not in text:
        return  # not a process of this machine
    groups = hierarchies(pid).groups
    yield top / groups.get("memory" if version == 1 else "", "/").lstrip("/")


class _Openable(Protocol):
    def open_meter(self) -> Meter | None: ...


class LateMeter:
    """A meter of a group that is not there yet."""

    def __init__(self, groups: _Openable) -> None:
        """Ask `groups` for a meter until it has one."""
        self._groups = groups
        self._meter: Meter | None = None

    def parts(self) -> MemoryParts:
        """Return the memory now; raises OSError before the group is there and once it is gone."""
        if self._meter is None:
            self._meter = self._groups.open_meter()
        if self._meter is None:
            raise FileNotFoundError
        return self._meter.parts()

    def stalled_us(self) -> int | None:
        """Return the microseconds stalled for memory so far."""
        return self._meter.stalled_us() if self._meter else None

    def close(self) -> None:
        """Close the files."""
        if self._meter is not None:
            self._meter.close()
