"""New names for keys: as long and as wide as the old ones, and telling nothing else of them."""

from typing import Final

from synthetic.learning.drafts import width_of

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS: Final = (
    _LETTERS,
    "".join(map(chr, range(0xE0, 0xF7))),
    "".join(map(chr, range(0x430, 0x450))),
    "".join(map(chr, range(0x1F400, 0x1F440))),
)
"""By width: letters that JSON need not escape."""
_RESERVES: Final = (
    "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '"\\') + _LETTERS,
    "".join(map(chr, range(0xA1, 0x100))),
    "".join(map(chr, range(0x400, 0x2000))),
    "".join(map(chr, range(0x10000, 0x18000))),
)
"""By width: what names are made of where there are too few of a length otherwise."""


class Names:
    """Gives each key a name of its own, the same at each place."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._used: dict[tuple[int, int], int] = {}

    def of(self, key: str) -> str:
        """Return the name of a key."""
        if key not in self._given:
            size = (len(key), width_of(key))
            number = self._used.get(size, 0)
            self._used[size] = number + 1
            self._given[key] = _name(number, *size)
        return self._given[key]


def _name(number: int, length: int, width: int) -> str:
    """Return name `number` of so many characters, the first of which is of the width."""
    if not length:
        return ""
    alphabet, rest = _ALPHABETS[width], _LETTERS
    if number >= len(alphabet) * len(rest) ** (length - 1):
        alphabet = rest = _RESERVES[width]
    letters = []
    for _ in range(length - 1):
        number, place = divmod(number, len(rest))
        letters.append(rest[place])
    letters.append(alphabet[number % len(alphabet)])
    return "".join(reversed(letters))
