"""From what a profiler saw whenever a snapshot was opened to the line that keeps most of each.

What is alive then and grows with every snapshot was kept. The document before, which many workers
hold until they have the next, is alive too, but does not grow.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.case import Case
from harness.core.growth import MOST_WARM_UP, AfterSnapshot, rise_of
from harness.core.kept import Kept
from harness.core.profile import Frame, Site
from harness.core.units import format_bytes

_FEWEST: Final = 3
# A line that explains less of the growth than this is not named for it.
_MUCH: Final = 0.25
# If less than this is seen of it, most grows where the profiler does not look.
_MOST: Final = 0.5


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """What was alive after the snapshot of `index`, when the next one was opened.

    `bytes` is of all; `sites` are the largest of it.
    """

    index: int
    bytes: int
    sites: tuple[Site, ...]


def kept_of(seen: Sequence[Alive], case: Case, growth_bytes: int) -> Kept:
    """Return who keeps most of the `growth_bytes` that a worker holds more after each snapshot."""
    if len(seen) > _FEWEST:
        seen = [alive for alive in seen if alive.index >= MOST_WARM_UP]
    if len(seen) < _FEWEST:
        return Kept(reason=f"the profiler saw {len(seen)} of the snapshots opened, too few")
    whole = _rise([(alive.index, alive.bytes) for alive in seen], case)
    rises = _rises(seen, case)
    if whole is None or not rises:
        return Kept(reason="what it saw at the snapshots cannot be compared")
    line, most = max(rises.items(), key=lambda item: item[1])
    if whole < growth_bytes * _MOST:
        return Kept(
            seen_bytes_per_snapshot=round(whole),
            reason=f"Python's allocator saw {format_bytes(max(0, round(whole)))} more per snapshot "
            f"alive, of {format_bytes(growth_bytes)}: the rest is native memory, or fragments",
        )
    if most < growth_bytes * _MUCH:
        return Kept(
            seen_bytes_per_snapshot=round(whole),
            reason="no line of code keeps more than a quarter of it",
        )
    return Kept(
        site=f"{line.file}:{line.line}" if line else "unknown",
        bytes_per_snapshot=round(most),
        seen_bytes_per_snapshot=round(whole),
    )


def _rises(seen: Sequence[Alive], case: Case) -> dict[Frame | None, float]:
    """Return by how much each line's allocations rise from snapshot to snapshot."""
    held: dict[Frame | None, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for alive in seen:
        for site in alive.sites:
            held[_line(site)][alive.index] += site.bytes
    rises = {
        line: _rise([(alive.index, sizes.get(alive.index, 0)) for alive in seen], case)
        for line, sizes in held.items()
    }
    return {line: rise for line, rise in rises.items() if rise is not None}


def _line(site: Site) -> Frame | None:
    # tracemalloc knows no functions, and one line is one place whatever they are called.
    return None if site.line is None else msgspec.structs.replace(site.line, function="")


def _rise(points: Sequence[tuple[int, int]], case: Case) -> float | None:
    rise = rise_of([AfterSnapshot(index=i, held_bytes=size, run=0) for i, size in points], case)
    return None if rise is None else rise.slope
