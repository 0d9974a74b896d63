"""A worker's processors where no group shares out their time: it is bound to whole ones."""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

_lock: Final = threading.Lock()
_taken: Final = Counter[int]()


def can_bind(cpus: float | None) -> bool:
    """Whether binding holds a worker to `cpus` processors: half a one cannot be had so."""
    return cpus is None or cpus == int(cpus) >= 1


@contextlib.contextmanager
def bound(pid: int, cpus: float | None) -> Iterator[None]:
    """Bind a process, and all that it will start, to `cpus` of the processors it may use now.

    Those that the fewest runs of this harness are bound to are taken, so that runs side by side do
    not share one while another is idle. See sched_setaffinity(2): a worker could lift it again.
    """
    if cpus is None:
        yield
        return
    with _lock:
        chosen = least_taken(os.sched_getaffinity(pid), _taken, int(cpus))
        _taken.update(chosen)
    try:
        os.sched_setaffinity(pid, chosen)
        yield
    finally:
        with _lock:
            _taken.subtract(chosen)


def least_taken(processors: Collection[int], taken: "Counter[int]", count: int) -> frozenset[int]:
    """Return `count` of `processors`, or all where there are fewer: first those least taken."""
    return frozenset(sorted(processors, key=lambda cpu: (taken[cpu], cpu))[:count])
