"""Openings: arrays and objects from where they open to where they close, over any many blocks."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.learning.curves import Curves
from synthetic.learning.giants import GiantKind, Giants, Large
from synthetic.learning.histograms import Histogram
from synthetic.learning.key_sets import KeySets
from synthetic.scan.containers import OBJECT, Containers
from synthetic.scan.kinds import Kinds, Places
from synthetic.scan.paths import DEEPEST, PathTree, Values
from synthetic.scan.scanner import BLOCK_BYTES, Block

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half:
    """The rest of a container that was open where the second half of a text begins.

    Attributes:
        size: its elements or keys in that half.
        end: the byte behind it.
        sizes, ends: its curve there; empty if it has none.

    """

    size: int
    end: int
    sizes: list[int]
    ends: list[int]


class Openings:
    """Measures the containers of a text."""

    def __init__(self, tree: PathTree) -> None:
        self._tree = tree
        none = np.empty(0, np.intp)
        self._open = _Open(nodes=none, sizes=none, offsets=none, signatures=np.empty(0))
        self.sizes = Histogram(2)
        self.key_sets = KeySets(tree)
        self.giants = Giants()
        self.curves = Curves()
        self.deepest = 0
        self.halves: list[Half] = []
        self._halved = 0
        self.chains: dict[tuple[int, bool], Chains] = {}

    def resume(self, nodes: Places, offsets: Places, at: int) -> None:
        """Begin at the byte `at`, where containers are open that began in another half."""
        zeros = np.zeros(len(nodes), np.intp)
        self._open = _Open(
            nodes=nodes, sizes=zeros, offsets=offsets, signatures=zeros.astype(float)
        )
        self._halved = len(nodes)
        self.curves.resume(nodes, offsets, at)

    def join(self, halves: Sequence[Half], contexts: Kinds) -> None:
        """Take in the rests of the containers that are open, outermost first."""
        open_ = self._open
        is_object = (contexts == OBJECT).astype(np.intp)
        sizes = open_.sizes + np.array([half.size for half in halves], np.intp)
        self.sizes.add(open_.nodes * 2 + is_object, sizes)
        for node, offset, size, before, is_map, half in zip(
            open_.nodes.tolist(),
            open_.offsets.tolist(),
            sizes.tolist(),
            open_.sizes.tolist(),
            is_object.tolist(),
            halves,
            strict=True,
        ):
            self._add_large(node, offset, half.end, size, is_object=bool(is_map))
            self.curves.join(node, offset, before, half.sizes, half.ends)

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
        self._mark_inside(block, values, kept, 1 - around)
        sizes[before] += self._open.sizes[head]
        signatures[before] += self._open.signatures[head]
        offsets[before] = self._open.offsets[head]
        closed = np.flatnonzero(containers.closers >= 0)
        if containers.bottom < self._halved:
            halved = self._halved - containers.bottom
            self._close_halves(block, values, closed[:halved], sizes, offsets)
            closed = closed[halved:]
            signatures[1 : 1 + halved] = 0
            self._halved = containers.bottom
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

    def _mark_inside(self, block: Block, values: Values, kept: int, number: int) -> None:
        """Mark the curves within a block that is longer than others, as if it were several.

        `number` is that of the first container which the block goes on with; `kept` are around it.
        """
        steps = range(BLOCK_BYTES, len(block.text) - BLOCK_BYTES // 2, BLOCK_BYTES)
        open_ = self._open
        for index in range(kept, len(open_.nodes) if steps else kept):
            mine = values.tokens.compress(values.owners == number + index - kept)
            starts = block.starts.take(mine)
            counts = np.searchsorted(starts, np.array(steps)).tolist()
            self.curves.mark_within(
                index,
                int(open_.nodes[index]),
                int(open_.offsets[index]),
                [
                    (int(open_.sizes[index]) + count, block.offset_of(int(starts[count])))
                    for count in counts
                    if count < len(starts)
                ],
            )

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
        ends = _ends(block, closed)
        lengths = ends - offsets.take(closed)
        if int(lengths.max()) < GIANT_BYTES:
            return
        for index in np.flatnonzero(lengths >= GIANT_BYTES).tolist():
            node, size, end = int(nodes[index]), int(closed_sizes[index]), int(ends[index])
            offset = end - int(lengths[index])
            self._add_large(node, offset, end, size, is_object=bool(is_object[index]))
            self.curves.close(node, offset, end=end, size=size)

    def _add_large(self, node: int, offset: int, end: int, size: int, *, is_object: bool) -> None:
        if end - offset >= GIANT_BYTES:
            kind: GiantKind = "object" if is_object else "array"
            large = Large(node=node, kind=kind, offset=offset, size=size, bytes=end - offset)
            self.giants.add(large)

    def _close_halves(
        self, block: Block, values: Values, closed: Places, sizes: Places, offsets: Places
    ) -> None:
        """Note the rests of containers that began in another half, the innermost last."""
        found = []
        for node, size, offset, end in zip(
            values.container_nodes.take(closed).tolist(),
            sizes.take(closed).tolist(),
            offsets.take(closed).tolist(),
            _ends(block, closed).tolist(),
            strict=True,
        ):
            along, ends = self.curves.half(node, offset, end=end, size=size)
            found.append(Half(size=size, end=end, sizes=along, ends=ends))
        self.halves = found + self.halves

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
            is_object = int(context == OBJECT)
            self.add_chains(node, parent_context == OBJECT, 1 - is_object, is_object)

    def add_chains(self, node: int, is_in_object: bool, arrays: int, objects: int) -> None:
        """Count arrays and objects in those of a node that hold what has no places."""
        chains = self.chains.setdefault((node, is_in_object), Chains())
        chains.arrays += arrays
        chains.objects += objects


def _ends(block: Block, closed: Places) -> Places:
    """Return the bytes behind containers that a block closes."""
    places = block.starts.take(block.containers.closers.take(closed))
    places += 1
    return places + block.offset + _shifts(block, places)


def _shifts(block: Block, places: Places) -> Places | int:
    """Return how many bytes of long strings stand before places, which the block's text lacks."""
    if not block.stretches:
        return 0
    shifts = np.zeros(len(places), np.intp)
    for stretch in block.stretches:
        shifts += (places > stretch.place) * stretch.string.content_bytes
    return shifts
