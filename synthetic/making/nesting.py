"""Nests: arrays and objects in one another, deeper than places go."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from synthetic.making.quotas import Share
from synthetic.shape import Nests

if TYPE_CHECKING:
    from synthetic.making.places import PlaceMaker

_LABEL: Final = b'"%b":'
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"
_PIECE: Final = 4096
_MOST_AT_ONCE: Final = 1 << 16


class NestMaker:
    """Makes nests: a spine of containers, and what else there is evenly beside it.

    The first nest has the spine that is as deep as the deepest; those of the others are as deep as
    they have containers, up to that. They are laid out on one line: so deep, indentation would be
    most of the text.
    """

    def __init__(self, nests: Nests, leaves: "PlaceMaker | None", *, key_length: int) -> None:
        """Make nests that hold `leaves`, with keys that are longer than needed by `key_length`."""
        self._key_end = b"x" * key_length
        self.count = nests.count
        self.leaves = leaves
        self._levels = nests.levels
        self._containers = nests.arrays + nests.objects
        self._objects = nests.objects
        beside = self._containers - nests.count - (nests.levels - 1)
        self._beside = Share(max(beside, 0), nests.count)
        self._leaves = Share(0 if leaves is None else leaves.count, nests.count)
        self._is_first = True

    @property
    def _entries(self) -> int:
        leaves = 0 if self.leaves is None else self.leaves.count
        return self._containers - self.count + leaves

    @property
    def keyed(self) -> int:
        """About how many values have a key."""
        return self._entries * self._objects // max(self._containers, 1)

    def whole_bytes(self) -> int:
        """Return about how many bytes all nests have."""
        leaves = 0 if self.leaves is None else self.leaves.whole_bytes
        entries = self._entries
        full = min(self._containers, entries)
        keys = self.keyed * (len(_LABEL % b"a") + len(self._key_end))
        return 2 * self._containers + max(entries - full, 0) + keys + leaves

    def texts(self, count: int, weight: int) -> list[bytes]:
        """Return the templates of so many nests."""
        return [b"".join(self.pieces(weight)) for _ in range(count)]

    def pieces(self, weight: int = 1) -> Iterator[bytes]:
        """Yield the template of one nest in pieces."""
        levels, beside = 1, self._beside.of(1, weight)
        if self._is_first:
            levels = self._levels
            self._is_first = False
        elif beside:
            levels = min(1 + beside, self._levels)
            beside -= levels - 1
        leaves = self._leaves.of(1, weight)
        others, own = Share(beside, levels), Share(leaves, levels)
        piece: list[bytes] = []
        for level in range(levels):
            is_object = self._is_object(level)
            entries = [b"[]"] * others.of(1)
            if (wanted := own.of(1)) and self.leaves is not None:
                entries += self.leaves.texts(wanted, weight)
            piece.append(b"{" if is_object else b"[")
            is_deepest = level == levels - 1
            piece += self._written(entries, is_object=is_object, is_last=is_deepest)
            if is_object and not is_deepest:
                piece.append(_LABEL % (b"_" + self._key_end))
            if len(piece) >= _PIECE:
                yield b"".join(piece)
                piece = []
        yield b"".join(piece)
        for start in range(levels, 0, -_MOST_AT_ONCE):
            spine = range(start - 1, max(start - _MOST_AT_ONCE, 0) - 1, -1)
            yield b"".join(b"}" if self._is_object(level) else b"]" for level in spine)

    def _is_object(self, level: int) -> bool:
        """Whether the container of a level is an object: as many of them are as the shape says."""
        whole = max(self._containers, 1)
        return (level + 1) * self._objects // whole > level * self._objects // whole

    def _written(self, entries: list[bytes], *, is_object: bool, is_last: bool) -> Iterator[bytes]:
        """Yield entries with commas between them, and behind the last one unless it is that."""
        for index, entry in enumerate(entries):
            if is_object:
                yield _LABEL % (_key(index) + self._key_end)
            yield entry
            if not is_last or index < len(entries) - 1:
                yield b","


def _key(index: int) -> bytes:
    """Return a key that no other entry of the object has."""
    key = b""
    while True:
        index, letter = divmod(index, len(_LETTERS))
        key = _LETTERS[letter : letter + 1] + key
        if not index:
            return key
        index -= 1
