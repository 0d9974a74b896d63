"""The ledger: what was counted and what it costs, by node, group and parser."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Places
from synthetic.xray.costs import Costs
from synthetic.xray.groups import GROUPS, Group

SIZES: Final = 20
"""Containers are told apart by their number of elements up to this; beyond it they are not."""

_FIRST_NODES: Final = 256
_MORE: Final = 8
"""It grows by one part in so many at least."""
_SPARSE: Final = 4


class Ledger:
    """Adds up; rows are nodes and grow with them, columns are groups.

    Attributes:
        counts: of the values, and of the keys, of each node and group.
        common: their costs as far as all parsers have the same.
        own: of each parser, what comes on top or off.

    """

    def __init__(self, parsers: Sequence[str]) -> None:
        """Make an empty one for some parsers."""
        self._nodes = _FIRST_NODES
        self.counts: NDArray[np.int64] = np.zeros(self._nodes * GROUPS, np.int64)
        self.common: Costs = np.zeros(self._nodes * GROUPS)
        self.own: dict[str, Costs] = {name: np.zeros(self._nodes * GROUPS) for name in parsers}
        # Most nodes have no containers. Those that do have a row of sizes each; the first is empty.
        self._rows: NDArray[np.int32] = np.zeros(self._nodes, np.int32)
        self._used_rows = 1
        self._sizes: NDArray[np.int32] = np.zeros(_FIRST_NODES * 2 * SIZES, np.int32)

    def reserve(self, nodes: int) -> None:
        """Make room for so many nodes."""
        if nodes <= self._nodes:
            return
        more = max(nodes, self._nodes + self._nodes // _MORE) - self._nodes
        self._nodes += more
        self.counts = np.concatenate((self.counts, np.zeros(more * GROUPS, np.int64)))
        self.common = np.concatenate((self.common, np.zeros(more * GROUPS)))
        for name, costs in self.own.items():
            self.own[name] = np.concatenate((costs, np.zeros(more * GROUPS)))
        self._rows = np.concatenate((self._rows, np.zeros(more, np.int32)))

    def add_values(self, nodes: Places, groups: Places, costs: Costs) -> None:
        """Count values, with the costs that they have in every parser."""
        codes = nodes * GROUPS
        codes += groups
        _count(self.counts, codes)
        _weigh(self.common, codes, costs)

    def add_own(self, parser: str, nodes: Places, group: Group, costs: Costs) -> None:
        """Add costs that one parser alone has."""
        if len(nodes):
            _weigh(self.own[parser], nodes * GROUPS + int(group), costs)

    def count_keys(self, nodes: Places) -> None:
        """Count keys by the nodes of their objects."""
        _count(self.counts, nodes * GROUPS + int(Group.KEYS))

    def count_sizes(self, nodes: Places, elements: Places, *, arrays: bool) -> None:
        """Count containers by their number of elements."""
        new = np.unique(nodes.compress(self._rows.take(nodes) == 0))
        if len(new):
            self._rows[new] = np.arange(self._used_rows, self._used_rows + len(new))
            self._used_rows += len(new)
            wanted = max(0, self._used_rows * 2 * SIZES - len(self._sizes))
            if wanted:
                more = max(wanted, len(self._sizes) // _MORE)
                self._sizes = np.concatenate((self._sizes, np.zeros(more, np.int32)))
        codes = self._rows.take(nodes).astype(np.intp)
        codes = (codes * 2 + arrays) * SIZES + np.minimum(elements, SIZES - 1)
        _count(self._sizes, codes)

    def sizes(self, nodes: Sequence[int]) -> NDArray[np.int64]:
        """Return how many objects, then how many arrays, of some nodes have so many elements."""
        rows = self._rows.take(nodes)
        first = 2 * SIZES * rows.astype(np.intp)[:, None] + np.arange(2 * SIZES)
        sizes: NDArray[np.int64] = self._sizes.take(first).sum(axis=0, dtype=np.int64)
        return sizes


def _count(totals: NDArray[np.int64] | NDArray[np.int32], codes: Places) -> None:
    """Add one to the total of each code."""
    if _are_sparse(totals, codes):
        np.add.at(totals, codes, 1)
        return
    counted = np.bincount(codes)
    part = totals[: len(counted)]
    np.add(part, counted, out=part, casting="same_kind")


def _weigh(totals: Costs, codes: Places, costs: Costs) -> None:
    """Add costs to the totals of their codes."""
    if _are_sparse(totals, codes):
        np.add.at(totals, codes, costs)
        return
    weighed = np.bincount(codes, costs)
    totals[: len(weighed)] += weighed


def _are_sparse(totals: NDArray[np.int64] | NDArray[np.int32] | Costs, codes: Places) -> bool:
    """Whether going over all totals would cost more than going over the codes one by one."""
    return len(codes) * _SPARSE < len(totals)
