"""How many elements containers have, of which many go on over many blocks."""

import dataclasses

import numpy as np

from synthetic.scan.containers import OBJECT
from synthetic.scan.kinds import Flags, Places
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block


@dataclasses.dataclass(frozen=True, kw_only=True)
class Closed:
    """What a block does to containers.

    Attributes:
        nodes, elements, are_objects: of those that it closes.
        before, after: of all its containers by number, their elements before and after the block.
        ids: of all of them: a number that no other of the text has.

    """

    nodes: Places
    elements: Places
    are_objects: Flags
    before: Places
    after: Places
    ids: Places


class OpenContainers:
    """Counts elements, and keeps the counts of what is open from block to block."""

    def __init__(self) -> None:
        self._counts = np.empty(0, np.intp)
        self._ids = np.empty(0, np.intp)
        self._next_id = 1
        self.deepest = 0

    def close(self, block: Block, values: Values) -> Closed:
        """Count a block's elements; return what it closes."""
        containers = block.containers
        counts = np.bincount(values.owners, minlength=len(containers))
        bottom, inherited = containers.bottom, containers.inherited
        before = np.zeros(len(containers), np.intp)
        before[1 : 1 + inherited] = self._counts[bottom:]
        ids = self._identify(len(containers), bottom, inherited)
        counts += before
        still_open = np.flatnonzero(containers.closers[1:] < 0) + 1
        below = self._counts[:bottom]
        if bottom:
            before[0] = below[-1]
            below[-1] += counts[0]
            counts[0] = below[-1]
        self._ids = np.concatenate((self._ids[:bottom], ids.take(still_open)))
        self._counts = np.concatenate((below, counts.take(still_open)))
        self.deepest = max(self.deepest, int(containers.levels.max(initial=0)))
        closed = np.flatnonzero(containers.closers >= 0)
        return Closed(
            nodes=values.container_nodes.take(closed),
            elements=counts.take(closed),
            are_objects=containers.contexts.take(closed) == OBJECT,
            before=before,
            after=counts,
            ids=ids,
        )

    def _identify(self, count: int, bottom: int, inherited: int) -> Places:
        """Return the numbers of a block's containers in the whole text."""
        ids = np.arange(count) + (self._next_id - 1 - inherited)
        ids[0] = self._ids[bottom - 1] if bottom else 0
        ids[1 : 1 + inherited] = self._ids[bottom:]
        self._next_id += count - 1 - inherited
        return ids
