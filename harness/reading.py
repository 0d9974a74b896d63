"""Reading a snapshot as a stream: in pieces, with progress, until it is to stop."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from harness.core.errors import InterruptedRunError
from synthetic.scan.scanner import BLOCK_BYTES

# Told what is being done, the bytes done so far and the bytes in all.
ByteProgress: TypeAlias = Callable[[str, int, int], None]


def pieces_of(path: Path, doing: str, progress: ByteProgress) -> Iterator[bytes]:
    """Yield the bytes of a file, in pieces that suit the scanner.

    Raises:
        OSError: it cannot be read.

    """
    done = 0
    with path.open("rb") as file:
        total = path.stat().st_size  # nothing where it is a pipe
        while piece := file.read(BLOCK_BYTES):
            yield piece
            done += len(piece)
            progress(doing, done, max(done, total))


def until_stopped(progress: ByteProgress, stop: Callable[[], bool], reason: str) -> ByteProgress:
    """Return what tells `progress`, and raises InterruptedRunError once `stop` becomes true."""

    def told(doing: str, done: int, total: int) -> None:
        if stop():
            raise InterruptedRunError(reason)
        progress(doing, done, total)

    return told
