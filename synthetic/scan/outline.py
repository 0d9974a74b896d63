"""The outline: which arrays and objects are open at a place far into a text, found at high speed.

Nothing is checked here: what is said of a text that is no JSON means nothing.
"""

import dataclasses
from collections.abc import Iterable
from typing import BinaryIO, Final

import numpy as np

from synthetic.scan.bits import places_of
from synthetic.scan.containers import ARRAY, OBJECT
from synthetic.scan.marks import Marks

_OPEN: Final = ord("{")
_CLOSE: Final = ord("}")
_COMMA: Final = ord(",")
_SPACES: Final = b" \t\n\r"
_LONGEST_KEY: Final = 64 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opening:
    """An array or object that is open: where it opens, and whether it is an OBJECT or ARRAY."""

    offset: int
    context: int

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return self.context == OBJECT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """A comma between two elements, and what is open there, outermost first."""

    offset: int
    openings: tuple[Opening, ...]


def cut_behind(pieces: Iterable[bytes], target: int) -> Cut | None:
    """Return the first comma of a text from the byte `target` on; None if there is none."""
    marks = Marks()
    openings: list[Opening] = []
    offset, held, in_string = 0, b"", False
    for piece in pieces:
        text = held + piece
        held = text[len(text.rstrip(b"\\")) :]  # which may escape what follows
        text = text[: len(text) - len(held)]
        view = np.frombuffer(text, np.uint8)
        marks.read(text, view, in_string=in_string)
        in_string = marks.ends_in_string
        comma = _comma(marks, max(0, target - offset)) if offset + len(text) > target else -1
        if not _take(marks, openings, offset, comma):
            return None
        if comma >= 0:
            return Cut(offset=offset + comma, openings=tuple(openings))
        offset += len(text)
    return None


def _comma(marks: Marks, first: int) -> int:
    """Return where the first comma from a place on is, or -1."""
    commas = marks.padded == _COMMA
    commas &= marks.marks
    at = commas[first:].argmax()
    return first + int(at) if commas[first + at] else -1


def _take(marks: Marks, openings: list[Opening], offset: int, end: int) -> bool:
    """Take brackets in, up to `end` if it is not -1; False if they close more than is open."""
    brackets = marks.lower == _OPEN
    brackets |= marks.lower == _CLOSE
    brackets &= marks.marks
    places = places_of(brackets)
    if end >= 0:
        places = places[: np.searchsorted(places, end)]
    if not len(places):
        return True
    opens = marks.lower.take(places) == _OPEN
    depths = np.cumsum(np.where(opens, 1, -1))
    bottom = min(0, int(depths.min()))
    if bottom + len(openings) < 0:
        return False
    del openings[bottom + len(openings) :]
    # One stays open if no later bracket is less deep than what it opened.
    least_behind = np.minimum.accumulate(depths[::-1])[::-1]
    stay = places.compress(opens & (least_behind >= depths))
    for place in stay.tolist():
        is_object = marks.padded[place] == _OPEN
        openings.append(Opening(offset=offset + place, context=OBJECT if is_object else ARRAY))
    return True


def key_before(file: BinaryIO, offset: int) -> bytes | None:
    """Return the key, as it is written, of what opens at `offset` of a file.

    None if that is no member of an object, or if the key is too long.
    """
    first = max(0, offset - _LONGEST_KEY)
    file.seek(first)
    text = file.read(offset - first).rstrip(_SPACES)
    if not text.endswith(b":"):
        return None
    text = text[:-1].rstrip(_SPACES)
    if not text.endswith(b'"'):
        return None
    end = start = len(text) - 1
    while start > 0:
        start = text.rfind(b'"', 0, start)
        before = text[:start]
        if start >= 0 and (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return text[start + 1 : end]
    return None
