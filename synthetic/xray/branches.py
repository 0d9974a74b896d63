"""The tree of a text's paths with what each costs, as it is shown in the end."""

import dataclasses

import numpy as np

from synthetic.scan.paths import DEEPER_NODE, ROOT_NODE
from synthetic.xray.census import Census
from synthetic.xray.groups import GROUPS, Group
from synthetic.xray.ledger import SIZES
from synthetic.xray.path_text import DEEPER, label_of


@dataclasses.dataclass(kw_only=True)
class Branch:
    """All values at one path, and what is below.

    Attributes:
        label: the path's last step, as people read it.
        depth: the number of steps from the root.
        counts: of the values, and of the keys, by group.
        costs: the bytes of these, by group.
        sizes: how many objects, then arrays, have so many elements, the last and more.
        children: by the steps that lead to them.

    """

    label: str
    depth: int
    counts: np.ndarray[tuple[int], np.dtype[np.int64]]
    costs: np.ndarray[tuple[int], np.dtype[np.float64]]
    sizes: np.ndarray[tuple[int], np.dtype[np.int64]]
    children: dict[str, "Branch"] = dataclasses.field(default_factory=dict)
    total: float = 0.0

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
    counts = ledger.counts.reshape(-1, GROUPS)
    costs = (ledger.common + ledger.own[parser]).reshape(-1, GROUPS)
    sizes = ledger.sizes.reshape(-1, 2 * SIZES)
    places: list[Branch] = []
    for number, node in enumerate(census.tree.nodes):
        own = (counts[number].copy(), costs[number].copy(), sizes[number].copy())
        if number == ROOT_NODE:
            places.append(_branch("$", 0, own))
            continue
        parent = places[node.parent]
        label = DEEPER if number == DEEPER_NODE else label_of(census.tree, number)
        if depth is not None and parent.depth >= depth:
            _add(parent, own, with_counts=False)
            places.append(parent)
        elif label in parent.children:
            _add(parent.children[label], own, with_counts=True)
            places.append(parent.children[label])
        else:
            child = _branch(label, parent.depth + 1, own)
            parent.children[label] = child
            places.append(child)
    root = places[ROOT_NODE]
    if len(places) > DEEPER_NODE and not places[DEEPER_NODE].counts.any():
        root.children.pop(DEEPER, None)
    _add_up(root)
    return root


_Own = tuple[
    np.ndarray[tuple[int], np.dtype[np.int64]],
    np.ndarray[tuple[int], np.dtype[np.float64]],
    np.ndarray[tuple[int], np.dtype[np.int64]],
]


def _branch(label: str, depth: int, own: _Own) -> Branch:
    return Branch(label=label, depth=depth, counts=own[0], costs=own[1], sizes=own[2])


def _add(branch: Branch, own: _Own, *, with_counts: bool) -> None:
    branch.costs += own[1]
    if with_counts:
        branch.counts += own[0]
        branch.sizes += own[2]


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
