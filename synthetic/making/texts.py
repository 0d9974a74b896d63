"""Texts: templates of strings of one width, as long in characters and bytes as the shape says."""

import dataclasses
from collections.abc import Sequence
from typing import Final, assert_never

from synthetic.making.holes import DIGIT, LATER, LEAD, LETTER
from synthetic.making.quotas import Share
from synthetic.making.widths import RANKS
from synthetic.shape import Texts, Width

_MOST_KEPT: Final = 20_000

_LETTER: Final = bytes([LETTER])
_LATER: Final = bytes([LATER])
_DIGIT: Final = bytes([DIGIT])

_LATIN: Final = b"\xc3" + _LATER
_CYRILLIC: Final = b"\xd0" + _LATER
_HAN: Final = bytes([LEAD]) + _LATER * 2
_RARE_HAN: Final = b"\xf0\xa0" + _LATER * 2

_ESCAPED_LATIN: Final = rb"\u00e" + _DIGIT
_ESCAPED_HAN: Final = rb"\u5" + _DIGIT * 3
_ESCAPED_RARE_HAN: Final = rb"\ud840\udc" + _DIGIT * 2
_ESCAPED_LETTER: Final = rb"\u006" + _DIGIT
_NEW_LINE: Final = rb"\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Unit:
    """One wide character, and how many bytes it has beyond the first."""

    text: bytes
    extra: int


def _units(width: Width, *, is_escaped: bool, is_dense: bool) -> tuple[_Unit, ...]:
    """Return the characters that strings of a width are made of, the widest first.

    Every string has one that makes it as wide as it is: the first or, of UCS-2, either.
    """
    match width:
        case "ascii":
            return ()
        case "latin-1":
            if is_escaped:
                return (_Unit(text=_ESCAPED_LATIN, extra=5),)
            return (_Unit(text=_LATIN, extra=1),)
        case "ucs-2":
            if is_escaped:
                return (_Unit(text=_ESCAPED_HAN, extra=5),)
            cyrillic = _Unit(text=_CYRILLIC, extra=1)
            return (_Unit(text=_HAN, extra=2), cyrillic) if is_dense else (cyrillic,)
        case "ucs-4":
            if is_escaped:
                return (
                    _Unit(text=_ESCAPED_RARE_HAN, extra=11),
                    _Unit(text=_ESCAPED_HAN, extra=5),
                )
            return (
                _Unit(text=_RARE_HAN, extra=3),
                _Unit(text=_HAN, extra=2),
                _Unit(text=_LATIN, extra=1),
            )
        case _:
            assert_never(width)


class TextClass:
    """Makes the templates of the strings of one width, without their quotes.

    `is_plain` are those that have as many bytes as characters.
    """

    __slots__ = (
        "_escapes",
        "_extra",
        "_least",
        "_made",
        "_missed",
        "_units",
        "bytes_per_character",
        "is_plain",
    )

    def __init__(self, texts: Texts, *, widest: Width) -> None:
        """Make `texts`; characters wider than `widest` are to be escaped."""
        giants = texts.giants
        characters = sum(bin_.total for bin_ in texts.characters) + sum(g.size for g in giants)
        count = sum(bin_.count for bin_ in texts.characters) + len(giants)
        is_escaped = RANKS[texts.width] > RANKS[widest]
        escapes = 0 if is_escaped or texts.width == "ascii" else texts.escaped
        extra = max(texts.bytes - characters - escapes, 0)
        if texts.width == "ascii":
            escapes, extra = extra, 0
        self._units = _units(texts.width, is_escaped=is_escaped, is_dense=extra > characters)
        # Either of the characters of UCS-2 makes a string as wide, elsewhere only the first.
        least = -1 if texts.width == "ucs-2" else 0
        self._least = self._units[least].extra if self._units else 0
        self._extra = Share(max(extra - count * self._least, 0), characters)
        self._escapes = Share(escapes, characters)
        self.is_plain = not self._units and not escapes
        self._missed = 0
        self._made: dict[tuple[int, int, int], bytes] = {}
        self.bytes_per_character = (texts.bytes, max(characters, 1))

    def templates(self, lengths: Sequence[int], weight: int = 1) -> list[bytes]:
        """Return a template for each length in characters."""
        if self.is_plain:
            return [_LETTER * length for length in lengths]
        extras, all_escapes = self._beyond(lengths, weight)
        made, missed = self._made, self._missed
        templates = []
        for length, extra, own in zip(lengths, extras, all_escapes, strict=True):
            escapes = missed + own
            wanted = (length, extra, escapes)
            template = made.get(wanted)
            if template is None:
                template = self._written(length, extra, escapes)
                if len(made) < _MOST_KEPT and len(template) < _MOST_KEPT:
                    made[wanted] = template
            templates.append(template)
            # What found no room in this one is for the next.
            missed = length + extra + escapes - len(template)
            if missed:
                missed = max(missed, 0)
        self._missed = missed
        return templates

    def _beyond(self, lengths: Sequence[int], weight: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return how many bytes the texts have beyond one for each character, and for escapes."""
        extras = escapes = [0] * len(lengths)
        if self._units:
            least, widest = self._least, self._units[0].extra
            mosts = [length * widest - least if length else 0 for length in lengths]
            extras = [least + more for more in self._extra.each(lengths, weight, mosts)]
        if self._escapes.part:
            mosts = [5 * length for length in lengths]
            escapes = self._escapes.each(lengths, weight, mosts)
        return extras, escapes

    def _written(self, length: int, extra: int, escapes: int) -> bytes:
        """Return a template with so many bytes more than characters."""
        parts = []
        for unit in self._units:
            count = min(extra // unit.extra, length)
            parts.append(unit.text * count)
            length -= count
            extra = max(extra - unit.extra * count, 0)
        escapes += extra
        if escapes and length:
            # A line feed has one byte more, a letter written as \u0061 has five.
            long = min(max(escapes - length, 0) // 4, length)
            short = min(escapes - 5 * long, length - long)
            length -= long + short
            # As line breaks are in real texts: json joins a string of the pieces between escapes,
            # and where these are as small as can be, the heap gets other holes.
            piece = _LETTER * (length // (long + short + 1))
            parts.append((piece + _ESCAPED_LETTER) * long + (piece + _NEW_LINE) * short)
            length -= len(piece) * (long + short)
        parts.append(_LETTER * length)
        return b"".join(parts)
