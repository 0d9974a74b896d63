"""Drafts: the places of a shape while they are put together, and merged where keys are data."""

import dataclasses
from collections import Counter

from synthetic.learning.bins import bin_of
from synthetic.learning.histograms import Cells
from synthetic.learning.maps import Key, is_map
from synthetic.learning.openings import Chains
from synthetic.scan.kinds import FALSE, FLOAT, INTEGER, NULL, OPEN_ARRAY, OPEN_OBJECT, STRING, TRUE
from synthetic.shape import Nests


@dataclasses.dataclass(kw_only=True)
class TextDraft:
    """Strings of one width: the cells of their lengths, bytes beyond these, and escaped ones."""

    lengths: Cells = dataclasses.field(default_factory=dict)
    extra_bytes: int = 0
    escaped: int = 0

    def merge(self, other: "TextDraft") -> None:
        """Take in the strings of another."""
        merge_cells(self.lengths, other.lengths)
        self.extra_bytes += other.extra_bytes
        self.escaped += other.escaped


@dataclasses.dataclass(kw_only=True)
class Draft:
    """What was counted at one place, and the places below it.

    Attributes:
        nodes: the nodes of the path tree that it stands for.
        kinds: how many values there are of each kind.
        strings, keys: by width; keys are those of maps.
        numbers: by flags, detail and characters.
        arrays, objects: the cells of their sizes.
        members: by key; of objects that are no maps.
        elements, values: the place of the elements of arrays, and of the values of maps.
        has_maps: whether objects were found to be maps already.
        repetitions: of strings and of numbers in the sample.
        chains: how many values are here that hold others too deep for places of their own.
        nests: what the shape says of these.

    """

    nodes: list[int] = dataclasses.field(default_factory=list)
    kinds: Counter[int] = dataclasses.field(default_factory=Counter)
    strings: dict[int, TextDraft] = dataclasses.field(default_factory=dict)
    keys: dict[int, TextDraft] = dataclasses.field(default_factory=dict)
    numbers: Counter[tuple[int, int, int]] = dataclasses.field(default_factory=Counter)
    arrays: Cells = dataclasses.field(default_factory=dict)
    objects: Cells = dataclasses.field(default_factory=dict)
    members: "dict[str, Draft]" = dataclasses.field(default_factory=dict)
    elements: "Draft | None" = None
    values: "Draft | None" = None
    has_maps: bool = False
    repetitions: tuple[Counter[int], Counter[int]] = dataclasses.field(
        default_factory=lambda: (Counter(), Counter())
    )
    chains: Chains = dataclasses.field(default_factory=Chains)
    nests: Nests | None = None

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.kinds.total() + self.chains.count

    def merge(self, other: "Draft") -> None:
        """Take in all that was counted at another place."""
        self.nodes += other.nodes
        self.kinds.update(other.kinds)
        self.numbers.update(other.numbers)
        for mine, others in ((self.strings, other.strings), (self.keys, other.keys)):
            for width, text in others.items():
                mine.setdefault(width, TextDraft()).merge(text)
        merge_cells(self.arrays, other.arrays)
        merge_cells(self.objects, other.objects)
        for mine_seen, seen in zip(self.repetitions, other.repetitions, strict=True):
            mine_seen.update(seen)
        self.has_maps |= other.has_maps
        self.chains.arrays += other.chains.arrays
        self.chains.objects += other.chains.objects
        for key, member in other.members.items():
            known = self.members.get(key)
            if known is None:
                self.members[key] = member
            else:
                known.merge(member)
        self.elements = merged(self.elements, other.elements)
        self.values = merged(self.values, other.values)

    def structure(self) -> str:
        """Return what is equal for places whose values look alike."""
        kinds = sorted({_KIND_NAMES[kind] for kind in self.kinds} - {""})
        keys = sorted(self.members) if len(self.members) <= 32 else ["..."]
        return " ".join([*kinds, *keys])

    def settle(self, key_bytes: dict[int, int]) -> set[str]:
        """Merge the members where objects are maps, here and in all places below.

        Returns the keys that are data; `key_bytes` are those of nodes' keys.
        """
        data: set[str] = set()
        waiting = [self]
        while waiting:
            draft = waiting.pop()
            objects = draft.kinds[OPEN_OBJECT]
            # An object that holds a key twice fits no description but that of a map.
            is_odd = any(member.count > objects for member in draft.members.values())
            if draft.has_maps or is_odd or is_map(objects, draft.looks()):
                data.update(draft.members)
                draft.become_map(key_bytes)
            waiting += draft.members.values()
            waiting += [below for below in (draft.elements, draft.values) if below is not None]
        return data

    def looks(self) -> dict[str, Key]:
        """Return what the keys of the members say of them."""
        found = {}
        for key, member in self.members.items():
            containers = member.kinds[OPEN_OBJECT] + member.kinds[OPEN_ARRAY]
            found[key] = Key(
                count=member.count,
                structure=member.structure(),
                is_container=containers * 2 > member.count,
            )
        return found

    def become_map(self, key_bytes: dict[int, int]) -> None:
        """Take the keys of the members for data."""
        self.has_maps = True
        for key, member in self.members.items():
            text = TextDraft(lengths={})
            add_size(text.lengths, len(key), member.count)
            encoded = len(key.encode("utf-8", "surrogatepass"))
            written = key_bytes.get(member.nodes[0], encoded) if member.nodes else encoded
            text.extra_bytes = (written - len(key)) * member.count
            text.escaped = max(0, written - encoded) * member.count
            self.keys.setdefault(width_of(key), TextDraft()).merge(text)
            self.values = merged(self.values, member)
        self.members = {}


_KIND_NAMES: dict[int, str] = {
    OPEN_OBJECT: "object",
    OPEN_ARRAY: "array",
    STRING: "string",
    INTEGER: "number",
    FLOAT: "number",
    TRUE: "boolean",
    FALSE: "boolean",
    NULL: "",
}


def merged(one: Draft | None, other: Draft | None) -> Draft | None:
    """Return two drafts as one, either of which there may not be."""
    if one is None or other is None:
        return one or other
    one.merge(other)
    return one


def merge_cells(into: Cells, other: Cells) -> None:
    """Add the counts and sums of other cells."""
    for bin_, (count, total) in other.items():
        old_count, old_total = into.get(bin_, (0, 0))
        into[bin_] = (old_count + count, old_total + total)


def add_size(cells: Cells, size: int, count: int) -> None:
    """Add values of one size; a negative count takes them out."""
    bin_ = bin_of(size)
    old_count, old_total = cells.get(bin_, (0, 0))
    cells[bin_] = (old_count + count, old_total + count * size)
    if cells[bin_][0] == 0:
        del cells[bin_]


def width_of(text: str) -> int:
    """Return the width class of a text, as the scanner numbers them."""
    highest = ord(max(text, default="\0"))
    return (highest >= 0x80) + (highest >= 0x100) + (highest >= 0x10000)
