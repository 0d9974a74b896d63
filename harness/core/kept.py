"""Who keeps what a worker does not give back from one snapshot to the next, as a profile tells."""

import msgspec


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The line whose allocations grow most from snapshot to snapshot.

    Attributes:
        site: file and line: ``/app/worker.py:41``; empty where `reason` says why there is none.
        source: the text of that line, where the file is here.
        bytes_per_snapshot: what of it is kept of each snapshot.
        seen_bytes_per_snapshot: what is kept of all lines together, as far as the profiler sees.
        reason: why nobody is named, in a sentence without its full stop.

    """

    site: str = ""
    source: str = ""
    bytes_per_snapshot: int = 0
    seen_bytes_per_snapshot: int = 0
    reason: str = ""
