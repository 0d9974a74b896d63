"""How the peak of a case changed: what the lower and the upper ends of its interval show together.

A sampled peak is never too high, but it misses what lasts for less than the time between two
looks, and on a busy machine more of it in one run than in another. The kernel's high-water counter
misses nothing, but also counts page cache: no more of it than the largest page cache of the run,
and so the peak was at least the counter less that. This is the lower end wherever it is above the
largest sample. A change is what both ends show; where one of them shows for sure that there is
none, there is none.
"""

from collections.abc import Iterable

import msgspec

from harness.core.noise import growth_floor_bytes, prior_deviation_bytes
from harness.core.peaks import is_filled
from harness.core.scenario import SandboxKind
from harness.core.spread import (
    SURE,
    Difference,
    Repeats,
    Standing,
    Wanted,
    difference_of,
    repeats_of,
    repeats_to_decide,
)


class CasePeaks(msgspec.Struct, frozen=True, kw_only=True):
    """The peaks of one case over its repeats.

    Attributes:
        samples: the largest sample of each.
        uppers: the high-water counter of each; None where one of them is not known.
        caches_bytes: the largest page cache of each; empty where one of them is not known.
        memory_limit_bytes: of the case; None where there was none, or it is not known.

    """

    samples: Repeats
    uppers: Repeats | None
    memory_limit_bytes: int | None
    caches_bytes: tuple[int, ...] = ()

    @property
    def lowers(self) -> Repeats | None:
        """What the peak of each run was at least; None where nothing is known but the samples."""
        if self.uppers is None or not self.caches_bytes or not self.uppers.values_bytes:
            return None
        ends = zip(
            self.samples.values_bytes, self.uppers.values_bytes, self.caches_bytes, strict=True
        )
        return repeats_of([max(sample, upper - cache) for sample, upper, cache in ends])

    @property
    def least_bytes(self) -> int:
        """What the peak was at least: the median of its lower ends, or of its samples."""
        return (self.lowers or self.samples).median_bytes


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How the peak of a case changed.

    Attributes:
        lower: by how much the lower ends differ, or the samples where no more is known.
        upper: by how much the counters do; None where they say nothing.
        floor_bytes: what runs of one worker differ by without any change.

    """

    lower: Difference
    upper: Difference | None
    floor_bytes: int

    @property
    def measures(self) -> tuple[Difference, ...]:
        """The measures that have something to say."""
        return (self.lower,) if self.upper is None else (self.lower, self.upper)

    def growth(self, allowed: float) -> Standing:
        """Return whether the peak grew by more than the share `allowed` and the floor."""
        return _together(one.standing(self._threshold_bytes(one, allowed)) for one in self.measures)

    def shrinkage(self) -> Standing:
        """Return whether the peak shrank by more than the floor."""
        return _together(_turned(one).standing(self.floor_bytes) for one in self.measures)

    def confidence(self) -> float:
        """Return with what confidence, from 0 to 1, the peak changed by more than the floor."""
        turned = self.lower.by_bytes < 0
        return min(
            (_turned(one) if turned else one).confidence_above(self.floor_bytes)
            for one in self.measures
        )

    @property
    def margin_bytes(self) -> int:
        """What the difference of the lower ends may be off by, with a confidence of 99.9 %."""
        return self.lower.margin_bytes(SURE)

    def wanted(self, allowed: float) -> Wanted | None:
        """Return how many repeats would decide whether it grew by more than the share `allowed`.

        None where no sensible number does, or where it is decided.
        """
        return _wanted([(one, self._threshold_bytes(one, allowed)) for one in self.measures])

    def wanted_either_way(self) -> Wanted | None:
        """Return how many repeats would decide whether the peak changed by more than the floor."""
        floor_bytes = self.floor_bytes
        ways = [
            _wanted([(one, floor_bytes) for one in measures])
            for measures, standing in (
                (self.measures, self.growth(0.0)),
                (tuple(_turned(one) for one in self.measures), self.shrinkage()),
            )
            if standing is Standing.OPEN
        ]
        known = [wanted for wanted in ways if wanted is not None]
        return max(known, key=_size) if known and len(known) == len(ways) else None

    def _threshold_bytes(self, measure: Difference, allowed: float) -> int:
        return int(measure.old_bytes * allowed) + self.floor_bytes


def change_of(old: CasePeaks, new: CasePeaks, sandbox: str) -> Change:
    """Return how the peak of a case changed in a sandbox."""
    before, now = old.lowers, new.lowers
    if before is None or now is None:
        before, now = old.samples, new.samples
    upper = None
    if old.uppers is not None and new.uppers is not None and not _is_filled(old, new, sandbox):
        upper = _difference(old.uppers, new.uppers, sandbox)
    return Change(
        lower=_difference(before, now, sandbox),
        upper=upper,
        floor_bytes=growth_floor_bytes(sandbox, before.median_bytes),
    )


def _difference(old: Repeats, new: Repeats, sandbox: str) -> Difference:
    return difference_of(old, new, prior_deviation_bytes(sandbox, old.median_bytes))


def _is_filled(old: CasePeaks, new: CasePeaks, sandbox: str) -> bool:
    uppers = [one.uppers.median_bytes for one in (old, new) if one.uppers is not None]
    limits = [one.memory_limit_bytes for one in (old, new) if one.memory_limit_bytes is not None]
    return sandbox != SandboxKind.PROCESS and is_filled(max(uppers), min(limits, default=None))


def _turned(difference: Difference) -> Difference:
    """Return the difference had it grown by what it shrank; its error is the same."""
    return msgspec.structs.replace(
        difference,
        old_bytes=difference.new_bytes,
        new_bytes=difference.old_bytes,
    )


def _together(standings: Iterable[Standing]) -> Standing:
    seen = tuple(standings)
    if Standing.WITHIN in seen:
        return Standing.WITHIN
    return Standing.OPEN if Standing.OPEN in seen else Standing.OVER


def _wanted(measures: Iterable[tuple[Difference, int]]) -> Wanted | None:
    """Return the repeats that would decide, given each measure with its threshold in bytes."""
    open_ = [(one, size) for one, size in measures if one.standing(size) is Standing.OPEN]
    # One that shows no growth decides alone; for growth, all must show it.
    below = [(one, size) for one, size in open_ if one.by_bytes <= size]
    counts = [repeats_to_decide(one, size) for one, size in below or open_]
    known = [wanted for wanted in counts if wanted is not None]
    if not known or (not below and len(known) < len(counts)):
        return None
    return (min if below else max)(known, key=_size)


def _size(wanted: Wanted) -> tuple[int, int]:
    return (wanted.old_count, wanted.new_count)
