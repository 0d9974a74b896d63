"""tracemalloc in this process: a table of what is alive, written again each time it has grown.

A look at every allocation costs time and memory, and the process may be killed at any moment. So a
thread looks often at the sum alone, and at the allocations only when that has grown by a quarter.
"""

from __future__ import annotations

import _thread
import _tracemalloc
import atexit
import os
import sys
import time

from .status import resident_bytes
from .words import publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .status import Status

# Measured on a parse below 15 frames: 8 times the time with 1 frame, 27 with 8, 34 with 12, 55 with
# 25. Fewer than 8 often end in a library, above the user's own line.
FRAMES = 8
_LOOK_EVERY_S = 0.05
_GROWTH = 1.25
_TOLD_GROWTH = 1.05
_LEAST_BYTES = 256 * 1024
_MOST_SITES = 2000
# A look makes a tuple and a number of each allocation: measured, 3.6 times what tracemalloc holds.
_LOOK_COST = 4
_SHARE = 0.97
# Longer than any look takes.
_STILL_S = 60.0


def start(status: Status, limit_bytes: int) -> dict[str, object]:
    """Start tracemalloc; return what the status is to say of it."""
    if not _tracemalloc.is_tracing():
        _tracemalloc.start(FRAMES)
    _Table(status, limit_bytes).start()
    return {"version": status.python, "capture": os.path.basename(status.path(".json"))}


class _Table:
    """Writes the largest state that it could look at."""

    def __init__(self, status: Status, limit_bytes: int) -> None:
        self._status = status
        self._limit_bytes = limit_bytes
        self._written_bytes = 0
        self._told_bytes = 0
        self._told_extra_bytes = 0
        self._kept_bytes = 0
        self._pause_until_s = 0.0
        self._lock = _thread.allocate_lock()

    def start(self) -> None:
        """Look from now on, in forked children too."""
        _thread.start_new_thread(self._watch, ())
        atexit.register(self._end)
        os.register_at_fork(after_in_child=self._in_child)

    def _in_child(self) -> None:
        try:
            self._lock = _thread.allocate_lock()
            _tracemalloc.clear_traces()  # what was before the fork is the parent's
            self._written_bytes = self._told_bytes = self._told_extra_bytes = 0
            self._kept_bytes = 0
            self._status.fork(None)
            _thread.start_new_thread(self._watch, ())
        except Exception:
            pass

    def _watch(self) -> None:
        while True:
            try:
                time.sleep(_LOOK_EVERY_S)
                with self._lock:
                    self._look(_GROWTH)
            except Exception:
                pass

    def _end(self) -> None:
        try:
            with self._lock:
                self._pause_until_s = 0.0
                self._look(1.0)
            self._status.write(ended=True)
        except Exception:
            pass

    def _look(self, growth: float) -> None:
        """Write the table if there is `growth` times as much as in the last one."""
        traced, peak = _tracemalloc.get_traced_memory()
        held_bytes = _tracemalloc.get_tracemalloc_memory()
        extra_bytes = held_bytes + self._kept_bytes
        if (
            traced > max(self._told_bytes * _TOLD_GROWTH, _LEAST_BYTES)
            or extra_bytes > self._told_extra_bytes * _TOLD_GROWTH + _LEAST_BYTES
        ):
            self._tell(traced, peak, extra_bytes)
        if traced < self._written_bytes * growth or traced < _LEAST_BYTES:
            return
        if time.monotonic() < self._pause_until_s or not self._has_room():
            return
        began_s = time.thread_time()
        look_bytes = _LOOK_COST * held_bytes
        self._tell(traced, peak, extra_bytes + look_bytes)  # before it is taken
        before_bytes = resident_bytes() - traced - held_bytes
        self._write(traced, peak)
        self._written_bytes = traced
        traced, peak = _tracemalloc.get_traced_memory()
        held_bytes = _tracemalloc.get_tracemalloc_memory()
        # Freed again, but not given back to the system by the allocator.
        kept_bytes = self._kept_bytes + resident_bytes() - traced - held_bytes - before_bytes
        self._kept_bytes = min(max(0, kept_bytes), look_bytes)
        self._tell(traced, peak, held_bytes + self._kept_bytes)
        # However fast a worker grows, looking takes no more than a third of its time.
        self._pause_until_s = time.monotonic() + 2 * (time.thread_time() - began_s)

    def _tell(self, traced: int, peak: int, extra_bytes: int) -> None:
        """Say what there is, and what of this process's memory is tracemalloc's own."""
        self._told_bytes, self._told_extra_bytes = traced, extra_bytes
        told = {"traced": traced, "peak": peak, "extra_bytes": extra_bytes}
        publish(self._status.path(".peak.json"), told)

    def _has_room(self) -> bool:
        """Whether a look fits below the limit: it must not be what the worker is killed for."""
        if not self._limit_bytes:
            return True
        cost = _LOOK_COST * int(_tracemalloc.get_tracemalloc_memory())
        return resident_bytes() + cost < self._limit_bytes * _SHARE

    def _write(self, traced: int, peak: int) -> None:
        # The others wait meanwhile: what they allocated would be in no table, nor in any figure.
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(_STILL_S)
        try:
            sites, held_bytes = sites_alive()
        finally:
            sys.setswitchinterval(interval_s)
        listed = sorted(sites, key=lambda site: -site[0])[:_MOST_SITES]
        table = {
            "at_s": time.time(),
            "traced": traced,
            "peak": peak,
            "resident_bytes": resident_bytes(),
            "overhead_bytes": _tracemalloc.get_tracemalloc_memory(),
            "bytes": held_bytes,
            "stacks": len(sites),
            "sites": listed,
        }
        publish(self._status.path(".json"), table)


def sites_alive() -> tuple[list[list[Any]], int]:
    """Return what is alive by its stack, innermost frame first, and the sum of its bytes.

    No number is made for an allocation: that would be an allocation itself, looked at as all are.
    Measured, this takes a fifteenth of the time of adding up.
    """
    sizes: dict[Any, list[int]] = {}
    for trace in _tracemalloc._get_traces():  # noqa: SLF001  (the public way copies it all)
        frames = trace[2]
        held = sizes.get(frames)
        if held is None:
            sizes[frames] = [trace[1]]
        else:
            held.append(trace[1])
    sites = [[sum(held), len(held), frames] for frames, held in sizes.items()]
    return sites, sum(site[0] for site in sites)
