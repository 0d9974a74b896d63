"""What a parse does to the C library's heap, in order: large strings, and tables that grow."""

import dataclasses
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.containers import OBJECT
from synthetic.scan.kinds import Places
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block
from synthetic.xray.model import CostModel, ParserCosts
from synthetic.xray.open_containers import Closed
from synthetic.xray.texts import LargeStrings

MEMO: Final = -1
"""Stands for the table of all keys that one call shares."""
_MOST: Final = 1 << 15
_COLUMNS: Final = 6
_WORD_BYTES: Final = 8

Events = NDArray[np.int64]
"""A row for each: its place in a block, what it is, whose, and up to three sizes in bytes."""


class What(IntEnum):
    """What happens: a string is made, or the table of a dict or a list becomes larger."""

    STRING = 0
    DICT = 1
    LIST = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewKeys:
    """The tokens of keys that a block is the first to have, and how many there are with them."""

    tokens: Places
    count: int


class _Steps:
    """From how many elements on a container's table has how many bytes, of the large ones alone."""

    def __init__(self, steps: Iterable[tuple[int, int]], small_bytes: int) -> None:
        large = [(count, size) for count, size in steps if size > small_bytes]
        self._counts = np.array([count for count, _ in large], np.intp)
        self._sizes = np.array([size for _, size in large], np.int64)

    def between(self, before: Places, after: Places) -> tuple[Places, Places, Events]:
        """Return which containers grow as their elements become more: at which count, to what."""
        first = np.searchsorted(self._counts, before, side="right")
        taken = np.searchsorted(self._counts, after, side="right") - first
        containers = np.flatnonzero(taken)
        first, taken = first.take(containers), taken.take(containers)
        starts = np.cumsum(taken) - taken
        steps = np.arange(int(taken.sum())) + (first - starts).repeat(taken)
        return containers.repeat(taken), self._counts.take(steps), self._sizes.take(steps)


class LargeBlocks:
    """Gathers the events of one parser, up to a bound.

    Attributes:
        events: how many there were, with those beyond the bound.

    """

    def __init__(self, model: CostModel, parser: ParserCosts) -> None:
        """Begin with none."""
        small_bytes = model.small_bytes
        begins = [1, *(capacity + 1 for capacity in parser.lists)]
        sizes = [capacity * _WORD_BYTES for capacity in parser.lists]
        self._dicts = _Steps(parser.dicts, small_bytes)
        self._lists = _Steps(zip(begins, sizes, strict=False), small_bytes)
        self._has_memo = parser.decodes and not parser.keys.slots
        self._memo_keys = 0
        self._kept: Events = np.zeros((_MOST, _COLUMNS - 1), np.int64)
        self._count = 0
        self.events = 0

    def take(
        self, block: Block, values: Values, strings: LargeStrings, closed: Closed, keys: NewKeys
    ) -> None:
        """Take in what a block does."""
        parts = [_of_strings(strings), *self._of_memo(keys)]
        parts += self._of_containers(block, values, closed)
        events = np.concatenate(parts)
        self.events += len(events)
        if self._count < _MOST and len(events):
            events = events.take(np.argsort(events[:, 0], kind="stable"), axis=0)
            some = events[: _MOST - self._count, 1:]
            self._kept[self._count : self._count + len(some)] = some
            self._count += len(some)

    def kept(self) -> Events:
        """Return the events up to the bound, in order and without their places."""
        return self._kept[: self._count]

    def _of_memo(self, keys: NewKeys) -> Iterable[Events]:
        if not self._has_memo or not len(keys.tokens):
            return
        before, self._memo_keys = self._memo_keys, max(self._memo_keys, keys.count)
        more = self._memo_keys - before
        _, counts, sizes = self._dicts.between(np.array([before]), np.array([self._memo_keys]))
        if len(counts):
            at = (counts - before - 1) * len(keys.tokens) // max(1, more)
            places = keys.tokens.take(at, mode="clip")
            yield _rows(places, What.DICT, np.full(len(places), MEMO), sizes)

    def _of_containers(self, block: Block, values: Values, closed: Closed) -> Iterable[Events]:
        are_objects = block.containers.contexts == OBJECT
        order: Places | None = None
        for what, steps, are_these in (
            (What.DICT, self._dicts, are_objects),
            (What.LIST, self._lists, ~are_objects),
        ):
            numbers, counts, sizes = steps.between(
                closed.before * are_these, closed.after * are_these
            )
            if not len(numbers):
                continue
            if order is None:
                order = np.argsort(values.owners, kind="stable")
                owners = values.owners.take(order)
            firsts = np.searchsorted(owners, numbers)
            elements = order.take(firsts + counts - closed.before.take(numbers) - 1, mode="clip")
            places = _ends_of(block, values.tokens.take(elements))
            yield _rows(places, what, closed.ids.take(numbers), sizes)


def _ends_of(block: Block, tokens: Places) -> Places:
    """Return the tokens that values end with, which tokens begin."""
    containers = block.containers
    openers = containers.openers[1 + containers.inherited :]
    if not len(openers):
        return tokens
    at = np.searchsorted(openers, tokens)
    is_container = openers.take(at, mode="clip") == tokens
    closers = containers.closers[1 + containers.inherited :].take(at, mode="clip")
    closers = np.where(closers < 0, len(block), closers)
    ends: Places = np.where(is_container, closers, tokens)
    return ends


def _of_strings(strings: LargeStrings) -> Events:
    owners = np.zeros(len(strings.tokens), np.int64)
    return _rows(strings.tokens, What.STRING, owners, strings.first, strings.room, strings.last)


def _rows(places: Places, what: What, owners: Places, *sizes: Events) -> Events:
    rows = np.zeros((len(places), _COLUMNS), np.int64)
    rows[:, 0], rows[:, 1], rows[:, 2] = places, int(what), owners
    for column, each in enumerate(sizes, start=3):
        rows[:, column] = each
    return rows
