"""What a worker holds between two snapshots: the trough between two jobs."""

import dataclasses
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

_MOST_VISITS: Final = 65_536
# A worker that waits takes no memory at all; this is a few pages.
_STILL_BYTES: Final = 16 * 1024


class Measured(Protocol):
    """Something that was measured at one time; a `Sample`."""

    @property
    def at_s(self) -> float:
        """Seconds since the worker was started."""
        ...

    @property
    def unreclaimable_bytes(self) -> int:
        """Memory that must fit below the limit, in bytes."""
        ...


_Sample = TypeVar("_Sample", bound=Measured)


@dataclasses.dataclass
class _Visit(Generic[_Sample]):
    """One snapshot's time: from when it was opened until the next one was.

    `lowest` is the smallest sample up to the largest one, `top`, and `moved_bytes` by how much the
    last one differs from that before it.
    """

    index: int
    first: _Sample
    last: _Sample
    top: _Sample
    lowest: _Sample
    lowest_since: _Sample
    moved_bytes: int = 0

    def add(self, sample: _Sample) -> None:
        self.moved_bytes = abs(sample.unreclaimable_bytes - self.last.unreclaimable_bytes)
        self.last = sample
        if sample.unreclaimable_bytes > self.top.unreclaimable_bytes:
            self.top = sample
            self.lowest = _lower(self.lowest, self.lowest_since)
            self.lowest_since = sample
        else:
            self.lowest_since = _lower(self.lowest_since, sample)

    def mapped(self, change: Callable[[_Sample], _Sample]) -> "_Visit[_Sample]":
        return _Visit(
            self.index,
            change(self.first),
            change(self.last),
            change(self.top),
            change(self.lowest),
            change(self.lowest_since),
            self.moved_bytes,
        )


class Troughs(Generic[_Sample]):
    """Finds what is held between each two jobs, as samples come in.

    One is taken when a snapshot is opened, and that is the moment: the job before has ended, this
    one has read nothing. A machine that is busy can be late for it. So the smallest sample counts
    among those from there to the job's peak: what was kept before is there all the time. The last
    one before it counts too where memory stood still by then, as in a worker that waits for a job.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._visits: list[_Visit[_Sample]] = []
        self._in_order = True

    def add(self, index: int | None, sample: _Sample) -> None:
        """Take in the next sample; `index` is the snapshot that was opened last."""
        if index is None:
            return
        last = self._visits[-1] if self._visits else None
        if last is not None and last.index == index:
            last.add(sample)
            return
        if (last is not None and index < last.index) or len(self._visits) >= _MOST_VISITS:
            self._in_order = False
            return
        self._visits.append(_Visit(index, sample, sample, sample, sample, sample))

    def between(self, snapshots: int) -> tuple[int | None, ...]:
        """Return the memory after each of so many snapshots but the last, in bytes.

        None stands where the two that follow each other were not both seen. After the last the
        worker ends and gives all back, so nothing is known. Empty if they were not opened in order.
        """
        if not self._in_order:
            return ()
        visits = {visit.index: visit for visit in self._visits}
        return tuple(
            _trough(visits.get(index), visits.get(index + 1)) for index in range(snapshots - 1)
        )

    def mapped(self, change: Callable[[_Sample], _Sample]) -> "Troughs[_Sample]":
        """Return these troughs with `change` made to their samples."""
        changed: Troughs[_Sample] = Troughs()
        changed._in_order = self._in_order
        changed._visits = [visit.mapped(change) for visit in self._visits]
        return changed


def _trough(one: _Visit[_Sample] | None, other: _Visit[_Sample] | None) -> int | None:
    if one is None or other is None:
        return None
    return (
        _lower(one.last, other.lowest) if _waits(one, other) else other.lowest
    ).unreclaimable_bytes


def _waits(one: _Visit[_Sample], other: _Visit[_Sample]) -> bool:
    """Whether the one job had ended by its last sample, as far as can be seen.

    One from early in its time shows what the job began with, not what it kept.
    """
    middle_s = (one.first.at_s + other.first.at_s) / 2
    return one.last.at_s >= middle_s and one.moved_bytes <= _STILL_BYTES


def _lower(one: _Sample, other: _Sample) -> _Sample:
    return min(one, other, key=lambda sample: sample.unreclaimable_bytes)
