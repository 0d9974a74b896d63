"""What a reader of a heap profile should know of how it was taken, in whole sentences."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from harness.core.profile import Moment, Profiler
from harness.core.units import format_bytes, format_seconds
from harness.profilers.processes import Process
from harness.profilers.reading import Reading

# Below this share of the peak, the largest state looked at is worth a word.
_NEAR_PEAK = 0.98


class Read(Protocol):
    """A process and what was read of it."""

    @property
    def process(self) -> Process:
        """The process."""

    @property
    def reading(self) -> Reading:
        """What was read of it."""

    @property
    def cut_at_bytes(self) -> int | None:
        """Where its capture was cut to be read, or None."""


def notes_on(seen: Sequence[Read], chosen: Sequence[Read], moment: Moment) -> Iterable[str]:
    """Yield the notes on a profile of `chosen`, out of all the processes `seen`."""
    for one in chosen:
        yield from _cut(one)
        yield from _unseen(one)
    left = len(seen) - len(chosen)
    if left:
        who, held = ("process", "holds") if left == 1 else ("processes", "hold")
        yield (
            f"{left} other {who} of the worker had ended before, or made way for another program, "
            f"and {held} nothing here."
        )
    if len(chosen) > 1 and moment is Moment.HIGH_WATER:
        yield (
            f"This is the sum of {len(chosen)} processes, each at its own high-water mark: these "
            "need not have been at one time."
        )
    if any(one.process.forked for one in chosen):
        yield "A forked process is shown with what it allocated itself, not what it shares."


def _cut(one: Read) -> Iterable[str]:
    process, reading = one.process, one.reading
    if process.cut_s is not None:
        after = format_seconds(max(0.0, process.cut_s - process.began_s))
        yield (
            f"The capture of process {process.pid} reached its cap after {after} and ends there: "
            "what was allocated later is not in this profile."
        )
    elif one.cut_at_bytes is not None:
        after = format_seconds(max(0.0, reading.last_s - process.began_s))
        yield (
            f"The capture of process {process.pid} was cut at {format_bytes(one.cut_at_bytes)}, "
            f"{after} after its start, to be read: what was allocated later is not in this profile."
        )


def _unseen(one: Read) -> Iterable[str]:
    reading = one.reading
    if one.process.profiler is not Profiler.TRACEMALLOC or not reading.peak_bytes:
        return
    if reading.total_bytes < _NEAR_PEAK * reading.peak_bytes:
        yield (
            f"The largest state of process {one.process.pid} that tracemalloc could look at is "
            f"{format_bytes(reading.total_bytes)} of {format_bytes(reading.peak_bytes)} at the "
            "peak: a parser that keeps the interpreter busy lets nobody look, and near the limit "
            "there is no room to."
        )
