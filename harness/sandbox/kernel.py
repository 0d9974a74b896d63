"""The kernel's files, parsed as text: no path is opened here, so texts of any kernel can be tried.

Sources: Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst, accounting/psi.rst and
filesystems/proc.rst of the Linux kernel.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

# v1 shows "no limit" as the largest multiple of the page size below 2^63.
_NO_LIMIT_V1: Final = 2**62
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


class MemoryParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a group's memory, in bytes; see `core.peaks.Sample`.

    `slab_bytes` is reclaimable slab, which is in none of the other parts; 0 where it is not told.
    """

    anon_bytes: int
    shmem_bytes: int
    kernel_bytes: int
    file_bytes: int
    rss_bytes: int
    slab_bytes: int = 0

    @property
    def unreclaimable_bytes(self) -> int:
        """Memory that must fit below the limit, in bytes."""
        return self.anon_bytes + self.shmem_bytes + self.kernel_bytes


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A mounted cgroup hierarchy: where it is, which part of it that shows, its controllers."""

    point: str
    root: str
    version: int
    options: frozenset[str]
    writable: bool


def flat_keyed(text: str) -> dict[str, int]:
    """Return a flat keyed file such as ``memory.stat`` or ``memory.events`` as a mapping."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def parts_v1(memory_stat: str, kernel_usage: str) -> MemoryParts:
    """Return the parts from v1's ``memory.stat`` and ``memory.kmem.usage_in_bytes``.

    The ``total_`` lines include the groups below. v1 cannot tell reclaimable slab apart, so all
    kernel memory counts.
    """
    stat = flat_keyed(memory_stat)
    shmem = stat.get("total_shmem", 0)
    anon = stat.get("total_rss", 0)
    return MemoryParts(
        anon_bytes=anon,
        shmem_bytes=shmem,
        kernel_bytes=int(kernel_usage or 0),
        file_bytes=max(0, stat.get("total_cache", 0) - shmem),
        rss_bytes=anon + stat.get("total_mapped_file", 0),
    )


def parts_v2(memory_stat: str) -> MemoryParts:
    """Return the parts from v2's ``memory.stat``, whose lines include the groups below.

    Kernels before 5.18 have no ``kernel`` line; its parts are added up there. The buffers of
    sockets are the kernel's too, but in no kernel are they part of that line.
    """
    stat = flat_keyed(memory_stat)
    kernel = stat.get("kernel", _kernel_parts(stat)) + stat.get("sock", 0)
    anon, shmem = stat.get("anon", 0), stat.get("shmem", 0)
    return MemoryParts(
        anon_bytes=anon,
        shmem_bytes=shmem,
        kernel_bytes=max(0, kernel - stat.get("slab_reclaimable", 0)),
        file_bytes=max(0, stat.get("file", 0) - shmem),
        rss_bytes=anon + stat.get("file_mapped", 0),
        slab_bytes=stat.get("slab_reclaimable", 0),
    )


def _kernel_parts(stat: Mapping[str, int]) -> int:
    names = ("kernel_stack", "pagetables", "sec_pagetables", "percpu", "vmalloc", "slab")
    return sum(stat.get(name, 0) for name in names)


def limit_bytes(text: str) -> int | None:
    """Return the limit in a file such as ``memory.max``; None for no limit."""
    word = text.strip()
    if word == "max":
        return None
    value = int(word)
    return None if value < 0 or value >= _NO_LIMIT_V1 else value


def stalled_us(pressure: str) -> int | None:
    """Return the microseconds in which some task waited, from ``memory.pressure``; None if bare."""
    for line in pressure.splitlines():
        if line.startswith("some "):
            return int(line.rpartition("total=")[2])
    return None


def read_offset(fdinfo: str) -> int | None:
    """Return the offset in the text of ``/proc/PID/fdinfo/FD``."""
    for line in fdinfo.splitlines():
        if line.startswith("pos:"):
            return int(line.split()[1])
    return None


def group_paths(proc_cgroup: str) -> dict[str, str]:
    """Return the group by controller, from ``/proc/PID/cgroup``; v2's has an empty key."""
    paths: dict[str, str] = {}
    for line in proc_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def cgroup_mounts(mountinfo: str) -> tuple[Mount, ...]:
    """Return the cgroup hierarchies in ``/proc/PID/mountinfo``, in the file's order."""
    mounts: list[Mount] = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind_fields = left.split(), right.split()
        if len(fields) < 6 or not kind_fields or kind_fields[0] not in {"cgroup", "cgroup2"}:
            continue
        options = frozenset(kind_fields[2].split(",")) if len(kind_fields) > 2 else frozenset()
        mounts.append(
            Mount(
                point=_unescape(fields[4]),
                root=_unescape(fields[3]),
                version=2 if kind_fields[0] == "cgroup2" else 1,
                options=options,
                writable="rw" in fields[5].split(",") and "ro" not in options,
            )
        )
    return tuple(mounts)


def _unescape(text: str) -> str:
    """Return a path of mountinfo, in which spaces and the like stand as octal escapes."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def status_bytes(status: str) -> dict[str, int]:
    """Return the sizes in ``/proc/PID/status`` (``RssAnon``, ``VmHWM`` ...), in bytes."""
    sizes: dict[str, int] = {}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if len(words) == 2 and words[1] == "kB":
            sizes[name] = int(words[0]) * 1024
    return sizes


def namespace_pid(status: str) -> int | None:
    """Return the number that a process has in a PID namespace of its own; None where it has none.

    ``NSpid`` in ``/proc/PID/status`` lists its numbers from the outermost namespace to its own.
    """
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            numbers = line.split()[1:]
            return int(numbers[-1]) if len(numbers) > 1 else None
    return None


def pss_bytes(smaps_rollup: str) -> int:
    """Return the proportional share of anonymous and shared memory in ``smaps_rollup``, in bytes.

    Kernels before 5.9 have no ``Pss_Anon``; the whole share, files included, is taken there.
    """
    sizes = status_bytes(smaps_rollup)
    if "Pss_Anon" not in sizes:
        return sizes.get("Pss", 0)
    return sizes["Pss_Anon"] + sizes.get("Pss_Shmem", 0)


class ProcessStat(msgspec.Struct, frozen=True, kw_only=True):
    """What ``/proc/PID/stat`` says of a process's place in the tree."""

    parent: int
    group: int
    session: int
    state: str
    started_ticks: int


def process_stat(stat: str) -> ProcessStat:
    """Return the place of a process in the tree; its name may hold spaces and parentheses."""
    fields = stat.rpartition(")")[2].split()
    return ProcessStat(
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started_ticks=int(fields[19]),
    )
