"""What the strings of a block cost, in every parser and in each."""

import dataclasses
import functools
from typing import Final

import numpy as np

from synthetic.scan.kinds import Places
from synthetic.scan.marks import escapes_of
from synthetic.scan.scanner import Block
from synthetic.scan.strings import ASCII, LATIN_1
from synthetic.xray.costs import Allocator, Costs, TextCosts
from synthetic.xray.model import CostModel, ParserCosts

_LONGEST: Final = 1 << 20
_UNICODE_ESCAPE: Final = ord("u")
_CODE_DIGITS: Final = 4
_HEX_VALUES: Final = np.array(
    [int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else 0 for byte in range(256)],
    np.intp,
)
_GROWN: Final = 4
"""A string that grows gets a quarter more than it needs."""
_TWO_BYTES: Final = 0x80
_THREE_BYTES: Final = 0x800
_LOW_SURROGATES: Final = 0xDC00
_BEYOND_SURROGATES: Final = 0xE000
"""Characters from these on take more bytes in UTF-8, and halves of pairs lie between."""


class Strings:
    """Strings of a block, in order.

    Attributes:
        block: theirs.
        places: their indices in `block.strings`.
        characters, widths: as in `Texts`.

    """

    def __init__(self, block: Block, places: Places) -> None:
        """Hold some of the strings of a block; what few need is looked up when it is asked for."""
        self.block = block
        self.places = places
        self.characters = block.texts.characters.take(places)
        self.widths = block.texts.widths.take(places)

    def __len__(self) -> int:
        return len(self.places)

    def take(self, indices: Places) -> "Strings":
        """Return some of them."""
        return Strings(self.block, self.places.take(indices))

    @functools.cached_property
    def starts(self) -> Places:
        """Where their opening quotes are in the block's text."""
        return self.block.starts.take(self.block.strings.take(self.places))

    @functools.cached_property
    def ends(self) -> Places:
        """Where each ends, behind its closing quote."""
        return self.block.ends.take(self.block.strings.take(self.places))

    @functools.cached_property
    def escaped(self) -> Places:
        """How many bytes of each are there only because something is escaped."""
        return self.block.texts.escaped.take(self.places)

    def utf8_bytes(self) -> Places:
        """Return how many bytes each has in UTF-8, once it is unescaped."""
        result = self.ends - self.starts - 2
        result -= self.escaped
        at = np.flatnonzero((self.escaped > 0) & (self.widths > ASCII))
        if len(at):
            result[at] += _bytes_of_escaped(self.take(at))
        utf8_bytes: Places = np.maximum(result, self.characters)
        return utf8_bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class LargeStrings:
    """Strings whose making takes blocks of the C library.

    Attributes:
        tokens: theirs.
        first: the bytes of a first block that is given back; 0 if it is small, or there is none.
        room: of the block that each is made in and that is cut; 0 if it is made at its size.
        last: of what remains.

    """

    tokens: Places
    first: Places
    room: Places
    last: Places


class StringCosts:
    """What strings cost, where parsers differ and where they do not."""

    def __init__(self, model: CostModel, allocator: Allocator) -> None:
        """Make the tables of a model."""
        self._texts = TextCosts(model, allocator)
        self._small_bytes = allocator.small_bytes

    def common(self, strings: Strings) -> Costs:
        """Return what strings cost that are made at their size, none of them shared."""
        return self._texts.resident(strings.widths, strings.characters)

    def own(self, parser: ParserCosts, strings: Strings, common: Costs) -> tuple[Places, Costs]:
        """Return which of the strings cost a parser something else, and how much more or less."""
        found = [self._shared(parser, strings, common)]
        if parser.grows_escaped:
            found.append(self._escaped(strings, common))
        if parser.grows_wide:
            found.append(self.wide(strings, common))
        return (
            np.concatenate([indices for indices, _ in found]),
            np.concatenate([costs for _, costs in found]),
        )

    def large(self, parser: ParserCosts, strings: Strings) -> LargeStrings:
        """Return the strings that a parser needs large blocks for."""
        last = self._texts.requested(strings.widths, strings.characters)
        first, room = np.zeros(len(last), np.intp), np.zeros(len(last), np.intp)
        if parser.grows_wide:
            at = np.flatnonzero((strings.widths > ASCII) & (strings.characters > 1))
            some = strings.take(at)
            utf8_bytes = some.utf8_bytes()
            plain = np.full(len(at), ASCII, strings.widths.dtype)
            first[at] = self._texts.requested(plain, utf8_bytes)
            room[at] = self._texts.requested(some.widths, utf8_bytes)
        if parser.grows_escaped:
            least = self._small_bytes * _GROWN // (_GROWN + 1)
            at = np.flatnonzero((strings.escaped > 0) & (last > least))
            some = strings.take(at)
            if len(at):
                room[at] = self._texts.requested(some.widths, room_for(some))
        first[first <= self._small_bytes] = 0
        room[room <= self._small_bytes] = 0
        large = np.flatnonzero((last > self._small_bytes) | (room > 0))
        last = last.take(large)
        room = room.take(large)
        return LargeStrings(
            tokens=strings.block.strings.take(strings.places.take(large)),
            first=first.take(large),
            room=np.where(room > 0, np.maximum(room, last), 0),
            last=last,
        )

    def _shared(self, parser: ParserCosts, strings: Strings, common: Costs) -> tuple[Places, Costs]:
        singles = np.flatnonzero(strings.characters == 1)
        widths = strings.widths.take(singles)
        shared = (widths == ASCII) & parser.shares_ascii
        shared |= (widths == LATIN_1) & parser.shares_latin_1
        singles = singles.compress(shared)
        return singles, -common.take(singles)

    def _escaped(self, strings: Strings, common: Costs) -> tuple[Places, Costs]:
        """Return what strings with escapes cost more that are put together piece by piece."""
        at = np.flatnonzero((strings.escaped > 0) & (strings.characters > 1))
        if not len(at):
            return at, np.empty(0)
        some = strings.take(at)
        small = self._texts.requested(some.widths, some.characters) <= self._small_bytes
        at, some = at.compress(small), some.take(np.flatnonzero(small))
        if not len(at):
            return at, np.empty(0)
        costs = self._texts.cut(some.widths, room_for(some), some.characters)
        return at, costs - common.take(at)

    def wide(self, strings: Strings, common: Costs) -> tuple[Places, Costs]:
        """Return what strings cost more that are made with room for the bytes of their UTF-8."""
        at = np.flatnonzero((strings.widths > ASCII) & (strings.characters > 1))
        if not len(at):
            return at, np.empty(0)
        some = strings.take(at)
        costs = self._texts.cut(some.widths, some.utf8_bytes(), some.characters)
        return at, costs - common.take(at)


