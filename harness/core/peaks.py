"""Memory over time: samples, their parts, the peak as an interval, and a timeline that stays small.

The headline is *unreclaimable* memory: anonymous + shared + kernel memory (on cgroup v2 less
reclaimable slab), because that is what must fit. Page cache is kept apart: the kernel gives it
back under pressure.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

TIMELINE_SAMPLES: Final = 4096
# Reclaimable slab that goes with the page cache is near 3 % of it; a blur below 0.1 % is none.
_SLAB_SHARE: Final = 0.03
_BLUR: Final = 0.001


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one sandbox at one time.

    Attributes:
        at_s: seconds since the worker was started.
        anon_bytes: anonymous memory: heaps, stacks, private mappings written to.
        shmem_bytes: shared memory and tmpfs.
        kernel_bytes: kernel memory that cannot be reclaimed.
        file_bytes: page cache, without shared memory.
        rss_bytes: resident in the processes: anonymous memory and mapped files.
        offset_bytes: how far the worker's open snapshot has been read; None when it is not open.
        stalled_us: microseconds in which some task waited for memory (PSI, total so far), or None.

    """

    at_s: float
    anon_bytes: int
    shmem_bytes: int = 0
    kernel_bytes: int = 0
    file_bytes: int = 0
    rss_bytes: int = 0
    offset_bytes: int | None = None
    stalled_us: int | None = None

    @property
    def unreclaimable_bytes(self) -> int:
        """Memory that must fit below the limit, in bytes."""
        return self.anon_bytes + self.shmem_bytes + self.kernel_bytes


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the peak was made of: the parts of the sample that made it, in bytes."""

    anon_bytes: int
    kernel_bytes: int
    shmem_bytes: int
    file_bytes: int
    rss_bytes: int


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The peak of unreclaimable memory as an interval, in bytes.

    Attributes:
        peak_bytes: the largest sample.
        peak_upper_bytes: the kernel's high-water counter, which also counts page cache; None where
            the counter could not be read after the end.
        parts: of the sample that made the peak.

    """

    peak_bytes: int
    peak_upper_bytes: int | None
    parts: Parts

    def holds(self, size_bytes: int) -> bool:
        """Whether `size_bytes` lies inside the interval, so that the peak alone cannot decide."""
        if self.peak_upper_bytes is None:
            return self.peak_bytes <= size_bytes
        return self.peak_bytes <= size_bytes < self.peak_upper_bytes


def peak_of(samples: "Timeline", high_water_bytes: int | None) -> Peak | None:
    """Return the peak of a run, or None if not one sample was taken."""
    top = samples.top
    if top is None:
        return None
    upper = high_water_bytes
    if upper is not None:
        # A counter is read a little after the last sample, so it is never below it in truth;
        # batched per-CPU charges may show it so by a few pages.
        upper = max(upper, top.unreclaimable_bytes)
    return Peak(
        peak_bytes=top.unreclaimable_bytes,
        peak_upper_bytes=upper,
        parts=Parts(
            anon_bytes=top.anon_bytes,
            kernel_bytes=top.kernel_bytes,
            shmem_bytes=top.shmem_bytes,
            file_bytes=top.file_bytes,
            rss_bytes=top.rss_bytes,
        ),
    )


class Timeline:
    """The samples of a run, in order, in bounded memory.

    Once `capacity` samples are held, neighbours are merged in pairs and only every second, fourth,
    ... sample is taken from then on. Of each pair the larger survives, so a peak is never lost;
    `top` is the largest sample of all.
    """

    def __init__(self, capacity: int = TIMELINE_SAMPLES) -> None:
        """Hold at most `capacity` samples (at least two, and even)."""
        self._capacity = max(2, capacity + capacity % 2)
        self._samples: list[Sample] = []
        self._stride = 1
        self._pending: list[Sample] = []
        self.top: Sample | None = None
        self.seen = 0

    def add(self, sample: Sample) -> None:
        """Take in the next sample."""
        self.seen += 1
        if self.top is None or sample.unreclaimable_bytes > self.top.unreclaimable_bytes:
            self.top = sample
        self._pending.append(sample)
        if len(self._pending) >= self._stride:
            self._samples.append(_larger(self._pending))
            self._pending.clear()
        if len(self._samples) >= self._capacity:
            self._halve()

    def _halve(self) -> None:
        pairs = zip(self._samples[::2], self._samples[1::2], strict=True)
        self._samples = [_larger([first, second]) for first, second in pairs]
        self._stride *= 2

    def shift(self, seconds: float) -> None:
        """Count the time of all samples from `seconds` later; what was before counts as zero."""
        self._samples = [_later(sample, seconds) for sample in self._samples]
        self._pending = [_later(sample, seconds) for sample in self._pending]
        self.top = _later(self.top, seconds) if self.top else None

    def is_blurred_by_cache(self) -> bool:
        """Whether the page cache at the peak was large enough for its slab to show in the peak."""
        return self.top is not None and (
            self.top.file_bytes * _SLAB_SHARE > self.top.unreclaimable_bytes * _BLUR
        )

    def without_slab(self, share: float) -> "Timeline":
        """Return this timeline less reclaimable slab, which is `share` of the page cache."""
        corrected = Timeline(self._capacity)
        corrected.add_all(_without_slab(sample, share) for sample in self.samples())
        corrected.seen = self.seen
        return corrected

    def add_all(self, samples: Iterable[Sample]) -> None:
        """Take in samples in order."""
        for sample in samples:
            self.add(sample)

    def samples(self) -> tuple[Sample, ...]:
        """Return the samples held, in order of time."""
        rest = (_larger(self._pending),) if self._pending else ()
        return (*self._samples, *rest)


def _without_slab(sample: Sample, share: float) -> Sample:
    slab_bytes = min(sample.kernel_bytes, int(sample.file_bytes * share))
    return msgspec.structs.replace(sample, kernel_bytes=sample.kernel_bytes - slab_bytes)


def _later(sample: Sample, seconds: float) -> Sample:
    return msgspec.structs.replace(sample, at_s=round(max(0.0, sample.at_s - seconds), 4))


def _larger(samples: list[Sample]) -> Sample:
    return max(samples, key=lambda sample: sample.unreclaimable_bytes)
