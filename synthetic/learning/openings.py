"""Openings: arrays and objects from where they open to where they close, over any many blocks."""

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.learning.curves import Curves
from synthetic.learning.giants import Giants, Large
from synthetic.learning.histograms import Histogram
from synthetic.learning.key_sets import KeySets
from synthetic.scan.containers import OBJECT, Containers
from synthetic.scan.kinds import Places
from synthetic.scan.paths import DEEPEST, PathTree, Values
from synthetic.scan.scanner import Block

GIANT_BYTES: Final = 64 * 1024
"""Smaller values are never giants."""


@dataclasses.dataclass(kw_only=True)
class _Open:
    """The containers that are open between two blocks, outermost first.

    Attributes:
        nodes, contexts: of each.
        sizes: its elements or keys so far.
        offsets: the byte at which it opens.
        signatures: of its keys so far.

    """

    nodes: Places
    sizes: Places
    offsets: Places
    signatures: NDArray[np.float64]


@dataclasses.dataclass(kw_only=True)
class Chains:
    """How many arrays and objects of a place hold what is too deep for places of its own."""

    arrays: int = 0
    objects: int = 0

    @property
    def count(self) -> int:
        """How many there are of both."""
        return self.arrays + self.objects


class Openings:
    """Measures the containers of a text."""

    def __init__(self, tree: PathTree) -> None:
        self._tree = tree
        none = np.empty(0, np.intp)
        self._open = _Open(nodes=none, sizes=none, offsets=none, signatures=np.empty(0))
        self.sizes = Histogram()
        self.key_sets = KeySets(tree)
        self.giants = Giants()
        self.curves = Curves()
        self.deepest = 0
        self.chains: dict[tuple[int, bool], Chains] = {}

    def take(self, block: Block, values: Values) -> None:
        """Measure the containers of the next block."""
        containers = block.containers
        around = 1 if containers.bottom else 0
        still = np.flatnonzero(containers.closers[1:] < 0) + 1
        kept = containers.bottom - around
        head = slice(kept, None)
        sizes = np.bincount(values.owners, minlength=len(containers))
        signatures = self.key_sets.signatures(values.owners, values.nodes, len(containers))
        offsets = self._offsets(block)
        before = slice(1 - around, 1 + containers.inherited)
        sizes[before] += self._open.sizes[head]
        signatures[before] += self._open.signatures[head]
        offsets[before] = self._open.offsets[head]
        closed = np.flatnonzero(containers.closers >= 0)
        if len(closed):
            self._close(block, values, closed, sizes, offsets)
            self.key_sets.take(values, containers, signatures)
        self._count_chains(values, containers)
        rest = np.concatenate((np.zeros(around, np.intp), still))
        self._open = _Open(
            nodes=np.concatenate((self._open.nodes[:kept], values.container_nodes.take(rest))),
            sizes=np.concatenate((self._open.sizes[:kept], sizes.take(rest))),
            offsets=np.concatenate((self._open.offsets[:kept], offsets.take(rest))),
            signatures=np.concatenate((self._open.signatures[:kept], signatures.take(rest))),
        )
        end = block.offset_of(block.tokens.end)
        self.curves.mark(self._open.nodes, self._open.sizes, self._open.offsets, end)

    @staticmethod
    def _offsets(block: Block) -> Places:
        """Return the byte at which each container opens; of those open before, nothing."""
        openers = np.maximum(block.containers.openers, 0)
        places = block.starts.take(openers)
        return places + block.offset + _shifts(block, places)

    def _close(
        self, block: Block, values: Values, closed: Places, sizes: Places, offsets: Places
    ) -> None:
        containers = block.containers
        nodes = values.container_nodes.take(closed)
        is_object = containers.contexts.take(closed) == OBJECT
        closed_sizes = sizes.take(closed)
        self.sizes.add(nodes * 2 + is_object, closed_sizes)
        places = block.starts.take(containers.closers.take(closed))
        places += 1
        ends = places + block.offset + _shifts(block, places)
        closed_offsets = offsets.take(closed)
        lengths = ends - closed_offsets
        if int(lengths.max()) < GIANT_BYTES:
            return
        for index in np.flatnonzero(lengths >= GIANT_BYTES).tolist():
            offset = int(closed_offsets[index])
            self.giants.add(
                Large(
                    node=int(nodes[index]),
                    kind="object" if is_object[index] else "array",
                    offset=offset,
                    size=int(closed_sizes[index]),
                    bytes=int(lengths[index]),
                )
            )
            self.curves.close(
                int(nodes[index]), offset, end=int(ends[index]), size=int(closed_sizes[index])
            )

    def _count_chains(self, values: Values, containers: Containers) -> None:
        """Count, by their nodes, the containers that hold some which have no places."""
        self.deepest = max(self.deepest, int(containers.levels.max()))
        if self.deepest <= DEEPEST:
            return
        first = 1 + containers.inherited
        tops = np.flatnonzero(containers.levels[first:] == DEEPEST + 1) + first
        parents = containers.parents.take(tops)
        for node, parent_context, context in zip(
            values.container_nodes.take(parents).tolist(),
            containers.contexts.take(parents).tolist(),
            containers.contexts.take(tops).tolist(),
            strict=True,
        ):
            chains = self.chains.setdefault((node, parent_context == OBJECT), Chains())
            if context == OBJECT:
                chains.objects += 1
            else:
                chains.arrays += 1


def _shifts(block: Block, places: Places) -> Places | int:
    """Return how many bytes of long strings stand before places, which the block's text lacks."""
    if not block.stretches:
        return 0
    shifts = np.zeros(len(places), np.intp)
    for stretch in block.stretches:
        shifts += (places > stretch.place) * stretch.string.content_bytes
    return shifts
