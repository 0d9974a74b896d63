"""Hashes of pieces of a text, thousands at a time."""

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Places

Hashes = NDArray[np.uint64]

_WORD_BYTES: Final = 8
_WORDS: Final = 64
_SALT: Final = np.uint64(int.from_bytes(os.urandom(_WORD_BYTES), "little") | 1)
"""What hashes depend on: of this process and its forks alone, so that nobody makes keys collide."""
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_MASKS: Final = np.array([(1 << (8 * count)) - 1 for count in range(_WORD_BYTES + 1)], np.uint64)
_SHIFT: Final = np.uint64(29)


def hashes_of(
    text: bytes,
    starts: Places,
    lengths: Places,
    *,
    own_salt: np.uint64 | None = None,
    words_looked_at: int = _WORDS,
) -> Hashes:
    """Return a hash of each piece of a text: its first 512 bytes, its last 8, and its length.

    With a salt of their own they are the same in every process. Fewer words than 64 may be looked
    at where a hash need not tell all pieces apart.
    """
    if int((starts + lengths).max(initial=0)) + _WORD_BYTES > len(text):
        text += bytes(_WORD_BYTES)
    room = len(text) - _WORD_BYTES + 1
    words = np.ndarray(shape=(room,), dtype="<u8", buffer=text, strides=(1,))
    found = words[starts]
    found &= _MASKS.take(lengths, mode="clip")
    hashes = lengths.astype(np.uint64)
    hashes *= _SALT if own_salt is None else own_salt
    hashes = mixed(hashes, found)
    todo = (lengths > _WORD_BYTES).nonzero()[0]
    for round_ in range(1, words_looked_at):
        if not len(todo):
            return hashes
        at = starts.take(todo)
        at += round_ * _WORD_BYTES
        left = lengths.take(todo)
        left -= round_ * _WORD_BYTES
        found = words[at]
        found &= _MASKS.take(left, mode="clip")
        hashes[todo] = mixed(hashes.take(todo), found)
        todo = todo.compress(left > _WORD_BYTES)
    if len(todo):
        ends = starts.take(todo) + lengths.take(todo)
        hashes[todo] = mixed(hashes.take(todo), words[ends - _WORD_BYTES])
    return hashes


def mixed(hashes: Hashes, more: Hashes) -> Hashes:
    """Return hashes into which as many more words are mixed."""
    result: Hashes = hashes ^ more
    result *= _FACTOR
    result ^= result >> _SHIFT
    return result
