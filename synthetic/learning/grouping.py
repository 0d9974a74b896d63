"""Grouping: which nodes of a path tree are one place, because the keys between them are data."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.learning.drafts import Draft
from synthetic.learning.maps import Look, is_map
from synthetic.scan.kinds import FALSE, FLOAT, INTEGER, NULL, OPEN_ARRAY, OPEN_OBJECT, TRUE
from synthetic.scan.paths import ROOT_NODE, PathTree

Table = NDArray[np.intp]
"""How many values there are, by node and by kind."""

_ALIKE: Final = (1 << INTEGER | 1 << FLOAT, 1 << TRUE | 1 << FALSE)
"""Kinds, as bits, that make no difference to how values look."""
_MOST_KEYS: Final = 32
"""Objects of more keys look like no others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grouping:
    """The drafts of a tree.

    Attributes:
        root: that of the root.
        of_nodes: that of each node; of those that no place is below, None.
        data: the keys that are data, with the draft of their objects and their nodes.

    """

    root: Draft
    of_nodes: list[Draft | None]
    data: list[tuple[Draft, str, list[int]]]


def grouped(tree: PathTree, table: Table) -> Grouping:
    """Return the drafts of a tree's places; they have their kinds and are otherwise empty."""
    groups = _Groups(tree, table)
    root = Draft(nodes=[ROOT_NODE])
    waiting = [root]
    while waiting:
        waiting += groups.below(waiting.pop())
    return Grouping(root=root, of_nodes=groups.of_nodes, data=groups.data)


class _Groups:
    """Puts drafts together from the root on."""

    def __init__(self, tree: PathTree, table: Table) -> None:
        self._tree = tree
        self._table = table
        self._totals = table.sum(axis=1).tolist()
        self._looks = ((table > 0) @ (1 << np.arange(table.shape[1]))).tolist()
        self.of_nodes: list[Draft | None] = [None] * len(tree)
        self.data: list[tuple[Draft, str, list[int]]] = []

    def below(self, draft: Draft) -> list[Draft]:
        """Fill in the kinds of a draft, and return those right below it."""
        tree = self._tree
        children: dict[str, list[int]] = {}
        elements: list[int] = []
        values: list[int] = []
        for node in draft.nodes:
            self.of_nodes[node] = draft
            for key, child in tree.children(node).items():
                children.setdefault(key, []).append(child)
            _append(elements, tree.elements(node))
            _append(values, tree.map_values(node))
        rows = self._table[draft.nodes[0]]
        if len(draft.nodes) > 1:
            rows = self._table.take(draft.nodes, axis=0).sum(axis=0)
        draft.kinds = tuple(rows.tolist())
        draft.has_maps = bool(values) or self._are_maps(draft, children)
        if draft.has_maps:
            for key, nodes in children.items():
                values += nodes
                self.data.append((draft, key, nodes))
        else:
            members = {key: Draft(nodes=nodes) for key, nodes in children.items()}
            draft.members = members or draft.members
        draft.elements = Draft(nodes=elements) if elements else None
        draft.values = Draft(nodes=values) if values else None
        found = [one for one in (draft.elements, draft.values) if one is not None]
        return [*draft.members.values(), *found]

    def _are_maps(self, draft: Draft, children: Mapping[str, Sequence[int]]) -> bool:
        if any(self._tree.is_map(node) for node in draft.nodes):
            return True
        objects = draft.kinds[OPEN_OBJECT]
        counts = {key: sum(self._totals[node] for node in nodes) for key, nodes in children.items()}
        # An object that holds a key twice fits no description but that of a map.
        is_odd = any(count > objects for count in counts.values())
        return is_odd or is_map(objects, counts, lambda key: self._look(children[key]))

    def _look(self, nodes: Sequence[int]) -> Look:
        kinds = 0
        keys: set[str] = set()
        is_large = False
        for node in nodes:
            kinds |= self._looks[node]
            keys.update(self._tree.children(node))
            is_large |= self._tree.is_map(node)
        kinds &= ~(1 << NULL)
        for alike in _ALIKE:
            kinds |= alike if kinds & alike else 0
        return Look(
            kinds=kinds,
            # Large objects say nothing of the keys above them, which may be names of tables.
            keys=frozenset(keys) if len(keys) <= _MOST_KEYS and not is_large else nodes[0],
            are_containers=kinds > 0 and not kinds & ~(1 << OPEN_ARRAY | 1 << OPEN_OBJECT),
        )


def _append(nodes: list[int], node: int | None) -> None:
    if node is not None:
        nodes.append(node)
