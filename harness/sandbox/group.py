"""Memory groups of the kernel, v1 and v2: made, limited, measured, emptied and removed."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from harness.core.errors import SandboxError
from harness.core.units import format_bytes
from harness.sandbox.files import KernelFile, read_text, write_text
from harness.sandbox.kernel import (
    MemoryParts,
    limit_bytes,
    parts_v1,
    parts_v2,
    stalled_us,
)

_PERIOD_US: Final = 100_000
_LEAST_CACHE_BYTES: Final = 1024 * 1024


class Meter(Protocol):
    """Reads a group's memory, many times a second."""

    def parts(self) -> MemoryParts:
        """Return the memory now; raises OSError once the group is gone."""

    def stalled_us(self) -> int | None:
        """Return the microseconds stalled for memory so far, or None where nobody counts."""

    def close(self) -> None:
        """Close the files."""


class MeterV1:
    """Memory of a v1 group; its pressure comes from the v2 hierarchy beside it, if there is one."""

    def __init__(self, memory: Path, unified: Path | None) -> None:
        """Open the files of the group `memory`, and of `unified` in the other hierarchy."""
        self._stat = KernelFile(memory / "memory.stat")
        self._kernel = KernelFile(memory / "memory.kmem.usage_in_bytes")
        self._pressure = _pressure(unified)

    def parts(self) -> MemoryParts:
        """Return the memory now."""
        return parts_v1(self._stat.read(), self._kernel.read())

    def stalled_us(self) -> int | None:
        """Return the microseconds stalled for memory so far."""
        return _read_pressure(self._pressure)

    def close(self) -> None:
        """Close the files."""
        for file in (self._stat, self._kernel, self._pressure):
            if file is not None:
                file.close()


class MeterV2:
    """Memory of a v2 group."""

    def __init__(self, group: Path) -> None:
        """Open the files of `group`."""
        self._stat = KernelFile(group / "memory.stat")
        self._pressure = _pressure(group)

    def parts(self) -> MemoryParts:
        """Return the memory now."""
        return parts_v2(self._stat.read())

    def stalled_us(self) -> int | None:
        """Return the microseconds stalled for memory so far."""
        return _read_pressure(self._pressure)

    def close(self) -> None:
        """Close the files."""
        for file in (self._stat, self._pressure):
            if file is not None:
                file.close()


def _pressure(group: Path | None) -> KernelFile | None:
    if group is None:
        return None
    try:
        return KernelFile(group / "memory.pressure")
    except OSError:
        return None


def _read_pressure(file: KernelFile | None) -> int | None:
    if file is None:
        return None
    try:
        return stalled_us(file.read())
    except OSError:
        # Built in but switched off (psi=0): reading fails.
        return None


def pressure_texts(group: Path | None) -> dict[str, str]:
    """Return the text of a group's pressure files and the machine's, by name: `memory` and so on.

    A kernel without them, or with psi=0, has none.
    """
    places = {"machine memory": Path("/proc/pressure/memory")}
    if group is not None:
        places |= {name: group / f"{name}.pressure" for name in ("memory", "io", "cpu")}
    texts = {name: read_text(path) for name, path in places.items()}
    return {name: text.strip() for name, text in texts.items() if text}


def set_limit_v1(group: Path, limit: int | None) -> dict[str, str]:
    """Limit memory and memory + swap of a v1 group, and return both as read back.

    Raises:
        SandboxError: the kernel did not take a limit.

    """
    if limit is None:
        return read_limits(group, ("memory.limit_in_bytes",))
    write_text(group / "memory.limit_in_bytes", str(limit))
    with contextlib.suppress(FileNotFoundError):  # kernels without swap accounting
        write_text(group / "memory.memsw.limit_in_bytes", str(limit))
    names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    return check_limits(read_limits(group, names), limit)


def set_limit_v2(group: Path, limit: int | None) -> dict[str, str]:
    """Limit memory of a v2 group, forbid it swap, and return both as read back."""
    with contextlib.suppress(FileNotFoundError):  # kernels without swap
        write_text(group / "memory.swap.max", "0")
    if limit is not None:
        write_text(group / "memory.max", str(limit))
    return check_limits(read_limits(group, ("memory.max", "memory.swap.max")), limit)


