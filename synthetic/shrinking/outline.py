"""The outline of a stretch of JSON text: its large values, and where long lists can be cut.

One pass over the text makes it. It is as coarse as it is asked for, so that it stays small however
long or dense the text is; what turns out to matter gets a finer outline of its own.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.containers import OBJECT, ROOT
from synthetic.scan.kinds import IS_VALUE, Flags, Kind, Places
from synthetic.scan.scanner import Block, Scanner
from synthetic.shrinking.source import Source

DEEPEST: Final = 50_000
"""What is in so many containers and more is part of the outermost of those left out."""
_PARTS: Final = 2048
_PIECES: Final = 256
_BRACKETS: Final = {OBJECT: (b"{", b"}")}
_SQUARE: Final = (b"[", b"]")

Offsets = NDArray[np.int64]
Told = Callable[[int, int], None]


class Form(IntEnum):
    """What a value is; the first three have the numbers of a scanner's contexts."""

    ROOT = 0
    OBJECT = 1
    ARRAY = 2
    STRING = 3
    SCALAR = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outline:
    """The large values of a text, numbered, and the cuts in them.

    Values are sorted by what they are in, then by place; cuts by what they cut, then by place.

    Attributes:
        top: the number of the container that the text is the inside of.
        numbers: of each value.
        forms: of each value, OBJECT, ARRAY or STRING.
        starts, ends: of each value, in the source; its brackets or quotes are within.
        owners: the number of the container that each value is in.
        keys: where the key of each value begins; -1 for elements.
        separators: by number, how many commas (or values behind the first, in the root) it has.
        cut_owners: the number of the container that each cut is in.
        cut_places: where the comma is, or the value that is separated from the one before.
        cut_ranks: the index of the element behind each cut.
        first: where the first value begins.

    """

    top: int
    numbers: Offsets
    forms: Offsets
    starts: Offsets
    ends: Offsets
    owners: Offsets
    keys: Offsets
    separators: Offsets
    cut_owners: Offsets
    cut_places: Offsets
    cut_ranks: Offsets
    first: int

    def values_in(self, number: int) -> Iterator[tuple[int, Form, int, int, int]]:
        """Yield number, form, start, end and key of the large values right in a container."""
        begin, end = np.searchsorted(self.owners, [number, number + 1]).tolist()
        columns = (self.numbers, self.forms, self.starts, self.ends, self.keys)
        for number_, form, *places in zip(*(c[begin:end].tolist() for c in columns), strict=True):
            yield number_, Form(form), places[0], places[1], places[2]

    def cuts_in(self, number: int) -> tuple[Offsets, Offsets]:
        """Return the places and ranks of the cuts in a container."""
        begin, end = np.searchsorted(self.cut_owners, [number, number + 1]).tolist()
        return self.cut_places[begin:end], self.cut_ranks[begin:end]


