"""What lies free between the blocks of a result: memory that a process holds and nobody has."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np

from synthetic.xray.heap import MAPPED_BYTES, Heap
from synthetic.xray.large_blocks import MEMO, Events, LargeBlocks, What

_AT_A_TIME: Final = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gaps:
    """What lies free between blocks at a parser's peak, and once it has given back the rest."""

    peak_bytes: int
    retained_bytes: int


def gaps_of(blocks: LargeBlocks, texts: Sequence[int], *, is_one: bool) -> Gaps:
    """Return the gaps that a parse leaves.

    `texts` are the sizes of the strs that the whole text is decoded to one after the other, each
    before the one ahead of it goes. Small ones are left out: the room that they give back serves
    whatever the process does next. Unless `is_one`, several documents are parsed in a row, and
    what each call gives back serves the next one.
    """
    heap = Heap()
    given_back: list[int] = []
    for size in texts if is_one and min(texts, default=0) >= MAPPED_BYTES else ():
        given_back.append(heap.allocate(size))
        if len(given_back) > 1:
            heap.free(given_back.pop(0))
    events = _with_lasts(blocks.kept())
    half = len(events) // 2
    tables: dict[int, int] = {}
    _follow(heap, tables, events[:half], is_one=is_one)
    before = heap.gap_bytes
    _follow(heap, tables, events[half:], is_one=is_one)
    # Beyond the events that are followed, it goes on as it did in the last half of these.
    more_bytes = 0
    if blocks.events > len(events):
        more = (blocks.events - len(events)) / (len(events) - half)
        more_bytes = max(0, round((heap.gap_bytes - before) * more))
    peak_bytes = heap.gap_bytes
    if MEMO in tables:
        heap.free(tables[MEMO])
    for address in given_back:
        heap.free(address)
    return Gaps(peak_bytes=peak_bytes + more_bytes, retained_bytes=heap.gap_bytes + more_bytes)


def _follow(heap: Heap, tables: dict[int, int], events: Events, *, is_one: bool) -> None:
    rows = (row for at in range(0, len(events), _AT_A_TIME) for row in _listed(events, at))
    for what, owner, *sizes, is_last in rows:
        match What(what):
            case What.STRING:
                _make_string(heap, *sizes)
            case What.LIST if owner in tables:
                tables[owner] = heap.grow(tables[owner], sizes[0])
            case What.DICT if owner in tables:
                before, tables[owner] = tables[owner], heap.allocate(sizes[0])
                heap.free(before)
            case What.DICT | What.LIST if is_one or owner != MEMO:
                tables[owner] = heap.allocate(sizes[0])
        if is_last and owner in tables and owner != MEMO:
            heap.keep(tables.pop(owner))


def _with_lasts(events: Events) -> Events:
    """Return events with one more column: whether each is the last of its owner's."""
    _, from_end = np.unique(events[::-1, 1], return_index=True)
    lasts = np.zeros((len(events), 1), np.int64)
    lasts[len(events) - 1 - from_end] = 1
    return np.hstack((events, lasts))


def _listed(events: Events, at: int) -> list[list[int]]:
    """Return some events as lists, which take far more memory than all of them in an array."""
    rows: list[list[int]] = events[at : at + _AT_A_TIME].tolist()
    return rows


def _make_string(heap: Heap, first: int, room: int, last: int) -> None:
    """Make a string of `last` bytes, in a block with `room`, beside a `first` try that goes."""
    tried = heap.allocate(first) if first else None
    if not room:
        heap.allocate(last, lasts=True)
        return
    made = heap.allocate(room, written=last)
    if tried is not None:
        heap.free(tried)
    heap.cut(made, last)
