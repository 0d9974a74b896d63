"""What matters of a text as a whole: how wide its characters are, and where that begins."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import Places
from synthetic.scan.scanner import Block
from synthetic.scan.strings import ASCII, UCS_4

UNITS: Final = (1, 1, 2, 4)
"""By width: the bytes of a character in a str."""
_LEADS: Final = {1: 0x80, 2: 0xC4, 3: 0xF0}
"""By width: the least byte of UTF-8 that a character of it begins with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Widening:
    """The first character of a text that is wider than all before it.

    Attributes:
        width: LATIN_1, UCS_2 or UCS_4.
        offset: of its first byte, or of the string that holds it if that is very long.
        node, token: of the string that holds it; the token is that of its block.

    """

    width: int
    offset: int
    character: str
    token: int


class WholeText:
    """Follows a text; of a document it knows the bytes from its begin to that of the next."""

    def __init__(self) -> None:
        self.width = ASCII
        self.continuations = 0
        self.longest_escaped = 0
        self.widenings: list[Widening] = []
        self.longest_document_bytes = 0
        self.end = 0
        self.new: tuple[Widening, ...] = ()
        self._document_at = 0

    def begin_documents(self, block: Block, starts: Places) -> None:
        """Note where documents begin in the text of a block."""
        longest = int(np.diff(starts).max(initial=0))
        first, last = block.offset_of(int(starts[0])), block.offset_of(int(starts[-1]))
        self.longest_document_bytes = max(
            self.longest_document_bytes, longest, first - self._document_at
        )
        self._document_at = last

    def take(self, block: Block) -> None:
        """Take in the next block; `new` is what is wider in it than all before."""
        end = int(block.ends[-1])
        self.end = block.offset_of(end)
        escaped = np.flatnonzero(block.texts.escaped != 0)
        if len(escaped):
            longest = int(block.texts.characters.take(escaped).max())
            self.longest_escaped = max(self.longest_escaped, longest)
        found = list(self._in_stretches(block))
        if not block.text.isascii():
            view = block.view[:end]
            self.continuations += int(np.count_nonzero((view & 0xC0) == 0x80))
            if self.width < UCS_4:
                found += self._in_view(block, end)
        new: list[Widening] = []
        for widening in sorted(found, key=lambda widening: (widening.offset, -widening.width)):
            if widening.width > self.width:
                self.width = widening.width
                new.append(widening)
        self.new = tuple(new)
        self.widenings += new

    def decoded_sizes(self) -> tuple[int, ...]:
        """Return the bytes of the strs that a text is decoded to, one after the other.

        Each has room for as many characters as there are bytes, until the last one is done.
        """
        widths = (ASCII, *(widening.width for widening in self.widenings))
        return tuple(self.end * UNITS[width] for width in widths)

    def finish(self) -> None:
        """Note where the last document ends."""
        last = self.end - self._document_at
        self.longest_document_bytes = max(self.longest_document_bytes, last)

    def _in_view(self, block: Block, end: int) -> list[Widening]:
        found = []
        for width in range(self.width + 1, UCS_4 + 1):
            places = np.flatnonzero(block.view[:end] >= _LEADS[width])
            if not len(places):
                break
            place = int(places[0])
            token = int(np.searchsorted(block.starts, place, side="right")) - 1
            character = block.text[place : place + 4].decode("utf-8", "ignore")[:1]
            found.append(
                Widening(
                    width=width, offset=block.offset_of(place), character=character, token=token
                )
            )
        return found

    def _in_stretches(self, block: Block) -> list[Widening]:
        found = []
        for stretch in block.stretches:
            string = stretch.string
            wide_bytes = string.content_bytes - string.escaped - string.characters
            if wide_bytes <= 0:
                continue
            token = int(np.searchsorted(block.starts, stretch.place, side="right")) - 1
            if token < 0 or int(block.starts[token]) != stretch.place:
                continue  # it belongs to the next block
            self.continuations += wide_bytes
            found.append(
                Widening(width=string.width, offset=string.offset, character="", token=token)
            )
        return found