def _escapes_in(strings: Strings) -> tuple[Places, Places]:
    """Return the escapes in strings of a block, and the index of the string of each."""
    block = strings.block
    escapes = escapes_of(block.text, block.view)
    owners = np.searchsorted(strings.starts, escapes, side="right") - 1
    inside = np.flatnonzero((owners >= 0) & (escapes < strings.ends.take(owners)))
    return escapes.take(inside), owners.take(inside)


def _bytes_of_escaped(strings: Strings) -> Places:
    r"""Return how many bytes of UTF-8 the characters written as \uXXXX have beyond one each."""
    block = strings.block
    escapes, owners = _escapes_in(strings)
    unicode = np.flatnonzero(block.view.take(escapes + 1) == _UNICODE_ESCAPE)
    digits_at = escapes.take(unicode) + 2
    codes = np.zeros(len(unicode), np.intp)
    for digit in range(_CODE_DIGITS):
        codes = codes * 16 + _HEX_VALUES.take(block.view.take(digits_at + digit))
    extra = (codes >= _TWO_BYTES).astype(np.intp) + (codes >= _THREE_BYTES)
    is_low = (codes >= _LOW_SURROGATES) & (codes < _BEYOND_SURROGATES)
    extra -= is_low  # a pair is one character of four bytes
    added = np.bincount(owners.take(unicode), extra, minlength=len(strings.places))
    return added.astype(np.intp)


def room_for(strings: Strings) -> Places:
    """Return for how many characters there is room in strings that were built in pieces.

    The pieces are what stands between escapes, and each escaped character. Whenever one does not
    fit, there is room for a quarter more than is needed with it (CPython's `_PyUnicodeWriter`).
    """
    block = strings.block
    escapes, owners = _escapes_in(strings)
    before = escapes - strings.starts.take(owners) - 1 - _saved_before(block, owners, escapes)
    if not block.text.isascii():
        continued = np.cumsum((block.view & 0xC0) == 0x80, dtype=np.intp)
        before -= continued.take(escapes) - continued.take(strings.starts.take(owners))
    count = len(strings.places)
    lengths = np.concatenate((before, before + 1, strings.characters))
    ids = np.concatenate((owners, owners, np.arange(count)))
    steps = np.sort(ids * _LONGEST + np.clip(lengths, 0, _LONGEST - 1))
    steps = np.append(steps, count * _LONGEST)
    room = np.zeros(count, np.intp)
    growing = np.arange(count)
    while len(growing):
        bounds = growing * _LONGEST + room.take(growing)
        found = steps.take(np.searchsorted(steps, bounds, side="right"))
        is_own = found < (growing + 1) * _LONGEST
        growing, found = growing.compress(is_own), found.compress(is_own)
        needed = found - growing * _LONGEST
        room[growing] = needed + needed // 4
    return room


def _saved_before(block: Block, owners: Places, escapes: Places) -> Places:
    """Return how many bytes the escapes before each one in its string took for nothing."""
    saved = np.where(block.view.take(escapes + 1) == _UNICODE_ESCAPE, 5, 1)
    before = np.cumsum(saved) - saved
    if not len(before):
        return before
    begins = np.ones(len(owners), np.bool_)
    np.not_equal(owners[1:], owners[:-1], out=begins[1:])
    firsts = np.maximum.accumulate(np.where(begins, np.arange(len(owners)), 0))
    result: Places = before - before.take(firsts)
    return result