def read_limits(group: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the limits of a group by the name of their file, those that are there."""
    texts = {name: read_text(group / name) for name in names}
    return {name: text.strip() for name, text in texts.items() if text is not None}


def check_limits(limits: dict[str, str], asked: int | None) -> dict[str, str]:
    """Return `limits` if they hold what was asked for.

    The kernel rounds a limit down to whole pages. Swap must be shut where the machine has any.

    Raises:
        SandboxError: a limit is not what was asked for, so a verdict would be about something else.

    """
    if asked is None:
        return limits
    page = os.sysconf("SC_PAGE_SIZE")
    memory = limits.get("memory.max", limits.get("memory.limit_in_bytes"))
    held = None if memory is None else limit_bytes(memory)
    if held is None or not asked - page < held <= asked:
        raise SandboxError(
            f"the sandbox's memory limit reads back as {memory or 'missing'} where "
            f"{asked} ({format_bytes(asked)}) was asked; the engine or the kernel discarded it"
        )
    if not swap_is_shut(limits) and machine_swap_bytes():
        raise SandboxError(
            "the worker could swap: its swap limit was not taken, and this machine has swap; "
            "run `swapoff -a`, or boot with swapaccount=1"
        )
    return limits


def swap_is_shut(limits: dict[str, str]) -> bool:
    """Whether these limits leave the group no swap."""
    if "memory.swap.max" in limits:
        return limits["memory.swap.max"] == "0"
    both = limits.get("memory.memsw.limit_in_bytes")
    return both is not None and both == limits.get("memory.limit_in_bytes")


def machine_swap_bytes() -> int:
    """Return the swap that this machine has, in bytes."""
    text = read_text(Path("/proc/meminfo")) or ""
    for line in text.splitlines():
        if line.startswith("SwapTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def slab_share_v1(group: Path) -> float | None:
    """Return the reclaimable slab that comes with each byte of page cache, in an ended v1 group.

    v1 counts kernel memory as one, also what goes with the page cache and is given back with it:
    buffer heads and tree nodes, near 3 % of the cache on ext4. Once the group has no process, all
    that is left in it can be reclaimed; a limit of zero makes the kernel do so, and what kernel
    memory falls by is the slab. None where too little cache is left to tell.
    """
    cache_bytes, slab_bytes = _leftover(group)
    if cache_bytes < _LEAST_CACHE_BYTES:
        return None
    with contextlib.suppress(OSError):  # the kernel says EBUSY where a page will not go
        write_text(group / "memory.limit_in_bytes", "0")
    cache_left_bytes, slab_left_bytes = _leftover(group)
    freed_bytes = cache_bytes - cache_left_bytes
    if freed_bytes < _LEAST_CACHE_BYTES:
        return None
    return max(0.0, (slab_bytes - slab_left_bytes) / freed_bytes)


def _leftover(group: Path) -> tuple[int, int]:
    """Return page cache and kernel memory of a group without processes, in bytes."""
    usage = int(read_text(group / "memory.usage_in_bytes") or 0)
    kernel = int(read_text(group / "memory.kmem.usage_in_bytes") or 0)
    return usage - kernel, kernel


def high_water_bytes(group: Path, version: int) -> int | None:
    """Return the kernel's high-water counter of a group; v2 has one since Linux 5.19."""
    name = "memory.max_usage_in_bytes" if version == 1 else "memory.peak"
    text = read_text(group / name)
    return int(text) if text else None


def pids_of(group: Path) -> tuple[int, ...]:
    """Return the processes of a group, without those of groups below it."""
    text = read_text(group / "cgroup.procs") or ""
    return tuple(int(line) for line in text.split())


def pids_below(group: Path) -> tuple[int, ...]:
    """Return the processes of a group and of the groups below it, which a worker may have made."""
    return tuple(pid for path, _, _ in os.walk(group) for pid in pids_of(Path(path)))


def signal_all(groups: Iterable[Path]) -> frozenset[int]:
    """Send SIGKILL to every process of `groups` and below them, and return the processes."""
    pids = frozenset(pid for group in groups for pid in pids_below(group))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def kill_all(groups: Iterable[Path], *, deadline_s: float = 10.0) -> None:
    """Kill every process of `groups`, again and again until none is left.

    Raises:
        SandboxError: some process did not die in `deadline_s` seconds.

    """
    places = tuple(groups)
    for group in places:
        with contextlib.suppress(OSError):
            write_text(group / "cgroup.kill", "1")  # v2, Linux 5.14 and later
    end = time.monotonic() + deadline_s
    pause_s = 0.0005
    while pids := signal_all(places):
        if time.monotonic() > end:
            raise SandboxError(f"processes {sorted(pids)[:5]} of the sandbox do not die")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)


def remove_group(group: Path, *, deadline_s: float = 5.0) -> None:
    """Remove a group and those below it; a group that is gone already is fine.

    The last process may still be on its way out when the group reads as empty, so EBUSY is tried
    again for a while.

    Raises:
        SandboxError: it could not be removed.

    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            _remove_tree(group)
        except OSError as error:
            if time.monotonic() > end:
                raise SandboxError(f"{group} cannot be removed: {error.strerror}") from error
            time.sleep(0.002)
        else:
            return


def _remove_tree(group: Path) -> None:
    if not group.is_dir():
        return
    for below in group.iterdir():
        if below.is_dir():
            _remove_tree(below)
    with contextlib.suppress(FileNotFoundError):
        group.rmdir()


def cpu_quota(cpus: float) -> tuple[int, int]:
    """Return quota and period in microseconds that give a group `cpus` processors' time."""
    return int(cpus * _PERIOD_US), _PERIOD_US
