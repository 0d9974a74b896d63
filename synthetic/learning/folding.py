"""Folding: from the census of a text to its shape."""

import dataclasses
from typing import Final

from synthetic.learning.census import IS_FLOAT, WIDTHS, Census
from synthetic.learning.drafts import Draft, TextDraft
from synthetic.learning.histograms import Cells
from synthetic.scan.kinds import FLOAT, INTEGER, KINDS, STRING
from synthetic.scan.paths import DEEPER_NODE, ROOT_NODE, PathTree

_DEEPER_KEY: Final = "a"
"""Stands for the keys below which all is too deep; nobody looks at these."""


def drafts_of(census: Census) -> dict[int, Draft]:
    """Return a draft for each node of a census's tree, with the drafts below it."""
    tree = census.tree
    drafts = {node: Draft(nodes=[node]) for node in range(len(tree))}
    for code, count in census.others.counts().items():
        node, kind = divmod(code, KINDS)
        drafts[node].kinds[kind] += count
    for (node, flags, detail, characters), count in census.numbers().items():
        drafts[node].numbers[flags, detail, characters] += count
        drafts[node].kinds[FLOAT if flags & IS_FLOAT else INTEGER] += count
    _put_texts(census, drafts)
    for owner, cells in census.openings.sizes.cells().items():
        draft = drafts[owner // 2]
        if owner % 2:
            draft.objects = cells
        else:
            draft.arrays = cells
    for owner, seen in census.sketch.repetitions().items():
        drafts[owner // 2].repetitions[owner % 2].update(seen)
    _link(tree, drafts)
    _put_chains(census, drafts)
    return drafts


def _put_texts(census: Census, drafts: dict[int, Draft]) -> None:
    for texts, is_key in ((census.strings, False), (census.keys, True)):
        found: dict[int, TextDraft] = {
            owner: TextDraft(lengths=cells) for owner, cells in texts.lengths.cells().items()
        }
        for owner, total in texts.extra_bytes.totals().items():
            found[owner].extra_bytes = total
        for owner, total in texts.escaped.totals().items():
            found[owner].escaped = total
        for owner, text in found.items():
            node, width = divmod(owner, WIDTHS)
            draft = drafts[node]
            (draft.keys if is_key else draft.strings)[width] = text
            if not is_key:
                draft.kinds[STRING] += counts_of(text.lengths)


def _link(tree: PathTree, drafts: dict[int, Draft]) -> None:
    for node in range(len(tree)):
        draft = drafts[node]
        draft.has_maps = tree.is_map(node)
        draft.members = {key: drafts[child] for key, child in tree.children(node).items()}
        elements, values = tree.elements(node), tree.map_values(node)
        draft.elements = None if elements is None else drafts[elements]
        draft.values = None if values is None else drafts[values]


def _put_chains(census: Census, drafts: dict[int, Draft]) -> None:
    """Hang what is too deep for places of its own below the places that it is in."""
    for (node, is_in_object), chains in census.openings.chains.items():
        draft = drafts[node]
        if is_in_object:
            below = draft.members.setdefault(_DEEPER_KEY, Draft())
        else:
            below = draft.elements = draft.elements or Draft()
        below.chains = chains


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settled:
    """The drafts of a text, maps merged.

    Attributes:
        root: that of the root.
        deeper: that of all that is too deep for places.
        data: the keys that were found to be data in the end.

    """

    root: Draft
    deeper: Draft
    data: frozenset[str]


def settled(census: Census) -> Settled:
    """Return the drafts of a census."""
    drafts = drafts_of(census)
    root = drafts[ROOT_NODE]
    data = root.settle(dict(enumerate(census.tree.key_bytes)))
    return Settled(root=root, deeper=drafts[DEEPER_NODE], data=frozenset(data))


def counts_of(cells: Cells) -> int:
    """Return how many values are in cells."""
    return sum(count for count, _ in cells.values())
