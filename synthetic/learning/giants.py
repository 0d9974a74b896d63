"""Giants: values so large that a twin has to make each on its own, and in its place."""

import dataclasses
from typing import Final, Literal

_MOST: Final = 4096

GiantKind = Literal["string", "array", "object"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Large:
    """A large value: its node, where it begins, its elements or characters, and its bytes."""

    node: int
    kind: GiantKind
    offset: int
    size: int
    bytes: int
    width: int = 0


class Giants:
    """Keeps the largest values of a text, however many there are."""

    def __init__(self) -> None:
        self._found: list[Large] = []

    def add(self, large: Large) -> None:
        """Keep a value, at least for a while."""
        self._found.append(large)
        if len(self._found) >= 2 * _MOST:
            self._found.sort(key=lambda one: -one.bytes)
            del self._found[_MOST:]

    def at_least(self, bytes_: int) -> list[Large]:
        """Return those of so many bytes, in the order of the text."""
        found = sorted(self._found, key=lambda one: -one.bytes)[:_MOST]
        return sorted((one for one in found if one.bytes >= bytes_), key=lambda one: one.offset)
