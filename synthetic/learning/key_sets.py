"""Key sets: which keys stand together in the objects of a place."""

import dataclasses
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.containers import OBJECT, Containers
from synthetic.scan.hashes import Hashes, mixed
from synthetic.scan.kinds import Places
from synthetic.scan.node_table import NodeTable
from synthetic.scan.paths import PathTree, Values

_MOST: Final = 1 << 13
_MOST_OF_NODE: Final = 256
_SIGNATURE_BITS: Final = 38
"""Sums of some thousands of such numbers are exact as floats, which numpy adds up fastest."""
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)

_SIDES: Final[tuple[Literal["left", "right"], ...]] = ("left", "right")

Signatures = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A set of keys of the objects of a node: the nodes of their values."""

    node: int
    members: tuple[int, ...]


def _marks(count: int) -> Signatures:
    """Return so many numbers without a pattern, the same each time."""
    numbers = np.arange(1, count + 1, dtype=np.uint64) * _FACTOR
    numbers = mixed(numbers, numbers >> np.uint64(32))
    return (numbers >> np.uint64(64 - _SIGNATURE_BITS)).astype(np.float64) + 1


class KeySets:
    """Tells objects of different keys apart by the sum of a number that each key has."""

    def __init__(self, tree: PathTree) -> None:
        self._tree = tree
        self._marks = np.empty(0)
        self._table = NodeTable()
        self._found: list[Found] = []
        self._counts = np.zeros(_MOST, np.intp)
        self._joined: list[tuple[Found, int]] = []
        self._of_node: dict[int, int] = {}

    def by_node(self) -> dict[int, list[tuple[Found, int]]]:
        """Return the sets of keys that were seen, and how often, by the node of their objects."""
        found: dict[int, list[tuple[Found, int]]] = {}
        mine = zip(self._found, self._counts.tolist(), strict=False)
        for one, count in (*mine, *self._joined):
            found.setdefault(one.node, []).append((one, count))
        return found

    def join(self, found: Found, count: int) -> None:
        """Take in a set of keys of another half."""
        self._joined.append((found, count))

    def signatures(self, owners: Places, nodes: Places, count: int) -> Signatures:
        """Return the signature of what a block holds of each of its containers."""
        if len(self._marks) < len(self._tree):
            self._marks = _marks(2 * len(self._tree))
        sums = np.bincount(owners, self._marks.take(nodes), minlength=count)
        return sums.astype(np.float64, copy=False)

    def take(self, values: Values, containers: Containers, signatures: Signatures) -> None:
        """Count the objects that a block closes."""
        is_closed = containers.closers >= 0
        is_closed &= containers.contexts == OBJECT
        is_closed &= signatures > 0
        if self._tree.has_maps():
            is_closed &= ~self._tree.are_maps(values.container_nodes)
        closed = is_closed.nonzero()[0]
        if not len(closed):
            return
        hashes = signatures.take(closed).view(np.uint64) * _FACTOR
        numbers = self._table.find(hashes)
        new = (numbers < 0).nonzero()[0]
        if len(new):
            if len(self._found) < _MOST:
                self._add(closed.take(new), hashes.take(new), values, containers)
                numbers[new] = self._table.find(hashes.take(new))
            numbers = numbers.compress(numbers >= 0)
        self._counts += np.bincount(numbers, minlength=_MOST)

    def _add(self, closed: Places, hashes: Hashes, values: Values, containers: Containers) -> None:
        """Add the sets of keys of objects that lie in the block, as long as there is room."""
        _, firsts = np.unique(hashes, return_index=True)
        firsts.sort()  # in the order of the text: where there is no more room, the first ones count
        order = values.owners.argsort(kind="stable")
        owners = values.owners.take(order)
        objects = closed.take(firsts)
        starts, ends = (owners.searchsorted(objects, side=side).tolist() for side in _SIDES)
        nodes = values.container_nodes.take(objects).tolist()
        members = values.nodes.take(order)
        is_whole = (objects > containers.inherited).tolist()
        for hash_, node, whole, start, end in zip(
            hashes.take(firsts).tolist(), nodes, is_whole, starts, ends, strict=True
        ):
            is_full = len(self._found) >= _MOST or self._of_node.get(node, 0) >= _MOST_OF_NODE
            if is_full or not whole:
                continue
            self._of_node[node] = self._of_node.get(node, 0) + 1
            self._table.add(hash_, len(self._found))
            self._found.append(Found(node=node, members=tuple(members[start:end].tolist())))
