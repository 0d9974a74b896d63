"""tracemalloc in this process: a table of what is alive each time that it opens a snapshot.

Between two jobs a worker holds what it kept of those before. An audit hook hears of every file that
Python opens (https://docs.python.org/3/library/audit_events.html), at the moment before it is open.
"""

from __future__ import annotations

import _thread
import _tracemalloc
import os
import sys
import time

from . import traced
from .words import publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .status import Status

# More tell nothing more of a leak, and a worker without tracemalloc is done much sooner. Files of
# several sizes are compared with themselves, so each must come twice.
_TABLES = 6
_ALIKE = 1.1
_MOST_SITES = 2000


def start(status: Status, names: str) -> dict[str, object]:
    """Start tracemalloc; `names` are the paths of the snapshots, a line each."""
    openings = _Openings(status, names.split("\n"))
    if not _tracemalloc.is_tracing():
        _tracemalloc.start(traced.FRAMES)
    sys.addaudithook(openings.hear)
    os.register_at_fork(after_in_child=openings.begin_child)
    return {"version": status.python}


class _Openings:
    """Writes a table for each opening, as far as there is a use for it."""

    def __init__(self, status: Status, paths: list[str]) -> None:
        self._status = status
        self._names = {os.path.basename(path) for path in paths}
        self._files: dict[tuple[int, int], int] = {}
        sizes = []
        for number, path in enumerate(paths):
            found = os.stat(path)
            self._files.setdefault((found.st_dev, found.st_ino), number)
            sizes.append(found.st_size)
        differ = max(sizes) > _ALIKE * min(sizes)
        self._most = max(_TABLES, 2 * len(self._files) + 2 if differ else 0)
        self._tables = 0
        self._lock = _thread.allocate_lock()

    def begin_child(self) -> None:
        """Write tables of its own in a forked child, from the first on."""
        try:
            self._lock = _thread.allocate_lock()
            self._tables = 0
            self._status.fork(None)
        except Exception:
            pass

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Hear of what the interpreter does; nothing that goes wrong here may stop it."""
        if event != "open" or self._tables >= self._most:
            return
        try:
            path = os.fspath(arguments[0])  # type: ignore[call-overload]
            name = path if isinstance(path, str) else os.fsdecode(path)
            if os.path.basename(name) not in self._names:
                return
            found = os.stat(name)
            number = self._files.get((found.st_dev, found.st_ino))
            if number is not None and self._lock.acquire(False):
                try:
                    self._write(number)
                finally:
                    self._lock.release()
        except Exception:
            pass

    def _write(self, number: int) -> None:
        sites, held_bytes = traced.sites_alive()
        listed = sorted(sites, key=lambda site: -site[0])[:_MOST_SITES]
        table = {"at_s": time.time(), "file": number, "bytes": held_bytes, "sites": listed}
        publish(self._status.path(f".opening-{self._tables:02}.json"), table)
        self._tables += 1
        if self._tables == self._most:
            _tracemalloc.stop()
