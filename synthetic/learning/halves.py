"""Halves: a large file is learned by two programs at once, where there are two processors."""

import contextlib
import os
import signal
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np

from synthetic.learning.learner import Learner
from synthetic.learning.parts import Part
from synthetic.learning.second_half import LENGTH_BYTES, blocks, learn_second_half
from synthetic.scan.outline import Cut
from synthetic.scan.scanner import BLOCK_BYTES

_LEAST_BYTES: Final = 6 * 1000 * 1000
"""A smaller file is learned before two halves would be joined."""
_MOST_PATHS: Final = 4000
"""Nor is one of more paths learned much faster by two, and joining them would take 10 MB."""
_LOOKED_AT_BYTES: Final = 4 * BLOCK_BYTES
"""How many paths there are is judged by so much of it."""
_FIRST_SHARE: Final = 0.53
"""The first half is the larger one: the other program has to find its place first."""
_KEPT_OFF: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def can_be_halved(path: Path) -> bool:
    """Whether a plain file is large enough, and there is a processor for each half."""
    return (
        path.is_file() and path.stat().st_size >= _LEAST_BYTES and len(os.sched_getaffinity(0)) > 1
    )


def read_in_halves(learner: Learner, path: Path) -> Generator[int]:
    """Read a file; yield now and then how many bytes are read.

    Raises:
        InvalidJsonError: it is no JSON.
        OSError: it cannot be read.

    """
    size = path.stat().st_size
    target = int(size * _FIRST_SHARE)
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        halves = _Halves(learner, path, target, stack)
        for done in learner.read_to_comma(halves.first(file)):
            yield min(size, done * size // target)
        if not halves.join():
            yield from learner.read(blocks(file))


class _Halves:
    """The two halves of a file, of which the learner reads the first, and perhaps the other too."""

    def __init__(
        self, learner: Learner, path: Path, target: int, stack: contextlib.ExitStack
    ) -> None:
        self._learner = learner
        self._path = path
        self._target = target
        self._stack = stack
        self._helper: _Helper | None = None

    def first(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the bytes up to where the other program begins; a few if there is none."""
        # A file that is cut meanwhile has no more bytes than it has.
        while file.tell() + BLOCK_BYTES <= self._target and (piece := file.read(BLOCK_BYTES)):
            yield piece
            if self._helper is None and file.tell() >= _LOOKED_AT_BYTES:
                if self._learner.paths > _MOST_PATHS:
                    return
                self._helper = _Helper(self._path, self._target)
                self._stack.callback(self._helper.stop)
        cut = None if self._helper is None else self._helper.cut()
        if cut is None:
            return
        while (left := cut.offset + 1 - file.tell()) > 0 and (
            piece := file.read(min(left, BLOCK_BYTES))
        ):
            yield piece

    def join(self) -> bool:
        """Take in the second half; False if nobody has anything to say of it."""
        cut = None if self._helper is None else self._helper.cut()
        if self._helper is None or cut is None:
            return False
        contexts = np.array([opening.context for opening in cut.openings], np.uint8)
        if not self._learner.is_behind_comma(contexts):
            return False
        part = self._helper.part()
        if part is not None:
            self._learner.join(part, contexts)
        return part is not None


class _Helper:
    """The fork that learns the second half."""

    def __init__(self, path: Path, target: int) -> None:
        reading, writing = os.pipe()
        # Handlers are not for the fork: it ends with this program, or when this one says so.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _KEPT_OFF)
        try:
            self._pid = _fork(path, target, writing)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(writing)
        self._answers = os.fdopen(reading, "rb")
        self._cut: Cut | None = None
        self._has_cut = False

    def cut(self) -> Cut | None:
        """Return where its half begins; None if it has none."""
        if not self._has_cut:
            self._has_cut = True
            answer = self._answer()
            self._cut = None if answer is None else msgspec.msgpack.decode(answer, type=Cut)
        return self._cut

    def part(self) -> Part | None:
        """Return what is in its half; None if it has no answer."""
        answer = self._answer()
        return None if answer is None else msgspec.msgpack.decode(answer, type=Part)

    def _answer(self) -> bytes | None:
        head = self._answers.read(LENGTH_BYTES)
        length = int.from_bytes(head, "little")
        text = self._answers.read(length) if len(head) == LENGTH_BYTES else b""
        return text if text and len(text) == length else None

    def stop(self) -> None:
        """End it, whatever it is doing."""
        self._answers.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _fork(path: Path, target: int, answers: int) -> int:
    parent = os.getpid()
    with warnings.catch_warnings():
        # Of threads, whose locks the fork would wait for: it takes none that they have.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        learn_second_half(path, target, answers, parent)
    return pid
