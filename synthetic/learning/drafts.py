"""Drafts: the places of a shape, each put together from the nodes that stand for one place."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from synthetic.learning.bins import bin_of
from synthetic.learning.distinct_keys import ALL_KEYS, Sample
from synthetic.learning.histograms import Cell, Cells
from synthetic.learning.openings import Chains
from synthetic.learning.sketch import NOTHING_SEEN, Seen
from synthetic.scan.kinds import KINDS
from synthetic.shape import Nests

NumberClass: TypeAlias = tuple[int, int, int]
NO_KINDS: Final = (0,) * KINDS
_NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


def _nothing() -> Mapping[Any, Any]:
    """Return what all share that have none: a dictionary for each of very many is too much."""
    return _NONE


@dataclasses.dataclass(kw_only=True, slots=True)
class TextDraft:
    """Strings of one width: the cells of their lengths, bytes beyond these, and escaped ones."""

    lengths: dict[int, Cell] = dataclasses.field(default_factory=dict)
    extra_bytes: int = 0
    escaped: int = 0


@dataclasses.dataclass(kw_only=True, slots=True)
class Draft:
    """What was counted at one place, and the places below it.

    Attributes:
        nodes: the nodes of the path tree that it stands for.
        kinds: how many values there are of each kind, by its number.
        strings, keys: by width; keys are those of maps.
        numbers: by flags, detail and characters.
        arrays, objects: the cells of their sizes.
        members: by key; of objects that are no maps.
        elements, values: the place of the elements of arrays, and of the values of maps.
        has_maps: whether the objects are maps.
        seen_strings, seen_numbers: how many of them are in the sample.
        distinct_keys: about how many different keys the maps have; `keys_sample` are some of them.
        key_uses: about how often each key is there that was met again, the commonest first.
        met_again: how many keys of maps were looked at, and how many of these met again soon.
        chains: how many values are here that hold others too deep for places of their own.
        nests: what the shape says of these.

    """

    nodes: list[int] = dataclasses.field(default_factory=list)
    kinds: tuple[int, ...] = NO_KINDS
    strings: Mapping[int, TextDraft] = dataclasses.field(default_factory=_nothing)
    keys: Mapping[int, TextDraft] = dataclasses.field(default_factory=_nothing)
    numbers: Mapping[NumberClass, int] = dataclasses.field(default_factory=_nothing)
    arrays: Cells = dataclasses.field(default_factory=_nothing)
    objects: Cells = dataclasses.field(default_factory=_nothing)
    members: "Mapping[str, Draft]" = dataclasses.field(default_factory=_nothing)
    elements: "Draft | None" = None
    values: "Draft | None" = None
    has_maps: bool = False
    seen_strings: Seen = NOTHING_SEEN
    seen_numbers: Seen = NOTHING_SEEN
    distinct_keys: int = 0
    keys_sample: Sample = ALL_KEYS
    key_uses: Sequence[float] = ()
    met_again: tuple[int, int] = (0, 0)
    chains: Chains | None = None
    nests: Nests | None = None

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.kinds) + (self.chains.count if self.chains else 0)

    @property
    def keys_count(self) -> int:
        """How many keys the maps have."""
        return sum(count for text in self.keys.values() for count, _ in text.lengths.values())


def less(kinds: Sequence[int], others: Mapping[int, int]) -> tuple[int, ...]:
    """Return counts of kinds without some of them."""
    return tuple(count - others.get(kind, 0) for kind, count in enumerate(kinds))


def add_size(cells: dict[int, Cell], size: int, count: int) -> None:
    """Add values of one size; a negative count takes them out."""
    bin_ = bin_of(size)
    old_count, old_total = cells.get(bin_, (0, 0))
    cells[bin_] = (old_count + count, old_total + count * size)
    if cells[bin_][0] == 0:
        del cells[bin_]


def width_of(text: str) -> int:
    """Return the width class of a text, as the scanner numbers them."""
    if text.isascii():
        return 0
    highest = ord(max(text))
    return (highest >= 0x80) + (highest >= 0x100) + (highest >= 0x10000)
