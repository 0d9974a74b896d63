"""A string that is longer than a block: taken in piece by piece, and never held."""

from typing import Final

import numpy as np

from synthetic.scan.bits import WORD
from synthetic.scan.characters import leads_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Bytes
from synthetic.scan.marks import escapes_of
from synthetic.scan.strings import texts_of

_QUOTE: Final = b'"'
_HELD_BYTES: Final = 32
"""At least one whole escape or character, and the second half of a pair of escapes."""
_ESCAPE_BYTES: Final = 6
_LOW_SURROGATES: Final = {b"dc", b"dd", b"de", b"df"}
_FACTOR: Final = 0x9E3779B97F4A7C15
_WORD: Final = (1 << 64) - 1


class LongString:
    """Measures a string; `take` is given its bytes from behind the opening quote on.

    Attributes:
        offset: of its opening quote in the whole text.
        content_bytes: between its quotes, so far.
        characters, width, escaped, has_lone_surrogate: as in `Texts`.
        digest: of its bytes, in 64 bits; it differs from process to process.

    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.content_bytes = 0
        self.characters = 0
        self.width = 0
        self.escaped = 0
        self.has_lone_surrogate = False
        self.digest = 0
        self._held = b""

    @property
    def end(self) -> int:
        """The byte behind all that was taken."""
        return self.offset + 1 + self.content_bytes + len(self._held)

    def take(self, piece: bytes) -> bytes | None:
        """Take bytes in; return what follows the closing quote, or None while there is none."""
        content = self._held + piece
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

    def _measure(self, content: bytes) -> None:
        quoted = _QUOTE + content + _QUOTE
        view = np.frombuffer(quoted, np.uint8)
        start = self.offset + self.content_bytes
        check_characters(content, view, start)
        padded = np.concatenate((view, np.zeros(-len(view) % WORD, np.uint8)))
        leads = leads_of(quoted, padded, len(quoted))
        edges = np.array([0]), np.array([len(quoted)])
        try:
            texts = texts_of(view, *edges, leads, escapes_of(quoted, view))
        except InvalidJsonError as error:
            raise InvalidJsonError(start + error.offset, error.reason) from None
        self.content_bytes += len(content)
        self.characters += int(texts.characters[0])
        self.width = max(self.width, int(texts.widths[0]))
        self.escaped += int(texts.escaped[0])
        self.has_lone_surrogate |= texts.has_lone_surrogate
        self.digest = ((self.digest ^ hash(content)) * _FACTOR + len(content)) & _WORD


def check_characters(content: bytes, view: Bytes, start: int) -> None:
    """Raise InvalidJsonError for a control character or wrong UTF-8 in a quoted string."""
    if int(view.min()) < ord(" "):
        raise InvalidJsonError(
            start + int(np.argmax(view < ord(" "))), "a string holds a control character"
        )
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise InvalidJsonError(start + 1 + error.start, "a string is not UTF-8") from None


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
