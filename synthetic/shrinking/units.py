"""What a snapshot may do without: parts of a list, the inside of a list, the text of a value."""

from typing import Final, Self

from synthetic.shrinking.outline import Form
from synthetic.shrinking.parts import Part, Tree, Value
from synthetic.shrinking.source import Source

_BLANKS: Final = {Form.STRING: b'""', Form.SCALAR: b"0"}
_WORDS: Final = {b"t", b"f", b"n"}


class PartUnit:
    """Elements or members, which are dropped."""

    def __init__(self, part: Part, tree: Tree, *, cost: float) -> None:
        """Drop `part`; `cost` is what is left of it."""
        self.part = part
        self._tree = tree
        self.cost = cost

    @property
    def is_needed(self) -> bool:
        """Whether it is known that they cannot be spared."""
        return self.part.is_needed

    def keep(self, kept: bool, /) -> None:
        """Keep or drop them."""
        self.part.kept = kept

    def split(self) -> list[Self]:
        """Return a unit for each of some finer parts."""
        finer = self._tree.split(self.part)
        share = self.cost / max(1, self.part.bytes)
        return [type(self)(part, self._tree, cost=part.bytes * share) for part in finer]


class InsideUnit:
    """All that is in a container or a string, which is emptied."""

    is_needed = False

    def __init__(self, value: Value, *, cost: float) -> None:
        """Empty `value`; `cost` is what is left of it."""
        self.value = value
        self.cost = cost

    def keep(self, kept: bool, /) -> None:
        """Keep what is in it, or empty it."""
        self.value.is_emptied = not kept

    def split(self) -> list[Self]:
        """Return nothing: its parts are another search's."""
        return []


class BlankUnit:
    """The text of a string or number, for which the shortest of its kind is put."""

    is_needed = False

    def __init__(self, value: Value, *, cost: float) -> None:
        """Blank `value`; `cost` is what is left of it."""
        self.value = value
        self.cost = cost

    def keep(self, kept: bool, /) -> None:
        """Keep its text, or blank it."""
        self.value.literal = None if kept else _BLANKS[self.value.form]

    def split(self) -> list[Self]:
        """Return nothing: it is one text."""
        return []


def may_be_blank(value: Value, source: Source) -> bool:
    """Whether a shorter text of the same kind can stand in a value's place."""
    blank = _BLANKS.get(value.form)
    if blank is None or value.bytes <= len(blank):
        return False
    return value.form is Form.STRING or source.read(value.start, value.start + 1) not in _WORDS


def need(value: Value) -> None:
    """Remember that a value cannot be spared, nor what it is in."""
    part = value.part
    while part is not None and not part.is_needed:
        part.is_needed = True
        part = part.owner.part
