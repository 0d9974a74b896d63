"""The largest snapshot that fits a limit, estimated from one snapshot's run alone."""

from collections.abc import Iterable
from typing import Final

import msgspec

from harness.core.peaks import Sample

# Below a tenth of its base, what a snapshot adds is lost in what changes from file to file.
_FLAT: Final = 0.1
# Beyond this many times the one size that was run, its proportion says nothing to rely on.
_FARTHEST: Final = 10


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """peak = base + slope x size, taken from one run; a guess where memory grows otherwise.

    Attributes:
        snapshot_bytes: the largest that fits, None where none does or size seems not to matter.
        base_bytes: unreclaimable memory before the snapshot was opened.
        slope: bytes of peak for each byte of snapshot beyond the base.
        reason: what to know of it, in a whole sentence.

    """

    snapshot_bytes: int | None
    base_bytes: int
    slope: float
    reason: str


def estimate_largest(
    *, peak_bytes: int, size_bytes: int, base_bytes: int, limit_bytes: int, died: bool
) -> Estimate:
    """Return the largest snapshot that fits `limit_bytes`, in proportion to one that was run.

    The snapshot of `size_bytes` made a peak of `peak_bytes`, from `base_bytes` before it was read;
    `died` says whether the worker was seen to die of it under that limit.
    """
    slope = max(0, peak_bytes - base_bytes) / size_bytes
    room_bytes = limit_bytes - base_bytes

    def estimate(reason: str, snapshot_bytes: int | None = None) -> Estimate:
        return Estimate(
            snapshot_bytes=snapshot_bytes, base_bytes=base_bytes, slope=slope, reason=reason
        )

    if room_bytes <= 0:
        return estimate("The worker holds more than the limit before it opens a snapshot.")
    if slope * size_bytes <= base_bytes * _FLAT:
        return estimate("Its memory hardly depends on the snapshot's size.")
    found_bytes = int(room_bytes / slope)
    if died and found_bytes >= size_bytes:
        return estimate(
            "No number: it died of this snapshot under the limit, and held less than that in "
            "another run."
        )
    if found_bytes > size_bytes * _FARTHEST:
        return estimate(
            f"No number: it is more than {_FARTHEST} times this snapshot's size, too far from the "
            "one that was run."
        )
    return estimate(
        "Estimated from this one snapshot, as if memory grew in proportion to its size; a "
        "scenario with several sizes measures it.",
        found_bytes,
    )


def base_of(samples: Iterable[Sample]) -> int | None:
    """Return the unreclaimable memory just before the snapshot was first seen open, in bytes.

    None where it was never seen open, or already in the first sample.
    """
    before: Sample | None = None
    for sample in samples:
        if sample.offset_bytes is not None:
            return before.unreclaimable_bytes if before else None
        before = sample
    return None
