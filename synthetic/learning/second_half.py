"""The second half of a file, learned by a fork of the program that learns the first.

It answers through a pipe: first with where its half begins, then with what is in it. It ends with
1, and says no more, where it has no answer; the other program then reads on by itself, and says
what is wrong with the text.
"""

import ctypes
import gc
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import msgspec

from synthetic.learning.learner import Learner
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.outline import Cut, cut_behind, key_before
from synthetic.scan.paths import DEEPEST
from synthetic.scan.scanner import BLOCK_BYTES

_PR_SET_PDEATHSIG: Final = 1
_GLANCED_BLOCKS: Final = 4
LENGTH_BYTES: Final = 8


def learn_second_half(path: Path, target: int, answers: int, parent: int) -> NoReturn:
    """Learn what is behind the first comma from `target` on, and end, whatever happens.

    `answers` is the pipe, and `parent` the process that forked this one.
    """
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:  # else it ended before that was set
            gc.freeze()  # what is there stays there; to look at it again and again takes time
            with os.fdopen(answers, "wb") as stream, path.open("rb") as file:
                status = _answered(file, target, stream)
    finally:
        # Nothing of the other program's is to be done here: no handler, no flush, no traceback.
        os._exit(status)


def _answered(file: BinaryIO, target: int, stream: BinaryIO) -> int:
    """Answer, and return what to end with."""
    cut = cut_behind(blocks(file), target)
    raw_keys = None if cut is None else _keys(file, cut)
    if cut is None or raw_keys is None:
        return 1
    _answer(stream, msgspec.msgpack.encode(cut))
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
    _answer(stream, msgspec.msgpack.encode(learner.part()))
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


def _answer(stream: BinaryIO, text: bytes) -> None:
    stream.write(len(text).to_bytes(LENGTH_BYTES, "little") + text)
    stream.flush()
