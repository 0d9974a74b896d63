"""Kernel files read again and again: opened once, read from their start each time."""

import os
from pathlib import Path
from typing import Final

_READ_BYTES: Final = 64 * 1024


class KernelFile:
    """An open file below /proc or /sys, whose text is made anew at each read.

    Reading an open file costs half of opening it each time, which matters every 10 ms.

    Attributes:
        fd: the open file; -1 once it is closed.

    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raises OSError where that fails."""
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> str:
        """Return the text now; raises OSError once the group or process is gone."""
        return os.pread(self.fd, _READ_BYTES, 0).decode("utf-8", "replace")

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_text(path: Path) -> str | None:
    """Return the text of a small file, or None where it is not there or not readable."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def write_text(path: Path, text: str) -> None:
    """Write to a kernel file in one system call; raises OSError where the kernel refuses."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
