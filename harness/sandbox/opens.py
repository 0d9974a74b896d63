"""Which of its snapshots a worker is at: the kernel tells when a file is opened.

A job may hold its file open for a millisecond, so looking at a process's open files now and then
misses most. inotify misses none: https://man7.org/linux/man-pages/man7/inotify.7.html
"""

import ctypes
import os
import struct
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_IN_OPEN: Final = 0x20
# Closes are asked for too, because the kernel folds equal events that follow each other into one.
_MASK: Final = _IN_OPEN | 0x08 | 0x10
_EVENT: Final = struct.Struct("iIII")
_CHUNK_BYTES: Final = 64 * 1024


class Turn:
    """Where in a list of files somebody is who takes one after the other."""

    def __init__(self, files: Sequence[int]) -> None:
        """Begin before the first of `files`; the same file may be listed again."""
        self._files = tuple(files)
        self.index: int | None = None

    def opened(self, file: int) -> None:
        """Hear that `file` was opened.

        Opened again it is still the same turn, unless the next turn is that of the same file. With
        no turn left that is this file's, the index goes back: the files are not taken in order.
        """
        if file not in self._files or self._is_same_turn(file):
            return
        here = -1 if self.index is None else self.index
        try:
            self.index = self._files.index(file, here + 1)
        except ValueError:
            self.index = self._files.index(file)

    def _is_same_turn(self, file: int) -> bool:
        if self.index is None or self._files[self.index] != file:
            return False
        # A file that is listed twice running is opened once for each.
        is_last = self.index == len(self._files) - 1
        beside = self._files[self.index - 1] if is_last else self._files[self.index + 1]
        return beside != file


class Opens:
    """Hears of each time that one of several files is opened, by whomever."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Watch `paths`, in the order in which they are to be opened.

        Raises:
            OSError: the kernel has no more watches for this user, or a file is gone.

        """
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = _checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        weakref.finalize(self, os.close, self.fd)
        self._turn = Turn(
            [
                # The same file has the same number, by whatever path.
                _checked(libc.inotify_add_watch(self.fd, os.fsencode(path), _MASK))
                for path in paths
            ]
        )

    def index(self) -> int | None:
        """Return the index of the file opened last, from 0; None before the first."""
        try:
            events = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return self._turn.index
        place = 0
        while place < len(events):
            file, mask, _, length = _EVENT.unpack_from(events, place)
            place += _EVENT.size + length
            if mask & _IN_OPEN:
                self._turn.opened(file)
        return self._turn.index


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
