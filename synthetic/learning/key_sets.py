"""Key sets: which keys stand together in the objects of a place."""

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.containers import OBJECT, Containers
from synthetic.scan.kinds import Places
from synthetic.scan.paths import PathTree, Values

_MOST: Final = 8192
_MOST_OF_NODE: Final = 256
_SIGNATURE_BITS: Final = 38
"""Sums of some thousands of such numbers are exact as floats, which numpy adds up fastest."""
_SEED: Final = 20_211_116

Signatures = NDArray[np.float64]


@dataclasses.dataclass(kw_only=True)
class Found:
    """A set of keys: the nodes of its values, and how many objects of the node have just these."""

    node: int
    members: tuple[int, ...]
    count: int


class KeySets:
    """Tells objects of different keys apart by the sum of a number that each key has."""

    def __init__(self, tree: PathTree) -> None:
        self._tree = tree
        self._random = np.random.default_rng(_SEED)
        self._marks = np.empty(0)
        self._found: dict[float, Found] = {}
        self._of_node: dict[int, int] = {}

    def by_node(self) -> dict[int, list[Found]]:
        """Return the sets of keys that were seen, by the node of their objects."""
        found: dict[int, list[Found]] = {}
        for one in self._found.values():
            found.setdefault(one.node, []).append(one)
        return found

    def signatures(self, of_values: Places, nodes: Places, count: int) -> Signatures:
        """Return the signature of what a block holds of each of its containers."""
        if len(self._marks) < 2 * len(self._tree):
            more = 2 * len(self._tree) + 1024
            self._marks = np.concatenate(
                (self._marks, self._random.integers(1, 1 << _SIGNATURE_BITS, more).astype(float))
            )
        sums = np.bincount(of_values, self._marks.take(nodes), minlength=count)
        return sums.astype(np.float64, copy=False)

    def take(
        self, values: Values, of_values: Places, containers: Containers, signatures: Signatures
    ) -> None:
        """Count the objects that a block closes; `of_values` is what each value is in."""
        is_closed = (containers.closers >= 0) & (containers.contexts == OBJECT)
        is_closed &= ~self._tree.are_maps(values.container_nodes)
        closed = np.flatnonzero(is_closed & (signatures > 0))
        if not len(closed):
            return
        mine = signatures.take(closed)
        marks, firsts, counts = np.unique(mine, return_index=True, return_counts=True)
        for mark, first, count in zip(
            marks.tolist(), firsts.tolist(), counts.tolist(), strict=True
        ):
            known = self._found.get(mark)
            if known is not None:
                known.count += count
                continue
            container = int(closed[first])
            if container > containers.inherited and container:
                self._add(mark, count, container, values, of_values)

    def _add(
        self, mark: float, count: int, container: int, values: Values, of_values: Places
    ) -> None:
        node = int(values.container_nodes[container])
        if len(self._found) >= _MOST or self._of_node.get(node, 0) >= _MOST_OF_NODE:
            return
        members = values.nodes.compress(of_values == container).tolist()
        if len(set(members)) == len(members):
            self._of_node[node] = self._of_node.get(node, 0) + 1
            self._found[mark] = Found(node=node, members=tuple(members), count=count)
