"""Heap against resident: what a profiler says was requested, beside what the kernel charged.

The two never agree, and each part of their difference has a name. All are in bytes, and their sum
is exact::

    resident = requested + base + profiler + kernel + others + slack - untouched
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.autopsy import Process
from harness.core.peaks import Peak
from harness.core.profile import Profile
from harness.core.units import format_bytes

# Below a twentieth of what was resident, processes without a profile are not worth a word.
_LEAST_OTHERS: Final = 0.05
_COMMAND_CHARACTERS: Final = 60


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """A heap profile held against its own run's peak of unreclaimable memory.

    Attributes:
        requested_bytes: asked for and not yet freed, as the profiler saw it.
        resident_bytes: the peak of unreclaimable memory of the same run, in pages touched.
        base_bytes: what the interpreters held before the profiler saw their first allocation.
        profiler_bytes: what the profiler itself holds, by measurement.
        kernel_bytes: page tables, sockets and the like, which no heap profiler sees.
        others_bytes: what processes without a profile hold: no Python, or not to be profiled.
        remainder_bytes: what is left of `resident_bytes`. Above zero it is slack: freed or rounded
            up by the allocator, fragmented, or allocated behind the profiler's back. Below zero,
            more was requested than ever touched. Both may be at work; only their difference shows.
        unknown: why a part is None, in whole sentences; `remainder_bytes` is None then too.

    """

    requested_bytes: int | None
    resident_bytes: int | None
    base_bytes: int | None
    profiler_bytes: int | None
    kernel_bytes: int | None
    remainder_bytes: int | None
    others_bytes: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def unseen_bytes(self) -> int | None:
        """What is resident and can be in no profile: base, profiler, kernel, others together."""
        if self.base_bytes is None or self.profiler_bytes is None or self.kernel_bytes is None:
            return None
        return self.base_bytes + self.profiler_bytes + self.kernel_bytes + self.others_bytes

    @property
    def slack_bytes(self) -> int | None:
        """What the allocator holds beyond what was requested; 0 where more was requested."""
        return None if self.remainder_bytes is None else max(0, self.remainder_bytes)

    @property
    def untouched_bytes(self) -> int | None:
        """What was requested but never touched, so that no page stands for it; at least this."""
        return None if self.remainder_bytes is None else max(0, -self.remainder_bytes)


def reconcile(
    profile: Profile | None,
    peak: Peak | None,
    *,
    profiler_bytes: int | None,
    others_bytes: int = 0,
) -> Reconciliation:
    """Hold a profile against the peak of the run that it was taken in.

    `profiler_bytes` is what the profiler holds in all processes of the profile together, in
    anonymous memory: what they saw themselves (`Collected.profiler_bytes`), or what it costs a
    program that rests (`Cost.anon_bytes`).
    """
    base = None if profile is None else profile.base_bytes
    requested = None if profile is None else profile.total_bytes
    resident = None if peak is None else peak.peak_bytes
    kernel = None if peak is None else peak.parts.kernel_bytes
    parts = (requested, base, profiler_bytes, kernel, others_bytes)
    known = [part for part in parts if part is not None]
    is_whole = resident is not None and len(known) == len(parts)
    return Reconciliation(
        requested_bytes=requested,
        resident_bytes=resident,
        base_bytes=base,
        profiler_bytes=profiler_bytes,
        kernel_bytes=kernel,
        others_bytes=others_bytes,
        remainder_bytes=resident - sum(known) if resident is not None and is_whole else None,
        unknown=_unknown(profile, peak, base, profiler_bytes),
    )


def note_on_others(heap: Reconciliation, others: Sequence[Process]) -> str:
    """Return that processes without a profile hold much, in a whole sentence; else nothing."""
    if not heap.resident_bytes or heap.others_bytes < heap.resident_bytes * _LEAST_OTHERS:
        return ""
    largest = max(others, key=lambda process: process.own_share_bytes)
    share = heap.others_bytes / heap.resident_bytes * 100
    return (
        f"{format_bytes(heap.others_bytes)} of {format_bytes(heap.resident_bytes)} ({share:.0f} %) "
        "are held by processes that have no heap profile, above all by "
        f"`{' '.join(largest.command)[:_COMMAND_CHARACTERS]}`: the shares are of the rest."
    )


def _unknown(
    profile: Profile | None, peak: Peak | None, base: int | None, profiler_bytes: int | None
) -> tuple[str, ...]:
    reasons = {
        "There is no heap profile of this run.": profile is None,
        "No sample of this run's memory could be taken.": peak is None,
        "The profiler does not say what the interpreter held before it began.": (
            profile is not None and base is None
        ),
        "What the profiler itself costs was not measured.": profiler_bytes is None,
    }
    return tuple(reason for reason, holds in reasons.items() if holds)
