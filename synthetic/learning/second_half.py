"""The program that learns the second half of a file, beside the one that learns the first.

It is given a `Job` on its standard input, and answers on its standard output: first with where its
half begins, then with what is in it. It exits with 1, and nothing more, where it has no answer; the
other program then reads on by itself, and says what is wrong with the text.
"""

import ctypes
import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from synthetic.learning.learner import Learner
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.hashes import use_salt
from synthetic.scan.outline import Cut, cut_behind, key_before
from synthetic.scan.paths import DEEPEST
from synthetic.scan.scanner import BLOCK_BYTES

_PR_SET_PDEATHSIG: Final = 1
_GLANCED_BLOCKS: Final = 4
LENGTH_BYTES: Final = 8


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The file, from which byte on to look for a comma, and the salt of hashes."""

    path: str
    target: int
    salt: int


def main() -> int:
    """Do the job."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # which ended before that was set
        return 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other program says when to stop
    gc.freeze()  # what is there stays there; to look at it again and again takes time
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
    use_salt(job.salt)
    with Path(job.path).open("rb") as file:
        cut = cut_behind(blocks(file), job.target)
        raw_keys = None if cut is None else _keys(file, cut)
        if cut is None or raw_keys is None:
            return 1
        _answer(msgspec.msgpack.encode(cut))
        learner = Learner()
        file.seek(0)
        try:
            learner.glance(itertools.islice(blocks(file), _GLANCED_BLOCKS))
            file.seek(cut.offset + 1)
            learner.resume(cut, raw_keys)
            for _ in learner.read(blocks(file)):
                pass
        except InvalidJsonError:
            return 1
    _answer(msgspec.msgpack.encode(learner.part()))
    return 0


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file from where it is."""
    while piece := file.read(BLOCK_BYTES):
        yield piece


def _keys(file: BinaryIO, cut: Cut) -> list[bytes | None] | None:
    """Return the keys of what is open at a cut; None if one cannot be told, or it is too deep."""
    if len(cut.openings) > DEEPEST:
        return None
    found: list[bytes | None] = []
    for around, opening in zip((None, *cut.openings), cut.openings, strict=False):
        key = None
        if around is not None and around.is_object:
            key = key_before(file, opening.offset)
            if key is None:
                return None
        found.append(key)
    return found


def _answer(text: bytes) -> None:
    sys.stdout.buffer.write(len(text).to_bytes(LENGTH_BYTES, "little") + text)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