def outline_of(
    source: Source, start: int, end: int, *, form: Form = Form.ROOT, told: Told | None = None
) -> Outline:
    """Return the outline of a stretch of the source, which is the inside of a `form`.

    It has about two thousand parts on each level. Raises InvalidJsonError, with the place in the
    source.
    """
    coarse = max(1, (end - start) // _PARTS)
    pieces = _telling(source.pieces(start, end), end - start, told)
    scan = _Outliner(coarse)
    if form is Form.ROOT:
        return scan.outline(pieces, shift=start, top=0)
    opening, closing = _BRACKETS.get(form, _SQUARE)
    return scan.outline(itertools.chain((opening,), pieces, (closing,)), shift=start - 1, top=1)


def _telling(pieces: Iterable[bytes], total: int, told: Told | None) -> Iterator[bytes]:
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        if told is not None:
            told(done, total)


class _Outliner:
    """Makes one outline, of parts of at least `coarse` bytes."""

    def __init__(self, coarse: int) -> None:
        self._coarse = coarse
        # The number of each open container, the root's first; -1 for those too deep.
        self._open: Offsets = np.zeros(1, np.int64)
        self._count = 1
        self._values = _Table(6)
        self._cuts = _Table(3)
        self._ends = _Table(2)
        self._separators: Offsets = np.zeros(1024, np.int64)
        self._first = -1

    def outline(self, pieces: Iterable[bytes], *, shift: int, top: int) -> Outline:
        for block in Scanner().blocks(pieces):
            self._take(block)
        numbers, forms, starts, ends, owners, keys = self._values.columns()
        late = np.full(self._count, -1, np.int64)
        closed, closed_ends = self._ends.columns()
        late[closed] = closed_ends
        ends = np.where(ends < 0, late.take(numbers), ends)
        order = np.lexsort((starts, owners))
        cuts = self._cuts.columns()
        cuts = cuts[:, np.lexsort((cuts[1], cuts[0]))]
        return Outline(
            top=top,
            numbers=numbers[order],
            forms=forms[order],
            starts=starts[order] + shift,
            ends=ends[order] + shift,
            owners=owners[order],
            keys=np.where(keys < 0, -1, keys + shift)[order],
            separators=self._separators[: self._count],
            cut_owners=cuts[0],
            cut_places=cuts[1] + shift,
            cut_ranks=cuts[2],
            first=self._first + shift,
        )

    def _take(self, block: Block) -> None:
        containers = block.containers
        fresh = 1 + containers.inherited
        numbers = np.full(len(containers), -1, np.int64)
        known = self._open[containers.bottom : containers.bottom + fresh]
        numbers[: len(known)] = known
        forced = np.zeros(len(block), np.bool_)
        self._take_containers(block, numbers, forced)
        self._take_strings(block, numbers, forced)
        late = np.flatnonzero(containers.closers[1:fresh] >= 0) + 1
        late = late.compress(numbers.take(late) >= 0)
        if len(late):
            ends = _offsets(block, block.ends.take(containers.closers.take(late)))
            self._ends.add(numbers.take(late), ends)
        self._take_separators(block, numbers, forced)
        if containers.bottom < len(self._open):
            still = np.flatnonzero(containers.closers[1:] < 0) + 1
            opened = np.concatenate((self._open[: containers.bottom + 1], numbers.take(still)))
            self._open = opened[: DEEPEST + 1]

    def _take_containers(self, block: Block, numbers: Offsets, forced: Flags) -> None:
        """Give numbers to the large containers that open in a block."""
        containers = block.containers
        fresh = 1 + containers.inherited
        openers, closers = containers.openers[fresh:], containers.closers[fresh:]
        if not len(openers):
            return
        starts = _offsets(block, block.starts.take(openers))
        ends = _offsets(block, block.ends.take(closers))  # of those open yet, the last token's
        ends[closers < 0] = -1
        large = ((ends < 0) | (ends - starts >= self._coarse)) & (
            containers.levels[fresh:] <= DEEPEST
        )
        picked = np.flatnonzero(large)
        if not len(picked):
            return
        at = picked + fresh
        numbers[at] = np.arange(self._count, self._count + len(at))
        self._append(
            block,
            forms=containers.contexts.take(at),
            tokens=openers.take(picked),
            starts=starts.take(picked),
            ends=ends.take(picked),
            owners=numbers.take(containers.parents.take(at)),
            forced=forced,
        )

    def _take_strings(self, block: Block, numbers: Offsets, forced: Flags) -> None:
        """Give numbers to the large strings of a block."""
        lengths = block.ends.take(block.strings) - block.starts.take(block.strings)
        large = lengths >= self._coarse
        for stretch in block.stretches:  # of which the block has the quotes alone
            at = int(np.searchsorted(block.starts.take(block.strings), stretch.place))
            if at < len(large):
                large[at] |= stretch.string.content_bytes + 2 >= self._coarse
        tokens = block.strings.compress(large)
        tokens = tokens.compress(block.kinds.take(tokens) == Kind.STRING)
        owners = numbers.take(block.containers.of_tokens.take(tokens))
        tokens, owners = tokens.compress(owners >= 0), owners.compress(owners >= 0)
        if not len(tokens):
            return
        self._append(
            block,
            forms=np.full(len(tokens), Form.STRING),
            tokens=tokens,
            starts=_offsets(block, block.starts.take(tokens)),
            ends=_offsets(block, block.ends.take(tokens)),
            owners=owners,
            forced=forced,
        )

    def _append(  # noqa: PLR0913  (the columns of a table)
        self,
        block: Block,
        *,
        forms: NDArray[np.uint8] | Offsets,
        tokens: Places,
        starts: Offsets,
        ends: Offsets,
        owners: Offsets,
        forced: Flags,
    ) -> None:
        """Add values to the table, and force a cut before each of them."""
        is_member = block.contexts.take(tokens) == OBJECT
        key_tokens = np.where(is_member, tokens - 2, 0)
        keys = np.where(is_member, _offsets(block, block.starts.take(key_tokens)), -1)
        numbers = np.arange(self._count, self._count + len(tokens))
        self._count += len(tokens)
        self._values.add(numbers, forms, starts, ends, owners, keys)
        before = np.where(is_member, tokens - 3, tokens - 1)
        forced[before.compress(before >= 0)] = True
        while self._count > len(self._separators):
            self._separators = np.concatenate((self._separators, np.zeros_like(self._separators)))

    def _take_separators(self, block: Block, numbers: Offsets, forced: Flags) -> None:
        commas = np.flatnonzero(block.kinds == Kind.COMMA)
        owners = numbers.take(block.containers.of_tokens.take(commas))
        kept = owners >= 0
        commas, owners = commas.compress(kept), owners.compress(kept)
        self._cut(owners, _offsets(block, block.starts.take(commas)), forced.take(commas))
        roots = np.flatnonzero((block.contexts == ROOT) & IS_VALUE.take(block.kinds))
        if not len(roots):
            return
        places = _offsets(block, block.starts.take(roots))
        if self._first < 0:
            self._first = int(places[0])
            places = places[1:]
        zeros = np.zeros(len(places), np.int64)
        self._cut(zeros, places, zeros.astype(np.bool_))

    def _cut(self, owners: Offsets, places: Offsets, forced: Flags) -> None:
        """Remember the first separator in each stretch of `coarse` bytes, and the forced ones."""
        if not len(owners):
            return
        order = np.argsort(owners, kind="stable")
        owners, places, forced = owners.take(order), places.take(order), forced.take(order)
        begins = np.ones(len(owners), np.bool_)
        np.not_equal(owners[1:], owners[:-1], out=begins[1:])
        firsts = np.flatnonzero(begins)
        lengths = np.diff(np.append(firsts, len(owners)))
        ranks = np.arange(1, len(owners) + 1) + np.repeat(
            self._separators.take(owners.take(firsts)) - firsts, lengths
        )
        self._separators[owners.take(firsts)] += lengths
        stretches = places // self._coarse
        kept = begins | forced
        kept[1:] |= stretches[1:] != stretches[:-1]
        self._cuts.add(owners.compress(kept), places.compress(kept), ranks.compress(kept))


class _Table:
    """Rows of numbers that come a few at a time."""

    def __init__(self, columns: int) -> None:
        self._pieces: list[Offsets] = [np.empty((columns, 0), np.int64)]

    def add(self, *columns: NDArray[np.integer[Any]]) -> None:
        self._pieces.append(np.stack(columns).astype(np.int64))
        if len(self._pieces) > _PIECES:  # an array costs more than the few numbers in it
            self._pieces = [self.columns()]

    def columns(self) -> Offsets:
        return np.concatenate(self._pieces, axis=1)


def _offsets(block: Block, places: Places) -> Offsets:
    """Return the bytes of the whole text at positions of a block's."""
    offsets: Offsets = places + np.int64(block.offset)
    for stretch in block.stretches:
        offsets = offsets + np.where(places > stretch.place, stretch.string.content_bytes, 0)
    return offsets
