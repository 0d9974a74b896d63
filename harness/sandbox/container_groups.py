"""A container's groups on this machine: the one above it, which is ours, and its own."""

import contextlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from harness.core.errors import SandboxError
from harness.core.peaks import SLAB_SHARE, Timeline
from harness.sandbox.engine import Engine
from harness.sandbox.files import read_text
from harness.sandbox.freeze import Freezer, FreezerV1, FreezerV2
from harness.sandbox.group import (
    Kills,
    Meter,
    MeterV1,
    MeterV2,
    check_limits,
    failures_above_v1,
    high_water_bytes,
    kill_all,
    kills_v2,
    pids_of,
    pressure_texts,
    read_limits,
    remove_group,
    slab_share_v1,
    whose_limit_v1,
)
from harness.sandbox.kernel import MemoryParts, flat_keyed, limit_bytes
from harness.sandbox.places import hierarchies

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
        self._oom_kills = 0
        self._high_water_bytes: int | None = None
        self.limits: dict[str, str] = {}
        if parent is not None and not parent.is_slice:
            self._folder(self._top).mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # always on since Linux 5.11
                (self._folder(self._top) / "memory.use_hierarchy").write_text("1")
        self._failures = self._failures_above()

    def _folder(self, top: Path) -> Path:
        return top / self._parent.path if self._parent else top

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
                if self._parent is None:
                    self._failures = self._failures_above()
                return True
        return False

    def _candidates(self, container: str, pid: int | None) -> Iterable[Path]:
        names = (container, f"docker-{container}.scope")
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
        if self._version == 1:
            control = flat_keyed(read_text(self._own / "memory.oom_control") or "")
            self._oom_kills = max(self._oom_kills, control.get("oom_kill", 0))
        if self._parent is None:
            self._high_water_bytes = (
                high_water_bytes(self._own, self._version) or self._high_water_bytes
            )

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
        """Return the kernel's high-water counter: of the parent, or as it was last read."""
        if self._parent is None:
            return self._high_water_bytes
        return high_water_bytes(self._folder(self._top), self._version)

    def oom_kills(self) -> int:
        """Return how many processes of the container the kernel has killed for memory so far."""
        if self._version == 1:
            return self._oom_kills  # as `update` read it
        folder = self._folder(self._top) if self._parent else self._own
        events = read_text(folder / "memory.events") if folder is not None else None
        return flat_keyed(events or "").get("oom_kill", 0)

    def kills(self, limit: int | None, *, engine_says_killed: bool) -> Kills:
        """Return the kernel's kills in the container, and whose limit they were for.

        On v1 the counter goes with the container's group, so the engine's word stands in for a
        kill that was counted after the last reading.
        """
        folder = self._folder(self._top) if self._parent else self._own
        if self._version == 2 and folder is not None:
            events = read_text(folder / "memory.events")
            if events is not None:
                return kills_v2(events)
        hit_above = self._failures_above() != self._failures
        return Kills(
            count=max(self._oom_kills, int(engine_says_killed)),
            limit_reached=whose_limit_v1(
                limit=limit, high_water_bytes=self.high_water_bytes(), hit_above=hit_above
            ),
        )

    def _failures_above(self) -> dict[str, int]:
        group = self._folder(self._top) if self._parent else self._own
        if self._version == 1 and group is not None:
            return failures_above_v1(group, self._top)
        return {}

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
