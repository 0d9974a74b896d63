"""Memory over time: samples, their parts, the peak as an interval, and a timeline that stays small.

The headline is *unreclaimable* memory: anonymous + shared + kernel memory (on cgroup v2 less
reclaimable slab), because that is what must fit. Page cache is kept apart: the kernel gives it
back under pressure.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from harness.core.troughs import Troughs

TIMELINE_SAMPLES: Final = 4096
# Reclaimable slab that goes with the page cache is near 3 % of it; a blur below 0.1 % is none.
SLAB_SHARE: Final = 0.03
_BLUR: Final = 0.001
_FILLED: Final = 0.99


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
        snapshot_index: which of several snapshots was opened last, from 0; None before the first,
            and where there is one only.

    """

    at_s: float
    anon_bytes: int
    shmem_bytes: int = 0
    kernel_bytes: int = 0
    file_bytes: int = 0
    rss_bytes: int = 0
    offset_bytes: int | None = None
    stalled_us: int | None = None
    snapshot_index: int | None = None

    @property
    def unreclaimable_bytes(self) -> int:
        """Memory that must fit below the limit, in bytes."""
        return self.anon_bytes + self.shmem_bytes + self.kernel_bytes

    def earlier(self, seconds: float) -> "Sample":
        """Return this sample with its time counted from `seconds` later, and not below zero."""
        return msgspec.structs.replace(self, at_s=round(max(0.0, self.at_s - seconds), 4))

    def without_slab(self, share: float) -> "Sample":
        """Return this sample less reclaimable slab, which is `share` of the page cache."""
        slab_bytes = min(self.kernel_bytes, int(self.file_bytes * share))
        return msgspec.structs.replace(self, kernel_bytes=self.kernel_bytes - slab_bytes)


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


def is_filled(counter_bytes: int, memory_limit_bytes: int | None) -> bool:
    """Whether a high-water counter is so near to a kernel's limit that page cache filled it up.

    It says nothing then of what the worker needed.
    """
    return memory_limit_bytes is not None and counter_bytes >= memory_limit_bytes * _FILLED


class Timeline:
    """The samples of a run, in order, in bounded memory.

    Once `capacity` samples are held, neighbours are merged in pairs and only every second, fourth,
    ... sample is taken from then on. Of each pair the larger survives, so a peak is never lost;
    `top` is the largest sample of all, and `processes` how many held much then, 0 where nobody
    counted; `cache_bytes` is the largest page cache of all samples, with its slab. Troughs would be
    lost so, and `troughs` keeps those that lie between two snapshots.
    """

    def __init__(self, capacity: int = TIMELINE_SAMPLES) -> None:
        """Hold at most `capacity` samples (at least two, and even)."""
        self._capacity = max(2, capacity + capacity % 2)
        self._samples: list[Sample] = []
        self._stride = 1
        self._pending: list[Sample] = []
        self.top: Sample | None = None
        self.cache_bytes = 0
        self.seen = 0
        self.processes = 0
        self.troughs: Troughs[Sample] = Troughs()

    def add(self, sample: Sample) -> None:
        """Take in the next sample."""
        self.seen += 1
        if self.top is None or sample.unreclaimable_bytes > self.top.unreclaimable_bytes:
            self.top = sample
        self.note_reclaimable(sample.file_bytes)
        self.troughs.add(sample.snapshot_index, sample)
        self._pending.append(sample)
        if len(self._pending) >= self._stride:
            self._samples.append(_larger(self._pending))
            self._pending.clear()
        if len(self._samples) >= self._capacity:
            self._halve()

    def note_reclaimable(self, size_bytes: int) -> None:
        """Take note of what the kernel could have taken back at one time: cache, and its slab."""
        self.cache_bytes = max(self.cache_bytes, size_bytes)

    def _halve(self) -> None:
        pairs = zip(self._samples[::2], self._samples[1::2], strict=True)
        self._samples = [_larger([first, second]) for first, second in pairs]
        self._stride *= 2

    def shift(self, seconds: float) -> None:
        """Count the time of all samples from `seconds` later; what was before counts as zero."""
        self._samples = [sample.earlier(seconds) for sample in self._samples]
        self._pending = [sample.earlier(seconds) for sample in self._pending]
        self.top = self.top.earlier(seconds) if self.top else None

    def is_blurred_by_cache(self) -> bool:
        """Whether the page cache at the peak was large enough for its slab to show in the peak."""
        return self.top is not None and (
            self.top.file_bytes * SLAB_SHARE > self.top.unreclaimable_bytes * _BLUR
        )

    def without_slab(self, share: float) -> "Timeline":
        """Return this timeline less reclaimable slab, which is `share` of the page cache."""
        if not share:
            return self
        corrected = Timeline(self._capacity)
        corrected.add_all(sample.without_slab(share) for sample in self.samples())
        corrected.seen = self.seen
        corrected.cache_bytes = int(self.cache_bytes * (1 + share))
        corrected.processes = self.processes
        corrected.troughs = self.troughs.mapped(lambda sample: sample.without_slab(share))
        return corrected

    def add_all(self, samples: Iterable[Sample]) -> None:
        """Take in samples in order."""
        for sample in samples:
            self.add(sample)

    def samples(self) -> tuple[Sample, ...]:
        """Return the samples held, in order of time."""
        rest = (_larger(self._pending),) if self._pending else ()
        return (*self._samples, *rest)


def _larger(samples: list[Sample]) -> Sample:
    return max(samples, key=lambda sample: sample.unreclaimable_bytes)
