"""Chooses a profiler for this process and starts it: memray, else tracemalloc, else none."""

from __future__ import annotations

import sys

from . import native, openings, traced
from .status import Status, resident_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CAP_BYTES = 40_000_000


def begin(environment: dict[str, str], base_bytes: int) -> None:
    """Start the profiler that `environment` asks for, and say in a status file which it is.

    `base_bytes` is what this process held before any code of ours was loaded.
    """
    folder = environment.get("OOMPROOF_CAPTURE")
    if not folder:
        return
    status = Status(folder, base_bytes)
    cap_bytes = int(environment.get("OOMPROOF_CAPTURE_CAP") or _CAP_BYTES)
    limit_bytes = int(environment.get("OOMPROOF_CAPTURE_LIMIT") or 0)
    lent = environment.get("OOMPROOF_MEMRAY")
    starts: dict[str, Callable[[], dict[str, object]]] = {
        "memray": lambda: native.start(status, lent, cap_bytes),
        "tracemalloc": lambda: traced.start(status, limit_bytes),
    }
    if environment.get("OOMPROOF_PROFILER") == "tracemalloc":
        del starts["memray"]
    snapshots = environment.get("OOMPROOF_OPENINGS")
    if snapshots:
        starts = {"tracemalloc": lambda: openings.start(status, snapshots)}
    _hush_fork_warning()
    for name, start in starts.items():
        try:
            fields = start()
        except Exception as error:
            status.add_reason(f"{name}: {type(error).__name__}: {error}")
            continue
        cost = max(0, resident_bytes() - status.base_bytes)
        status.write(profiler=name, profiler_bytes=cost, **fields)
        return
    status.write(profiler=None)


def _hush_fork_warning() -> None:
    """Let a worker that forks not be warned of threads that are not its own."""
    if sys.version_info >= (3, 12):
        import warnings

        warnings.filterwarnings("ignore", ".*multi-threaded, use of .*fork", DeprecationWarning)
