"""Layout: the bytes between values, as the style of a shape has them at each depth."""

import dataclasses
import json

from synthetic.making.widths import RANKS, width_of
from synthetic.shape import Style


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brackets:
    """What stands before, between and after the elements of a container that has some."""

    opening: bytes
    comma: bytes
    closing: bytes
    empty: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """How a document is laid out."""

    style: Style

    def array(self, depth: int) -> Brackets:
        """Return the brackets of arrays so deep in the document."""
        return self._brackets(b"[", b"]", depth)

    def object(self, depth: int) -> Brackets:
        """Return the brackets of objects so deep in the document."""
        return self._brackets(b"{", b"}", depth)

    @property
    def colon(self) -> bytes:
        """What stands between a key and its value."""
        return b":" + self.style.after_colon.encode()

    def key(self, key: str) -> bytes:
        """Return a key of an object, as it stands in the text."""
        is_escaped = RANKS[width_of(key)] > RANKS[self.style.widest]
        return json.dumps(key, ensure_ascii=is_escaped).encode()

    def _brackets(self, opening: bytes, closing: bytes, depth: int) -> Brackets:
        style = self.style
        empty = opening + closing
        if style.indent is None or (style.line_levels is not None and depth >= style.line_levels):
            inside = style.inside.encode()
            comma = b"," + style.after_comma.encode()
            return Brackets(
                opening=opening + inside, comma=comma, closing=inside + closing, empty=empty
            )
        line = b"\n" + style.indent.encode() * depth
        inner = line + style.indent.encode()
        return Brackets(
            opening=opening + inner, comma=b"," + inner, closing=line + closing, empty=empty
        )
