"""Echoes: names of keys that stand in a text as strings or as keys of maps too, which are data.

An API's description names the properties of its objects as keys, and lists them as strings. A shape
that holds no string of its source may not hold such a name, nor one that such a string is part of.
"""

import functools
from collections.abc import Iterable
from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes
from synthetic.scan.kinds import Places
from synthetic.scan.paths import PathTree
from synthetic.scan.scanner import Block

LEAST: Final = 12
"""Shorter names tell nobody anything."""
_MOST: Final = 64
"""Longer ones are taken for data anyway."""
_WORD: Final = 8
_FIRST_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_LAST_FACTOR: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_LENGTH_FACTOR: Final = np.uint64(0x165667B19E3779F9)
_SHIFT: Final = np.uint64(29)
_REMEMBERED: Final = 1 << 18
"""So many strings are remembered, the first ones; of the others, those equal to known names."""
_NONE: Final = np.empty(0, np.uint64)


class Echoes:
    """Remembers strings by hashes of their first and last bytes and their length."""

    def __init__(self, tree: PathTree) -> None:
        self._tree = tree
        self._waiting = np.empty(_REMEMBERED, np.uint64)
        self._length = 0
        self._joined = _NONE
        self._parts = _NONE
        self._names_known = 0
        self._echoed: set[int] = set()

    def take(self, block: Block, at: Places) -> None:
        """Remember strings of a block, by their indices among its strings."""
        lengths = block.texts.contents.take(at)
        fits = lengths >= LEAST
        fits &= lengths <= _MOST
        fitting = fits.nonzero()[0]
        if not len(fitting):
            return
        firsts = block.starts.take(block.strings.take(at.take(fitting)))
        firsts += 1
        hashes = _hashes(block.text, firsts, lengths.take(fitting))
        end = self._length + len(hashes)
        if end <= _REMEMBERED:
            self._waiting[self._length : end] = hashes
            self._length = end
            return
        self._learn_names()
        self._look_for(hashes)

    def remembered(self) -> tuple[Hashes, set[int]]:
        """Return what is remembered, and what of names is known to be data."""
        return self._waiting[: self._length], self._echoed

    def join(self, remembered: Hashes, echoed: Iterable[int]) -> None:
        """Take in what another half of the text remembers."""
        self._joined = remembered
        self._echoed.update(echoed)

    def _learn_names(self) -> None:
        # Dozens of nodes may have the same key, whose parts are many.
        keys = {node.key for node in self._tree.nodes[self._names_known :]}
        new = [key for key in keys if key is not None]
        self._names_known = len(self._tree.nodes)
        if new:
            self._parts = np.unique(np.concatenate((self._parts, *map(_parts_of, new))))

    def _look_for(self, hashes: Hashes) -> None:
        """Note which of the hashes are those of names, or of parts of them."""
        if not len(self._parts):
            return
        spots = np.searchsorted(self._parts, hashes)
        found = self._parts.take(spots, mode="clip") == hashes
        if found.any():
            self._echoed.update(hashes.compress(found).tolist())

    def close(self) -> None:
        """Look for the names of the whole tree in what is remembered, and forget it."""
        self._learn_names()
        self._look_for(self._waiting[: self._length])
        self._look_for(self._joined)
        self._waiting = self._joined = self._parts = _NONE
        self._length = 0

    def has(self, name: str) -> bool:
        """Whether a name, or a long part of it, stands in the text as data too."""
        return not self._echoed.isdisjoint(_parts_of(name).tolist())


def _hashes(text: bytes, firsts: Places, lengths: Places) -> Hashes:
    words = np.ndarray((len(text) - _WORD + 1,), "<u8", text, strides=(1,))
    hashes = words[firsts]
    hashes *= _FIRST_FACTOR
    lasts = firsts + lengths
    lasts -= _WORD
    found = words[lasts]
    found *= _LAST_FACTOR
    hashes ^= found
    hashes += lengths.astype(np.uint64) * _LENGTH_FACTOR
    hashes ^= hashes >> _SHIFT
    hashes *= _FIRST_FACTOR
    return hashes


def _parts_of(name: str) -> Hashes:
    """Return the hashes of a name and of its parts, as they may be written; of short ones, none."""
    if not LEAST <= len(name) <= _MOST:
        return _NONE
    plain = name.encode("utf-8", "surrogatepass")
    escaped = name.encode("ascii", "backslashreplace")
    return np.concatenate([_hashes(text, *_spans(len(text))) for text in {plain, escaped}])


@functools.cache
def _spans(length: int) -> tuple[Places, Places]:
    firsts, lengths = np.meshgrid(np.arange(length), np.arange(LEAST, _MOST + 1))
    inside = firsts + lengths <= length
    return firsts[inside], lengths[inside]
