"""What is read of one process's capture: its sites at a moment, and what the profiler said of time.

memray's own reader is imported here alone, and this runs in a process of its own, for a capture is
what a dying worker left: ``python -m harness.profilers.reading FILE MOMENT BOUND_BYTES``.
"""

import contextlib
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from harness.core.encoding import encode_json
from harness.core.profile import Frame, Moment, Site, merge_sites

if TYPE_CHECKING:
    from memray import AllocationRecord, FileReader, MemorySnapshot

INSIDE: Final = str(Path(__file__).resolve().parent.parent / "inside")
MOST_SITES: Final = 2000
_MOST_FRAMES: Final = 100


class Heap(msgspec.Struct, frozen=True, kw_only=True):
    """The heap of a process at a time, in seconds since 1970."""

    at_s: float
    heap_bytes: int
    resident_bytes: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one process's capture says of one moment.

    Attributes:
        total_bytes: of all sites, the `left_out` smaller ones included.
        sites: the largest first.
        resident_bytes: of the process at that moment; None where the profiler does not say.
        first_s: when the profiler's own record begins, in seconds since 1970.
        last_s: when it ends.
        peak_bytes: the largest total that was ever seen; None where that is not known.
        overhead_bytes: what the profiler's own table held then, beside what its start cost.
        reader_bytes: the memory that reading it took.

    """

    total_bytes: int
    sites: tuple[Site, ...]
    left_out: int = 0
    resident_bytes: int | None = None
    first_s: float = 0.0
    last_s: float = 0.0
    peak_bytes: int | None = None
    overhead_bytes: int = 0
    reader_bytes: int = 0


def reading_of(sites: Iterable[Site]) -> Reading:
    """Return the reading that `sites` make, without those of the profiler's own code."""
    merged = merge_sites(site for site in sites if not _is_ours(site))
    return Reading(
        total_bytes=sum(site.bytes for site in merged),
        sites=merged[:MOST_SITES],
        left_out=max(0, len(merged) - MOST_SITES),
    )


def _is_ours(site: Site) -> bool:
    return any(frame.file.startswith(INSIDE) for frame in site.stack)


def read_memray(path: Path, moment: Moment) -> Reading:
    """Return what a capture of memray's says; raises OSError or ValueError where it is none."""
    with open_capture(path) as reader:
        made = reading_of(_sites(records_at(reader, moment)))
        heaps = [_heap(snapshot) for snapshot in reader.get_memory_snapshots()]
    if not heaps:
        return made
    top = max(heaps, key=lambda heap: heap.heap_bytes)
    chosen = heaps[-1] if moment is Moment.DEATH else top
    return msgspec.structs.replace(
        made,
        resident_bytes=chosen.resident_bytes,
        first_s=heaps[0].at_s,
        last_s=heaps[-1].at_s,
        peak_bytes=top.heap_bytes,
    )


@contextlib.contextmanager
def open_capture(path: Path) -> Iterator["FileReader"]:
    """Open a capture that may have lost its end, without memray's complaints."""
    from memray import FileReader  # noqa: PLC0415  (only this process pays for it)
    from memray._memray import set_log_level  # noqa: PLC0415

    set_log_level(50)
    with FileReader(path) as reader:
        yield reader


def records_at(reader: "FileReader", moment: Moment) -> "Iterable[AllocationRecord]":
    """Return what was alive at a moment; a capture without an end ends with its process."""
    if moment is Moment.DEATH:
        return reader.get_leaked_allocation_records(merge_threads=True)
    return reader.get_high_watermark_allocation_records(merge_threads=True)


def _sites(records: "Iterable[AllocationRecord]") -> Iterator[Site]:
    for record in records:
        frames = record.stack_trace(max_stacks=_MOST_FRAMES)
        yield Site(
            stack=tuple(Frame(function=name, file=file, line=line) for name, file, line in frames),
            bytes=record.size,
            count=record.n_allocations,
        )


def _heap(snapshot: "MemorySnapshot") -> Heap:
    return Heap(at_s=snapshot.time / 1000, heap_bytes=snapshot.heap, resident_bytes=snapshot.rss)


def keep_below(bound_bytes: int) -> None:
    """Let this process fail rather than grow beyond `bound_bytes`, whatever it is given to read."""
    resource.setrlimit(resource.RLIMIT_DATA, (bound_bytes, bound_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def high_water_bytes() -> int:
    """Return the most that this process was ever resident with, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(words: list[str]) -> int:
    """Read one capture and write the reading to the standard output."""
    path, moment, bound_bytes = words
    keep_below(int(bound_bytes))
    try:
        made = read_memray(Path(path), Moment(moment))
    except (OSError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.buffer.write(
        encode_json(msgspec.structs.replace(made, reader_bytes=high_water_bytes()))
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
