"""Smaller snapshots are written by copying slices of the source, within the kernel where it can."""

import errno
import os
from pathlib import Path
from typing import Final

from synthetic.shrinking.edits import Edit
from synthetic.shrinking.source import Source

_SMALL_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 1 << 20
_CANNOT: Final = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF, errno.EIO}


def write_edited(source: Source, edits: tuple[Edit, ...], path: Path) -> None:
    """Write the source with edits to `path`, which is made or replaced.

    Raises:
        OSError: it cannot be written.
        SourceChangedError: the source is shorter than it was.

    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        copier = _Copier(source, fd)
        place = 0
        for start, end, instead in edits:
            copier.copy(place, start)
            copier.add(instead)
            place = end
        copier.copy(place, source.size_bytes)
        copier.flush()
    finally:
        os.close(fd)
    source.check()


def edited(source: Source, edits: tuple[Edit, ...]) -> bytes:
    """Return the source with edits, of which little is left."""
    pieces: list[bytes] = []
    place = 0
    for start, end, instead in edits:
        pieces += (source.read(place, start), instead)
        place = end
    return b"".join((*pieces, source.read(place, source.size_bytes)))


class _Copier:
    """Gathers small slices, and lets the kernel copy large ones."""

    def __init__(self, source: Source, fd: int) -> None:
        self._source = source
        self._fd = fd
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._in_kernel = True

    def add(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= _SMALL_BYTES:
            self.flush()

    def flush(self) -> None:
        data = memoryview(b"".join(self._held))
        self._held, self._held_bytes = [], 0
        while data:
            data = data[os.write(self._fd, data) :]

    def copy(self, start: int, end: int) -> None:
        if end - start < _SMALL_BYTES:
            if start < end:
                self.add(self._source.read(start, end))
            return
        self.flush()
        while self._in_kernel and start < end:
            start += self._copied(start, end)
        for place in range(start, end, _CHUNK_BYTES):
            self.add(self._source.read(place, min(end, place + _CHUNK_BYTES)))

    def _copied(self, start: int, end: int) -> int:
        """Return how many bytes the kernel copied; none where it does not do so here."""
        try:
            count = os.copy_file_range(self._source.fd, self._fd, end - start, start)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            self._in_kernel = False
            return 0
        self._in_kernel = count > 0  # none where the file is cut short, or of an odd file system
        return count
