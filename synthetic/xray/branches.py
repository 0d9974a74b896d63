"""The tree of a text's paths with what each costs, as it is shown in the end."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.paths import DEEPER_NODE, ROOT_NODE
from synthetic.xray.census import Census
from synthetic.xray.costs import Costs
from synthetic.xray.groups import GROUPS, Group
from synthetic.xray.ledger import Ledger
from synthetic.xray.path_text import DEEPER, label_of

_NO_CHILDREN: Final[Mapping[str, "Branch"]] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a ledger for one parser, a row for each node."""

    ledger: Ledger

    counts: NDArray[np.int64]
    costs: Costs


class Branch:
    """All values at one path, and what is below.

    Attributes:
        label: the path's last step, as people read it.
        depth: the number of steps from the root.
        total: what the values cost with all below.

    """

    __slots__ = ("_children", "_folded", "_nodes", "_rows", "depth", "label", "total")

    def __init__(self, rows: Rows, node: int, label: str, depth: int) -> None:
        """Make one of a node's values."""
        self.label = label
        self.depth = depth
        self._children: dict[str, Branch] | None = None
        self.total = 0.0
        self._rows = rows
        self._nodes = [node]
        self._folded: list[int] | None = None

    def below(self, label: str, node: int) -> "Branch":
        """Put a node's values one step below these, with others that are there."""
        if self._children is None:
            self._children = {}
        child = self._children.get(label)
        if child is None:
            child = self._children[label] = Branch(self._rows, node, label, self.depth + 1)
        else:
            child._nodes.append(node)
        return child

    def drop(self, label: str) -> None:
        """Take out what is one step below."""
        if self._children is not None:
            self._children.pop(label, None)

    @property
    def children(self) -> Mapping[str, "Branch"]:
        """What is one step below, by that step."""
        return self._children or _NO_CHILDREN

    def fold(self, node: int) -> None:
        """Let a node below count for this one with what it costs."""
        if self._folded is None:
            self._folded = []
        self._folded.append(node)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many values there are, and keys, by group."""
        counts: NDArray[np.int64] = self._rows.counts[self._nodes].sum(axis=0)
        return counts

    @property
    def costs(self) -> Costs:
        """The bytes of these, by group."""
        costs: Costs = self._rows.costs[self._nodes + (self._folded or [])].sum(axis=0)
        return costs

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many objects, then arrays, have so many elements, the last and more."""
        return self._rows.ledger.sizes(self._nodes)

    @property
    def count(self) -> int:
        """How many values there are; their keys are not counted."""
        return int(self.counts[: Group.KEYS].sum())

    @property
    def bytes(self) -> int:
        """What the values themselves cost, with the keys of objects and without what is below."""
        return round(float(self.costs.sum()))

    @property
    def total_bytes(self) -> int:
        """What the values cost with all below."""
        return round(self.total)

    def largest_first(self) -> list["Branch"]:
        """Return the children, the costliest first."""
        return sorted(self.children.values(), key=lambda child: -child.total)


def branches_of(census: Census, parser: str, *, depth: int | None) -> Branch:
    """Return the tree of the paths of a text, with what each costs in one parser.

    Of maps, what was taken for a key before the map was known is put together with the rest. What
    is deeper than `depth` steps counts for the path above it.
    """
    ledger = census.ledger
    rows = Rows(
        ledger=ledger,
        counts=ledger.counts.reshape(-1, GROUPS),
        costs=(ledger.common + ledger.own[parser]).reshape(-1, GROUPS),
    )
    root = Branch(rows, ROOT_NODE, "$", 0)
    places = [root]
    for number, node in enumerate(census.tree.nodes[1:], start=1):
        parent = places[node.parent]
        label = DEEPER if number == DEEPER_NODE else label_of(census.tree, number)
        if depth is not None and parent.depth >= depth:
            parent.fold(number)
            places.append(parent)
        else:
            places.append(parent.below(label, number))
    if DEEPER in root.children and not root.children[DEEPER].count:
        root.drop(DEEPER)
    _add_up(root)
    return root


def _add_up(root: Branch) -> None:
    """Set what each branch costs with all below, without recursion: there may be 65 levels."""
    order = [root]
    for branch in order:
        order.extend(branch.children.values())
    for branch in reversed(order):
        branch.total = float(branch.costs.sum())
        branch.total += sum(child.total for child in branch.children.values())


def walk(root: Branch) -> list[tuple[str, Branch]]:
    """Return all branches with their whole paths, each before those below it."""
    found: list[tuple[str, Branch]] = []
    waiting: list[tuple[str, Branch]] = [("", root)]
    while waiting:
        prefix, branch = waiting.pop()
        path = prefix + branch.label
        found.append((path, branch))
        waiting.extend((path, child) for child in reversed(branch.largest_first()))
    return found
