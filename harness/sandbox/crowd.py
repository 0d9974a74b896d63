"""How many processes of a worker hold much at once: their peaks need not coincide in each run."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.sandbox.files import read_text

_LOOK_EVERY_S: Final = 0.02
_MOST_LOOKED_AT: Final = 32
_PAGE_BYTES: Final = resource.getpagesize()
# Beside the largest, a shell, an init, or a parent that only waits is no company.
_MUCH: Final = 0.1


class Crowd:
    """Counts the processes that hold a good part of the memory, fifty times a second at most."""

    def __init__(
        self,
        pids: Callable[[], tuple[int, ...]],
        statm: Callable[[int], str | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count among `pids`; `statm` returns the text of a process's file of that name."""
        self._pids = pids
        self._statm = statm or _statm
        self._clock = clock
        self._next_s = 0.0
        self._count = 0

    def count(self) -> int:
        """Return how many there are now, or were a moment ago."""
        now_s = self._clock()
        if now_s >= self._next_s:
            self._next_s = now_s + _LOOK_EVERY_S
            texts = (self._statm(pid) for pid in self._pids()[:_MOST_LOOKED_AT])
            sizes = [_anonymous_bytes(text) for text in texts if text]
            much_bytes = max(sizes, default=0) * _MUCH
            self._count = sum(size > much_bytes for size in sizes)
        return self._count


def _statm(pid: int) -> str | None:
    return read_text(Path(f"/proc/{pid}/statm"))


def _anonymous_bytes(statm: str) -> int:
    """Return what a process holds that is no file's, nor shared: resident less shared pages.

    https://www.kernel.org/doc/html/latest/filesystems/proc.html
    """
    _, resident, shared, *_ = statm.split()
    return max(0, int(resident) - int(shared)) * _PAGE_BYTES
