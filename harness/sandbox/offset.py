"""How far a worker has read its snapshot, from the offset of the file that it holds open."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from harness.sandbox.files import read_text
from harness.sandbox.kernel import read_offset
from harness.sandbox.opens import Opens

_SEARCH_EVERY_S: Final = 0.1
_SEARCH_PROCESSES: Final = 32
# A snapshot is mostly opened soon, and read fast; what the worker held before is worth knowing.
_NEW_S: Final = 2.0


class OffsetReader:
    """Finds the snapshot among the open files of a sandbox and reads its offset.

    The file is known by its device and inode, so a container's own mount of it is found too.
    Searching costs more than reading, so it is done at most ten times a second once it was found.
    With several snapshots the offset is that of the one open now, and `opens` tells which was
    opened last; it is None with one snapshot, or where the kernel does not tell.
    """

    def __init__(
        self,
        snapshots: Iterable[Path],
        pids: Callable[[], Iterable[int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look for `snapshots` among the files of the processes that `pids` returns."""
        paths = tuple(snapshots)
        self.opens = _opens(paths)
        self._files = {key for path in paths if (key := _key(path)) is not None}
        self._pids = pids
        self._clock = clock
        self._open: Path | None = None
        self._next_search_s = 0.0
        self._began_s = clock()
        self.has_seen_snapshot = False

    def read(self, *, now: bool = False) -> int | None:
        """Return the offset in bytes, or None while no process has a snapshot open.

        With `now`, the file is looked for also where it was looked for a moment ago.
        """
        if self._open is not None and (offset := self._offset(self._open)) is not None:
            return offset
        self._open = None
        now_s = self._clock()
        is_new = not self.has_seen_snapshot and now_s - self._began_s < _NEW_S
        if now_s < self._next_search_s and not (now or is_new):
            return None
        self._next_search_s = now_s + _SEARCH_EVERY_S
        self._open = self._search()
        self.has_seen_snapshot = self.has_seen_snapshot or self._open is not None
        return None if self._open is None else self._offset(self._open)

    def _offset(self, link: Path) -> int | None:
        # The number may have been closed and used again for another file.
        if _key(link) not in self._files:
            return None
        info = read_text(link.parent.parent / "fdinfo" / link.name)
        return None if info is None else read_offset(info)

    def _search(self) -> Path | None:
        for count, pid in enumerate(self._pids()):
            if count >= _SEARCH_PROCESSES:
                break
            with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
                for entry in entries:
                    if _key(Path(entry.path)) in self._files:
                        return Path(entry.path)
        return None


def _opens(paths: Sequence[Path]) -> Opens | None:
    if len(paths) < 2:
        return None
    try:
        return Opens(paths)
    except OSError:
        return None


def _key(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
