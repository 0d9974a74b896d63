"""A string that is longer than a block: taken in piece by piece, and never held."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.bits import WORD
from synthetic.scan.characters import leads_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Bytes
from synthetic.scan.marks import escapes_of
from synthetic.scan.strings import WIDTHS, texts_of

_QUOTE: Final = b'"'
_BACKSLASH: Final = b"\\"
_HELD_BYTES: Final = 32
"""At least one whole escape or character, and the second half of a pair of escapes."""
_ESCAPE_BYTES: Final = 6
_LOW_SURROGATES: Final = {b"dc", b"dd", b"de", b"df"}


class LongString:
    """Measures a string; `take` is given its bytes from behind the opening quote on.

    Attributes:
        offset: of its opening quote in the whole text.
        content_bytes: between its quotes, so far.
        characters, width, escaped, has_lone_surrogate: as in `Texts`.

    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.content_bytes = 0
        self.characters = 0
        self.width = 0
        self.escaped = 0
        self.has_lone_surrogate = False
        self._held = b""

    @property
    def end(self) -> int:
        """The byte behind all that was taken."""
        return self.offset + 1 + self.content_bytes + len(self._held)

    def take(self, piece: bytes) -> bytes | None:
        """Take bytes in; return what follows the closing quote, or None while there is none."""
        content = self._held + piece
        if _BACKSLASH not in content:
            return self._take_plain(content)
        view = np.frombuffer(content, np.uint8)
        escapes = escapes_of(content, view)
        quotes = np.flatnonzero(view == _QUOTE[0])
        quotes = quotes[~np.isin(quotes, escapes + 1)] if len(escapes) else quotes
        if len(quotes):
            self._measure(content[: quotes[0]])
            self._held = b""
            return content[quotes[0] + 1 :]
        cut = _cut(content, escapes.tolist()[-_HELD_BYTES:])
        self._measure(content[:cut])
        self._held = content[cut:]
        return None

    def _take_plain(self, content: bytes) -> bytes | None:
        """Take bytes in, none of which escapes another."""
        quote = content.find(_QUOTE)
        cut = quote if quote >= 0 else _cut(content, [])
        self._held = b""
        plain = content[:cut]
        if plain:
            view = np.frombuffer(plain, np.uint8)
            characters = checked_characters(plain, view, self.end)
            self._add(plain, characters, int(WIDTHS[view.max()]) if characters < cut else 0)
        if quote >= 0:
            return content[quote + 1 :]
        self._held = content[cut:]
        return None

    def _add(self, content: bytes, characters: int, width: int) -> None:
        self.content_bytes += len(content)
        self.characters += characters
        self.width = max(self.width, width)

    def _measure(self, content: bytes) -> None:
        quoted = _QUOTE + content + _QUOTE
        view = np.frombuffer(quoted, np.uint8)
        start = self.offset + self.content_bytes
        if content:
            checked_characters(content, view[1:-1], start + 1)
        padded = np.concatenate((view, np.zeros(-len(view) % WORD, np.uint8)))
        leads = leads_of(quoted, padded, len(quoted))
        edges = np.array([0]), np.array([len(quoted)])
        try:
            texts = texts_of(view, *edges, leads, escapes_of(quoted, view))
        except InvalidJsonError as error:
            raise InvalidJsonError(start + error.offset, error.reason) from None
        self._add(content, int(texts.characters[0]), int(texts.widths[0]))
        self.escaped += int(texts.escaped[0])
        self.has_lone_surrogate |= texts.has_lone_surrogate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stretch:
    """A long string of which a block has the quotes alone.

    `place` is where its opening quote is in the block's text.
    """

    place: int
    string: LongString


def checked_characters(content: bytes, view: Bytes, start: int) -> int:
    """Return how many characters a string's bytes are, where nothing is escaped.

    Raises InvalidJsonError for a control character or wrong UTF-8; it begins at the byte `start`.
    """
    if int(view.min()) < ord(" "):
        raise InvalidJsonError(
            start + int(np.argmax(view < ord(" "))), "a string holds a control character"
        )
    if content.isascii():
        return len(content)
    try:
        return len(content.decode())
    except UnicodeDecodeError as error:
        raise InvalidJsonError(start + error.start, "a string is not UTF-8") from None


def _cut(content: bytes, escapes: list[int]) -> int:
    """Return up to where a string's bytes can be measured before the rest is known."""
    cut = max(0, len(content) - _HELD_BYTES // 2)
    late = [place for place in escapes if place > len(content) - _HELD_BYTES]
    if late:
        cut = min(cut, late[0])
        is_second_half = content[late[0] + 2 : late[0] + 4].lower() in _LOW_SURROGATES
        if is_second_half and late[0] - _ESCAPE_BYTES in escapes:
            cut -= _ESCAPE_BYTES
    while cut > 0 and cut < len(content) and 0x80 <= content[cut] < 0xC0:
        cut -= 1
    return max(0, cut)
