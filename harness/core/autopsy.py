"""The autopsy: what a worker looked like while it stood still at its limit.

Every number here was read from outside while no process of the worker could run. The worker went on
afterwards; how the case ended is what the real limit did, in another run.
"""

import enum
from collections.abc import Iterable
from typing import Final

import msgspec

from harness.core.peaks import Sample
from harness.core.profile import Frame, own_frame, own_frames

SCHEMA: Final = 1
# A worker that stood further above its limit than this is not "at the limit".
TOLERANCE: Final = 0.01


class Fate(enum.Enum):
    """What becomes of a frozen worker once it has been looked at."""

    GO_ON = "go on"
    DIE = "die"


class Standstill(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker was brought to stand still.

    Attributes:
        limit_bytes: the limit at which it was to stand.
        crossed_bytes: unreclaimable memory when it was seen over it, at `crossed_at_s`.
        stood: the sample taken while every process stood.
        freezing_s: from the crossing to the moment when all stood, in seconds.
        frozen_s: for how long they stood, in seconds.
        approximate: the memory is not the kernel's own figure for exactly these processes.

    """

    limit_bytes: int
    crossed_bytes: int
    crossed_at_s: float
    stood: Sample
    freezing_s: float
    frozen_s: float = 0.0
    approximate: bool = False

    @property
    def overshoot_bytes(self) -> int:
        """By how much unreclaimable memory was over the limit once all stood, in bytes."""
        return self.stood.unreclaimable_bytes - self.limit_bytes

    def without_slab(self, share: float) -> "Standstill":
        """Return this less reclaimable slab, which is `share` of the page cache."""
        return msgspec.structs.replace(self, stood=self.stood.without_slab(share))

    @property
    def is_at_limit(self) -> bool:
        """Whether the worker stood within 1 % of its limit."""
        return abs(self.overshoot_bytes) <= self.limit_bytes * TOLERANCE


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread's stack, innermost frame first; `locals_` only where they were asked for.

    Attributes:
        holds_gil: whether it held Python's interpreter lock; None where that cannot be told.
        locals_: for each frame of `stack`, in its order, the names and values of its variables.

    """

    name: str
    thread_id: int
    stack: tuple[Frame, ...]
    active: bool = False
    holds_gil: bool | None = None
    locals_: tuple[dict[str, str], ...] = msgspec.field(default=(), name="locals")

    @property
    def line(self) -> Frame | None:
        """The innermost line of the user's own code."""
        return own_frame(self.stack)


class OpenFile(msgspec.Struct, frozen=True, kw_only=True):
    """An open file of a process; sizes and offsets in bytes, None where there are none."""

    fd: int
    path: str
    offset_bytes: int | None
    size_bytes: int | None


class MapArea(msgspec.Struct, frozen=True, kw_only=True):
    """The mappings of one name in a process, together, in bytes.

    Attributes:
        name: a file, ``[heap]``, ``[stack]``, or ``[anonymous]`` for memory without a name.
        count: how many mappings there are.
        size_bytes: of address space.
        resident_bytes: in memory.
        anonymous_bytes: of these, what is no page of a file.

    """

    name: str
    count: int
    size_bytes: int
    resident_bytes: int
    anonymous_bytes: int


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the frozen worker.

    Attributes:
        inner_pid: its number as the worker itself sees it; another one than `pid` in a container.
        command: its words.
        rollup: ``smaps_rollup``: resident, proportional, anonymous memory and so on, in bytes.
        areas: the largest mappings, put together by name.
        open_files: regular files.
        threads: their stacks; empty where `stack_problem` says why there are none.

    """

    pid: int
    parent: int
    command: tuple[str, ...]
    rollup: dict[str, int]
    areas: tuple[MapArea, ...]
    open_files: tuple[OpenFile, ...]
    threads: tuple[Thread, ...] = ()
    stack_problem: str = ""
    inner_pid: int = 0

    @property
    def anonymous_bytes(self) -> int:
        """Resident anonymous memory; pages shared after a fork count in every process."""
        return self.rollup.get("Anonymous", 0)

    @property
    def own_share_bytes(self) -> int:
        """Its share of anonymous and shared memory: a page of several is divided among them."""
        if "Pss_Anon" not in self.rollup:
            return self.anonymous_bytes
        return self.rollup["Pss_Anon"] + self.rollup.get("Pss_Shmem", 0)


class StoppedAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a snapshot the worker was: the offset it had read to, and the JSON path there.

    Attributes:
        snapshot: the file's name.
        offset_bytes: of the open file; None where it was not open.
        size_bytes: of the file.
        path: such as ``$.troops[17].name``; None where `reason` says why.

    """

    snapshot: str
    offset_bytes: int | None = msgspec.field(name="offset")
    size_bytes: int
    path: str | None = None
    reason: str = ""

    @property
    def is_at_end(self) -> bool:
        """Whether the snapshot had been read to its end."""
        return self.offset_bytes is not None and self.offset_bytes >= self.size_bytes


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was gathered of a worker that stood still.

    Attributes:
        processes: those that hold most first.
        pressure: the kernel's pressure figures (PSI), as text by file.
        problems: what could not be had, and why, in whole sentences.

    """

    processes: tuple[Process, ...]
    pressure: dict[str, str] = {}
    problems: tuple[str, ...] = ()


class Autopsy(msgspec.Struct, frozen=True, kw_only=True):
    """A worker at its limit: how it stood, and what was gathered meanwhile.

    Attributes:
        schema: of this document; loaders refuse one they do not know.

    """

    schema: int = SCHEMA
    standstill: Standstill
    evidence: Evidence
    stopped_at: StoppedAt | None = None

    def without_slab(self, share: float) -> "Autopsy":
        """Return this with memory less reclaimable slab, which is `share` of the page cache."""
        return msgspec.structs.replace(self, standstill=self.standstill.without_slab(share))

    def earlier(self, seconds: float) -> "Autopsy":
        """Return this with times that count from `seconds` later."""
        standstill = msgspec.structs.replace(
            self.standstill,
            crossed_at_s=round(max(0.0, self.standstill.crossed_at_s - seconds), 4),
            stood=self.standstill.stood.earlier(seconds),
        )
        return msgspec.structs.replace(self, standstill=standstill)

    @property
    def stack(self) -> tuple[Frame, ...]:
        """The stack at the limit: see `main_thread`. Empty where there is none."""
        thread = main_thread(self.evidence.processes)
        return thread.stack if thread else ()


def main_thread(processes: Iterable[Process]) -> Thread | None:
    """Return the thread that most likely grew: of the process that holds most, the one at work.

    At work is the holder of the interpreter lock; else an active thread, the main one first.
    """
    for process in processes:
        ranked = sorted(
            (thread for thread in process.threads if thread.stack),
            key=lambda thread: (not thread.holds_gil, not thread.active, thread.name != MAIN),
        )
        if ranked:
            return ranked[0]
    return None


MAIN: Final = "MainThread"


def same_place(one: Iterable[Frame], other: Iterable[Frame]) -> bool:
    """Whether two stacks stand in the same code: the same own functions, in the same order.

    The lines of frames above may differ: a loop is at one of its lines or the next. Of the
    innermost own function, the file and the name count as well.
    """
    return _own_functions(one) == _own_functions(other)


def _own_functions(stack: Iterable[Frame]) -> tuple[tuple[str, str], ...]:
    return tuple((frame.file, frame.function) for frame in own_frames(stack))
