"""The snapshot that is shrunk: an open file, read by place and never as a whole."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from synthetic.scan.scanner import BLOCK_BYTES
from synthetic.shrinking.errors import SourceChangedError

SPACES: Final = b" \t\n\r"
_WINDOW_BYTES: Final = 4096


class Source:
    """A snapshot's bytes. Places count from its first byte.

    Attributes:
        path: of the file.
        size_bytes: of it when it was opened; that it changes is noticed.
        fd: the open file's descriptor, for those who copy slices of it.

    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raises OSError."""
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._state = self._now()
        self.size_bytes = self._state[0]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)

    def check(self) -> None:
        """Raise SourceChangedError if the file was written to since it was opened."""
        if self._now() != self._state:
            raise SourceChangedError(f"{self.path} was written to while it was being shrunk")

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self.fd)
        return found.st_size, found.st_mtime_ns

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`."""
        data = os.pread(self.fd, end - start, start)
        while len(data) < end - start:
            more = os.pread(self.fd, end - start - len(data), start + len(data))
            if not more:
                raise SourceChangedError(f"{self.path} was cut short while it was being shrunk")
            data += more
        return data

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`, a block at a time."""
        for place in range(start, end, BLOCK_BYTES):
            yield self.read(place, min(end, place + BLOCK_BYTES))

    def solid_from(self, start: int, end: int) -> int:
        """Return the first place from `start` on that is no white space, or `end`."""
        for place in range(start, end, _WINDOW_BYTES):
            window = self.read(place, min(end, place + _WINDOW_BYTES))
            rest = window.lstrip(SPACES)
            if rest:
                return place + len(window) - len(rest)
        return end

    def solid_until(self, start: int, end: int) -> int:
        """Return the place behind the last byte before `end` that is no white space, or `start`."""
        while end > start:
            place = max(start, end - _WINDOW_BYTES)
            rest = self.read(place, end).rstrip(SPACES)
            if rest:
                return place + len(rest)
            end = place
        return start
