"""A cost model as lookup tables: the resident bytes of thousands of objects at a time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Kinds, Places
from synthetic.xray.heap import MAPPED_BYTES
from synthetic.xray.model import CostModel, ParserCosts

Costs = NDArray[np.float64]

_STEP: Final = 16
_PAGE_BYTES: Final = 4096
_CHUNK_HEAD: Final = 8
_MAPPED_HEAD: Final = 16
_WORD_BYTES: Final = 8
_SHORT: Final = 1024
_KEPT: Final = 4 / 3
"""A block of Python's allocator is kept in place unless a quarter of it is let go."""

_GROWTH: Final = 4
"""What a string under construction gets for more: a quarter (CPython's unicodeobject.c)."""


class Allocator:
    """What blocks take up, by the bytes that are asked for."""

    def __init__(self, model: CostModel) -> None:
        """Make the tables of a model."""
        self.small_bytes = model.small_bytes
        sizes = np.arange(self.small_bytes + 1)
        classes = np.maximum(sizes + _STEP - 1, _STEP) // _STEP - 1
        self._small = np.array(model.blocks).take(classes)
        self._classes = (classes + 1) * _STEP

    def resident(self, requested: Places) -> Costs:
        """Return the resident bytes of blocks."""
        result = self._small.take(requested, mode="clip")
        large = np.flatnonzero(requested > self.small_bytes)
        if len(large):
            result[large] = large_resident(requested.take(large))
        return result

    def shrunk(self, first: Places, last: Places) -> Costs:
        """Return the resident bytes of blocks of `first` bytes that were cut to `last` ones."""
        result = self.resident(last)
        small = np.flatnonzero(first <= self.small_bytes)
        classes = self._classes.take(first.take(small))
        kept = small.compress(last.take(small) * _KEPT > classes)
        result[kept] = self.resident(first.take(kept))
        moved = np.flatnonzero((first > self.small_bytes) & (last <= self.small_bytes))
        result[moved] = large_resident(last.take(moved))
        return result


def large_resident(requested: Places) -> Costs:
    """Return the resident bytes of blocks that come from the C library."""
    chunks = (requested + (_CHUNK_HEAD + _STEP - 1)) & -_STEP
    mapped = np.flatnonzero(requested >= MAPPED_BYTES)
    if len(mapped):
        sizes = requested.take(mapped) + _MAPPED_HEAD
        chunks[mapped] = (sizes + _PAGE_BYTES - 1) & -_PAGE_BYTES
    return chunks.astype(np.float64)


class TextCosts:
    """What strings take up."""

    def __init__(self, model: CostModel, allocator: Allocator) -> None:
        """Make the tables of a model."""
        self._allocator = allocator
        self._heads = np.array(model.text_heads, np.intp)
        self._units = np.array(model.text_units, np.intp)

    def requested(self, widths: Kinds, characters: Places) -> Places:
        """Return the bytes that strings need."""
        places = widths.astype(np.intp)
        result = self._units.take(places) * characters
        result += self._heads.take(places)
        return result

    def resident(self, widths: Kinds, characters: Places) -> Costs:
        """Return what strings take up that are made at their size; empty ones are shared."""
        result = self._allocator.resident(self.requested(widths, characters))
        result[np.flatnonzero(characters == 0)] = 0.0
        return result

    def cut(self, widths: Kinds, first: Places, last: Places) -> Costs:
        """Return what strings take up that were made for `first` characters and cut to `last`."""
        return self._allocator.shrunk(self.requested(widths, first), self.requested(widths, last))


class ContainerCosts:
    """What dicts and lists take up, as a parser makes them, by their number of elements."""

    def __init__(self, model: CostModel, parser: ParserCosts, allocator: Allocator) -> None:
        """Make the tables of a model."""
        self._allocator = allocator
        self._dict_head = model.dict_bytes
        self._list_head = model.list_bytes
        self._steps = np.array([start for start, _ in parser.dicts], np.intp)
        self._tables = np.array([size for _, size in parser.dicts], np.intp)
        self._capacities = np.array(parser.lists, np.intp)
        counts = np.arange(_SHORT)
        self._short_dicts = self._dicts(counts)
        self._short_lists = self._lists(counts)

    def dicts(self, counts: Places) -> Costs:
        """Return what dicts take up, their keys and values apart."""
        return _looked_up(self._short_dicts, counts, self._dicts)

    def lists(self, counts: Places) -> Costs:
        """Return what lists take up, their elements apart."""
        return _looked_up(self._short_lists, counts, self._lists)

    def table_bytes(self, count: int) -> int:
        """Return what the table of a dict of `count` keys takes up."""
        size = int(self._tables[np.searchsorted(self._steps, count, side="right") - 1])
        return int(self._allocator.resident(np.array([size], np.intp))[0]) if size else 0

    def _dicts(self, counts: Places) -> Costs:
        tables = self._tables.take(np.searchsorted(self._steps, counts, side="right") - 1)
        result = self._allocator.resident(np.full(len(counts), self._dict_head, np.intp))
        result[tables > 0] += self._allocator.resident(tables[tables > 0])
        return result

    def _lists(self, counts: Places) -> Costs:
        result = self._allocator.resident(np.full(len(counts), self._list_head, np.intp))
        some = np.flatnonzero(counts > 0)
        needed = counts.take(some)
        capacities = needed
        if len(self._capacities):
            capacities = self._capacities.take(np.searchsorted(self._capacities, needed))
        requested = capacities * _WORD_BYTES
        costs = self._allocator.resident(requested)
        # Of a large one, no page behind the last element was ever touched.
        touched = (needed * _WORD_BYTES + _MAPPED_HEAD + _PAGE_BYTES - 1) & -_PAGE_BYTES
        large = np.flatnonzero(requested > _PAGE_BYTES)
        costs[large] = np.minimum(costs.take(large), touched.take(large))
        result[some] += costs
        return result


def _looked_up(table: Costs, counts: Places, beyond: object) -> Costs:
    result = table.take(counts, mode="clip")
    large = np.flatnonzero(counts >= len(table))
    if len(large) and callable(beyond):
        result[large] = beyond(counts.take(large))
    return result
