"""New names for keys: as long and as wide as the old ones, and telling nothing else of them."""

import math
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_CLASSES: Final = (
    (0x80, _LETTERS, "".join(map(chr, range(0x20, 0x7F))).replace('"', "").replace("\\", "")),
    (0x100, "".join(map(chr, range(0xE0, 0xF7))), "".join(map(chr, range(0xA1, 0x100)))),
    (0x800, "".join(map(chr, range(0x430, 0x450))), "".join(map(chr, range(0x400, 0x500)))),
    (0x10000, "".join(map(chr, range(0x4E00, 0x4E40))), "".join(map(chr, range(0x4E00, 0x9FA0)))),
    (
        0x110000,
        "".join(map(chr, range(0x1F400, 0x1F440))),
        "".join(map(chr, range(0x10000, 0x12000))),
    ),
)
"""What lies below each limit takes as many bytes as each other, in UTF-8 and in Python.

Names are made of the first letters, or of the second where there are too few of the first.
"""


class Names:
    """Gives each key a name of its own, the same at each place."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._used: dict[tuple[int, ...], int] = {}

    def of(self, key: str) -> str:
        """Return the name of a key."""
        if key not in self._given:
            sizes = _sizes(key)
            number = self._used.get(sizes, 0)
            self._used[sizes] = number + 1
            self._given[key] = _name(number, sizes)
        return self._given[key]


def _sizes(key: str) -> tuple[int, ...]:
    """Return how many characters of a key are of each class."""
    counts = [0] * len(_CLASSES)
    for character in key:
        counts[next(i for i, (limit, _, _) in enumerate(_CLASSES) if ord(character) < limit)] += 1
    return tuple(counts)


def _name(number: int, sizes: tuple[int, ...]) -> str:
    """Return name `number` of so many characters of each class, the widest first."""
    sets = [letters for _, letters, _ in _CLASSES]
    if number >= math.prod(len(letters) ** size for letters, size in zip(sets, sizes, strict=True)):
        sets = [letters for _, _, letters in _CLASSES]
    name = []
    for letters, size in zip(sets, sizes, strict=True):
        for _ in range(size):
            number, place = divmod(number, len(letters))
            name.append(letters[place])
    return "".join(reversed(name))
