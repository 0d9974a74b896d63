"""Targets: what of a snapshot is large enough to be tried without, and was not searched yet."""

import collections
from typing import Final

from synthetic.shrinking.edits import Remaining
from synthetic.shrinking.outline import Form
from synthetic.shrinking.parts import MEMBERS_OF_RECORD, Part, Tree, Value

_MOST_SEEN: Final = 1 << 16
"""However deep a snapshot nests, no more values are looked at."""

LONG_STRING_BYTES: Final = 1024
"""A string of so many bytes is a list of characters, of which most may be spared."""


class Targets:
    """What is in a tree, the outermost first.

    Attributes:
        lists: arrays, objects of many members and long strings, none of them in another. They can
            be emptied and nobody who expects certain keys will miss one.
        records: objects of few members.

    """

    def __init__(self, tree: Tree, remaining: Remaining, floor_bytes: int) -> None:
        """Find those of which `floor_bytes` at least may go."""
        self._tree = tree
        self._remaining = remaining
        self._floor_bytes = floor_bytes
        self.lists: list[Value] = []
        self.records: list[Value] = []
        waiting = collections.deque([tree.root])
        for _ in range(_MOST_SEEN):
            if not waiting:
                break
            value = _in_place_of(waiting.popleft())
            if value is not None and not self._take(value):
                waiting.extend(self._inner(value))

    def _take(self, value: Value) -> bool:
        """Add a value where it is a target; return whether it is a list."""
        if value.is_searched or self._droppable_bytes(value) < self._floor_bytes:
            return False
        if self._is_list(value):
            self.lists.append(value)
            return True
        if value.form is Form.OBJECT:
            self.records.append(value)
        return False

    def _is_list(self, value: Value) -> bool:
        match value.form:
            case Form.ARRAY | Form.STRING:
                return True
            case Form.OBJECT:
                return sum(part.count for part in self._tree.parts(value)) > MEMBERS_OF_RECORD
            case Form.ROOT:
                return sum(part.count for part in self._tree.parts(value)) > 1
            case Form.SCALAR:
                return False

    def _droppable_bytes(self, value: Value) -> int:
        if value.form is Form.STRING:
            left = self._remaining.of(value.start, value.end)
            return left if left >= LONG_STRING_BYTES else 0
        parts = self._tree.parts(value)
        return sum(
            self._remaining.of(part.start, part.end)
            for part in parts
            if part.kept and not part.is_needed
        )

    def _inner(self, value: Value) -> list[Value]:
        parts = self._tree.parts(value)
        return [
            inner
            for part in parts
            if self._is_worth_it(part) and (inner := self._tree.look(part)) is not None
        ]

    def _is_worth_it(self, part: Part) -> bool:
        left = self._remaining.of(part.start, part.end)
        return part.kept and part.count == 1 and left >= self._floor_bytes


def leaves_of(tree: Tree, most: int) -> list[Value]:
    """Return the strings and scalars that are in a small snapshot; at most so many."""
    found: list[Value] = []
    waiting = collections.deque([tree.root])
    while waiting and len(found) < most:
        value = _in_place_of(waiting.popleft())
        if value is None:
            continue
        if not value.is_container:
            found.append(value)
        for part in list(tree.parts(value)):
            for piece in _singles(tree, part):
                inner = tree.look(piece)
                if inner is not None:
                    waiting.append(inner)
    return found


def _singles(tree: Tree, part: Part) -> list[Part]:
    """Return the parts of one element that a part consists of; it is split."""
    if not part.kept:
        return []
    if part.count == 1:
        return [part]
    return [single for finer in tree.split(part) for single in _singles(tree, finer)]


def needed_in(tree: Tree, most: int) -> list[Value]:
    """Return the innermost values that are known to be needed; at most so many."""
    found: list[Value] = []
    waiting = collections.deque([tree.root])
    while waiting and len(found) < most:
        value = _in_place_of(waiting.popleft())
        if value is None:
            continue
        needed = [part for part in value.parts or () if part.kept and part.is_needed]
        inner = [value for part in needed if (value := tree.look(part)) is not None]
        waiting.extend(inner)
        if not inner and value.part is not None and value.part.is_needed:
            found.append(value)
    return found


def _in_place_of(value: Value) -> Value | None:
    """Return what stands where a value is; None where nothing is left to be tried."""
    while value.hoisted is not None:
        value = value.hoisted
    return None if value.is_emptied or value.literal is not None else value
