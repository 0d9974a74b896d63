"""Halves: a large file is learned by two programs at once, where there are two processors."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np

import synthetic
from synthetic.learning.learner import Learner
from synthetic.learning.parts import Part
from synthetic.learning.second_half import LENGTH_BYTES, Job, blocks
from synthetic.scan.hashes import salt
from synthetic.scan.outline import Cut
from synthetic.scan.scanner import BLOCK_BYTES

_LEAST_BYTES: Final = 24 * 1000 * 1000
"""A smaller file is learned before another program is ready."""
_FIRST_SHARE: Final = 0.53
_HEAD_START_BYTES: Final = 6 * 1000 * 1000
"""The first half is the larger one: the other program has to start and to find its place first."""


def can_be_halved(path: Path) -> bool:
    """Whether a plain file is large enough, and there is a processor for each half."""
    return (
        path.is_file()
        and path.stat().st_size >= _LEAST_BYTES
        and len(os.sched_getaffinity(0)) > 1
        and bool(sys.executable)
    )


def read_in_halves(learner: Learner, path: Path) -> Generator[int]:
    """Read a file; yield now and then how many bytes are read.

    Raises:
        InvalidJsonError: it is no JSON.
        OSError: it cannot be read.

    """
    size = path.stat().st_size
    target = int(size * _FIRST_SHARE) + _HEAD_START_BYTES
    helper = _Helper(Job(path=str(path.absolute()), target=target, salt=salt()))
    try:
        with path.open("rb") as file:
            for done in learner.read_to_comma(_first_half(file, target, helper)):
                yield min(size, done * size // target)
            if not _join(learner, helper):
                yield from learner.read(blocks(file))
    finally:
        helper.stop()


def _first_half(file: BinaryIO, target: int, helper: "_Helper") -> Iterator[bytes]:
    """Yield the bytes up to where the other program begins."""
    # A file that is cut meanwhile has no more bytes than it has.
    while file.tell() + BLOCK_BYTES <= target and (piece := file.read(BLOCK_BYTES)):
        yield piece
    cut = helper.cut()
    if cut is None:
        return
    while (left := cut.offset + 1 - file.tell()) > 0 and (
        piece := file.read(min(left, BLOCK_BYTES))
    ):
        yield piece


def _join(learner: Learner, helper: "_Helper") -> bool:
    """Take in the second half; False if the other program has nothing to say of it."""
    cut = helper.cut()
    if cut is None:
        return False
    contexts = np.array([opening.context for opening in cut.openings], np.uint8)
    if not learner.is_behind_comma(contexts):
        return False
    part = helper.part()
    if part is not None:
        learner.join(part, contexts)
    return part is not None


class _Helper:
    """The program that learns the second half."""

    def __init__(self, job: Job) -> None:
        folder = str(Path(synthetic.__file__).parents[1])
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "synthetic.learning.second_half"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        self._cut: Cut | None = None
        self._has_cut = False
        with contextlib.suppress(BrokenPipeError):  # where it has ended, and so will its answers
            if self._process.stdin is not None:
                self._process.stdin.write(msgspec.msgpack.encode(job))
                self._process.stdin.close()

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
        stream = self._process.stdout
        if stream is None:
            return None
        head = stream.read(LENGTH_BYTES)
        length = int.from_bytes(head, "little")
        text = stream.read(length) if len(head) == LENGTH_BYTES else b""
        return text if text and len(text) == length else None

    def stop(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()
