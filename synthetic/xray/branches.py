"""The tree of a text's paths with what each costs, as it is shown in the end."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.paths import DEEPER_NODE, ROOT_NODE
from synthetic.xray.census import Census
from synthetic.xray.costs import Costs
from synthetic.xray.groups import GROUPS, Group
from synthetic.xray.ledger import SIZES
from synthetic.xray.path_text import DEEPER, label_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a ledger for one parser, a row for each node; see `Ledger`."""

    counts: NDArray[np.int64]
    costs: Costs
    sizes: NDArray[np.int32]


class Branch:
    """All values at one path, and what is below.

    Attributes:
        label: the path's last step, as people read it.
        depth: the number of steps from the root.
        children: by the steps that lead to them.
        total: what the values cost with all below.

    """

    __slots__ = ("_folded", "_nodes", "_rows", "children", "depth", "label", "total")

    def __init__(self, rows: Rows, node: int, label: str, depth: int) -> None:
        """Make one of a node's values."""
        self.label = label
        self.depth = depth
        self.children: dict[str, Branch] = {}
        self.total = 0.0
        self._rows = rows
        self._nodes = [node]
        self._folded: list[int] = []

    def join(self, node: int) -> None:
        """Put another node's values with these, which are at the same path."""
        self._nodes.append(node)

    def fold(self, node: int) -> None:
        """Let a node below count for this one with what it costs."""
        self._folded.append(node)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many values there are, and keys, by group."""
        counts: NDArray[np.int64] = self._rows.counts[self._nodes].sum(axis=0)
        return counts

    @property
    def costs(self) -> Costs:
        """The bytes of these, by group."""
        costs: Costs = self._rows.costs[self._nodes + self._folded].sum(axis=0)
        return costs

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many objects, then arrays, have so many elements, the last and more."""
        sizes: NDArray[np.int64] = self._rows.sizes[self._nodes].sum(axis=0)
        return sizes

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
        counts=ledger.counts.reshape(-1, GROUPS),
        costs=(ledger.common + ledger.own[parser]).reshape(-1, GROUPS),
        sizes=ledger.sizes.reshape(-1, 2 * SIZES),
    )
    root = Branch(rows, ROOT_NODE, "$", 0)
    places = [root]
    for number, node in enumerate(census.tree.nodes[1:], start=1):
        parent = places[node.parent]
        label = DEEPER if number == DEEPER_NODE else label_of(census.tree, number)
        if depth is not None and parent.depth >= depth:
            parent.fold(number)
            places.append(parent)
        elif label in parent.children:
            parent.children[label].join(number)
            places.append(parent.children[label])
        else:
            parent.children[label] = Branch(rows, number, label, parent.depth + 1)
            places.append(parent.children[label])
    if DEEPER in root.children and not root.children[DEEPER].count:
        del root.children[DEEPER]
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
