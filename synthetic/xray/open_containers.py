"""How many elements containers have, of which many go on over many blocks."""

import dataclasses

import numpy as np

from synthetic.scan.containers import OBJECT
from synthetic.scan.kinds import Flags, Places
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block


@dataclasses.dataclass(frozen=True, kw_only=True)
class Closed:
    """Containers that a block closes: the node of each, its elements, and which are objects."""

    nodes: Places
    elements: Places
    are_objects: Flags


class OpenContainers:
    """Counts elements, and keeps the counts of what is open from block to block."""

    def __init__(self) -> None:
        self._counts = np.empty(0, np.intp)
        self.deepest = 0

    def close(self, block: Block, values: Values) -> Closed:
        """Count a block's elements; return what it closes."""
        containers = block.containers
        counts = np.bincount(values.owners, minlength=len(containers))
        bottom, inherited = containers.bottom, containers.inherited
        counts[1 : 1 + inherited] += self._counts[bottom:]
        still_open = np.flatnonzero(containers.closers[1:] < 0) + 1
        below = self._counts[:bottom]
        if bottom:
            below[-1] += counts[0]
        self._counts = np.concatenate((below, counts.take(still_open)))
        self.deepest = max(self.deepest, int(containers.levels.max(initial=0)))
        closed = np.flatnonzero(containers.closers >= 0)
        return Closed(
            nodes=values.container_nodes.take(closed),
            elements=counts.take(closed),
            are_objects=containers.contexts.take(closed) == OBJECT,
        )
