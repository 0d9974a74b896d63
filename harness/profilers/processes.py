"""What profiled processes said of themselves, and the tables that tracemalloc left."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from harness.core.profile import Frame, Profiler, Site
from harness.profilers.reading import Reading, reading_of

STATUS: Final = ".status.json"
_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_STATUS_BYTES: Final = 64 * 1024
_UNREADABLE: Final = (OSError, msgspec.MsgspecError, ValueError, RecursionError)
Rows: TypeAlias = tuple[tuple[int, int, tuple[tuple[str, int], ...]], ...]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One profiled process, by its status file.

    Attributes:
        reasons: why a profiler that was to be preferred was not taken.
        capture: the name of the capture file; empty where there is none.
        base_bytes: the anonymous memory that it held before the profiler began.
        profiler_bytes: what the profiler's start added to that.
        ended: the process came to its own end, so it was not killed.
        forked: it is a fork of another one, and holds only what it allocated itself.
        cut_s: when the profiler stopped because its capture had reached the cap, since 1970.

    """

    pid: int
    parent: int = 0
    python: str = ""
    executable: str = ""
    began_s: float = 0.0
    base_bytes: int = 0
    profiler_bytes: int = 0
    reasons: tuple[str, ...] = ()
    profiler: Profiler | None = None
    version: str = ""
    capture: str = ""
    ended: bool = False
    forked: bool = False
    cut_s: float | None = None

    @property
    def interpreter(self) -> str:
        """The interpreter as people would name it."""
        return f"Python {self.python}" + (f" ({self.executable})" if self.executable else "")


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    """What tracemalloc held when a process could look at it last."""

    at_s: float
    traced: int
    peak: int
    resident_bytes: int
    overhead_bytes: int
    sites: Rows
    bytes: int
    stacks: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a process with tracemalloc says of itself between two tables, in bytes.

    Attributes:
        extra_bytes: what tracemalloc holds then, and what looking at it takes.

    """

    traced: int
    peak: int
    extra_bytes: int = 0


def read_status(data: bytes) -> Process | None:
    """Return the process that a status file tells of, or None where the file is damaged."""
    try:
        return msgspec.json.decode(data, type=Process)
    except _UNREADABLE:
        return None


def processes_in(folder: Path) -> tuple[Process, ...]:
    """Return the processes that reported in `folder`, the earliest first."""
    found: list[Process] = []
    for path in sorted(folder.glob(f"*{STATUS}")):
        process = read_status(data_of(path, _MOST_STATUS_BYTES))
        # What is not the name of a file in this folder was not written by our own code.
        if process is not None and "/" not in process.capture:
            found.append(process)
    return tuple(sorted(found, key=lambda process: (process.began_s, process.pid)))


def data_of(path: Path, most_bytes: int = _MOST_BYTES) -> bytes:
    """Return what a small file holds; nothing of one that a worker has put there for it."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > most_bytes:
            return b""
        return path.read_bytes()
    except OSError:
        return b""


def read_table(data: bytes) -> Reading | None:
    """Return what a table of tracemalloc's says, or None where it is damaged."""
    try:
        table = msgspec.json.decode(data, type=_Table)
    except _UNREADABLE:
        return None
    made = reading_of(sites_of(table.sites))
    listed_bytes = sum(size for size, _, _ in table.sites)
    return msgspec.structs.replace(
        made,
        total_bytes=made.total_bytes + max(0, table.bytes - listed_bytes),
        left_out=made.left_out + max(0, table.stacks - len(table.sites)),
        resident_bytes=table.resident_bytes,
        first_s=table.at_s,
        last_s=table.at_s,
        peak_bytes=max(table.peak, table.traced),
        overhead_bytes=table.overhead_bytes,
    )


def sites_of(rows: Rows) -> Iterable[Site]:
    """Yield the sites of a table: bytes, count, and the frames as files with their lines."""
    for size, count, frames in rows:
        stack = tuple(Frame(function="", file=file, line=line) for file, line in frames)
        yield Site(stack=stack, bytes=size, count=count)


def read_traced(folder: Path, process: Process) -> Reading | None:
    """Return what tracemalloc left of a process, with the largest sum that it told of."""
    path = folder / process.capture
    made = read_table(data_of(path))
    if made is None:
        return None
    told = read_told(folder, process)
    if told is None:
        return made
    return msgspec.structs.replace(
        made,
        peak_bytes=max(made.peak_bytes or 0, told.peak),
        overhead_bytes=max(made.overhead_bytes, told.extra_bytes),
    )


def read_told(folder: Path, process: Process) -> Told | None:
    """Return what a process with tracemalloc said of itself last, or None where it said nothing."""
    try:
        return msgspec.json.decode(
            data_of((folder / process.capture).with_suffix(".peak.json")), type=Told
        )
    except _UNREADABLE:
        return None
