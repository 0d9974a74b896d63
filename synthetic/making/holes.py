"""Holes: bytes of a template that get a fresh value with each use, for a fraction of a nanosecond.

A template is JSON text in which some bytes stand for "any letter here" or "any digit". These are
bytes that no JSON text has, so that templates can be cut and joined as text is. A hole becomes a
base byte plus a few random bits, which numpy does for all bytes of a chunk alike.

The keys of an object must differ. Their holes are filled from a number that counts, whose bits are
mixed in a way that never makes the same of two.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]

LETTER: Final = 0x01
DIGIT: Final = 0x02
FIRST_DIGIT: Final = 0x03
LATER: Final = 0x04
"""A later byte of a character in UTF-8."""
LEAD: Final = 0x05
"""The first byte of one of three."""

KINDS: Final = (LETTER, LATER, LEAD, DIGIT)
"""Those that keys may be made of, by the kind of a counted hole."""
BITS: Final = (6, 6, 3, 3)
"""How many bits of the count each of these takes."""
KEY_BASES: Final = (0, 0x80, 0xE3, ord("0"))

_MORE: Final = 0x0E
_FIRST: Final = 0x12
LEVELS: Final = 3
"""So many maps within one another count apart."""
_END: Final = _FIRST + LEVELS * len(KINDS)

LETTERS: Final = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8
)
_DIGITS: Final = 64
DIGITS_OF_KEYS: Final = np.array(
    [
        LETTERS[digit] if not kind else KEY_BASES[kind] + digit % (1 << BITS[kind])
        for kind in range(len(KINDS))
        for digit in range(_DIGITS)
    ],
    np.uint8,
)
"""What is put into the counted holes: a stretch of digits for each kind."""
_COUNTED_BITS: Final = 48
"""Longer keys have other random holes after so many counted bits."""


def _tables() -> tuple[bytes, bytes]:
    """Return, for each byte of a template, its base and the mask of its random bits."""
    bases, masks = bytearray(range(256)), bytearray(256)
    for hole, base, mask in (
        (LETTER, ord("a"), 15),
        (DIGIT, ord("0"), 7),
        (FIRST_DIGIT, ord("1"), 7),
        (LATER, 0x80, 63),
        (LEAD, 0xE3, 7),
    ):
        bases[hole], masks[hole] = base, mask
    return bytes(bases), bytes(masks)


BASES, MASKS = _tables()


def counted(template: bytes, *, level: int) -> bytes:
    """Return the template of a key: its first holes are to be filled from a count."""
    text = bytearray(template)
    bits = 0
    for place, byte in enumerate(template):
        if byte not in KINDS:
            continue
        kind = KINDS.index(byte)
        if bits + BITS[kind] > _COUNTED_BITS:
            break
        is_first = not bits
        bits += BITS[kind]
        text[place] = _FIRST + level % LEVELS * len(KINDS) + kind if is_first else _MORE + kind
    return bytes(text)


def capacity(template: bytes) -> int:
    """Return how many different keys a template can make."""
    bits = 0
    for byte in template:
        if byte in KINDS:
            kind = KINDS.index(byte)
            if bits + BITS[kind] > _COUNTED_BITS:
                break
            bits += BITS[kind]
    return 1 << bits


class Runs:
    """The counted holes of a template's keys of one pattern.

    `places` has a row for each hole of a key and a column for each key, in the order of the text.
    """

    def __init__(self, pattern: tuple[int, ...], places: NDArray[np.int32]) -> None:
        """Hold the holes of keys of a pattern."""
        self.pattern = pattern
        self.places = places
        kinds = [kind_of(hole) for hole in pattern]
        bits = [BITS[kind] for kind in kinds]
        self.bits = sum(bits)
        # A column for each of what is done to the number of a key, for the digit of each hole.
        self.shifts = np.cumsum([0, *bits[:-1]], dtype=np.uint64)[:, None]
        self.masks = np.array([(1 << each) - 1 for each in bits], np.uint64)[:, None]
        self.firsts = np.array([kind * _DIGITS for kind in kinds], np.uint64)[:, None]


def runs_of(view: Bytes) -> tuple[Runs, ...]:
    """Return the counted holes of a template."""
    at = np.flatnonzero((view >= _MORE) & (view < _END))
    if not len(at):
        return ()
    found = view.take(at).astype(np.intp)
    firsts = np.flatnonzero(found >= _FIRST)
    lengths = np.diff(firsts, append=len(found))
    # A pattern as one number: its first hole in the lowest five bits, three for each other.
    order = np.arange(len(found)) - np.repeat(firsts, lengths)
    shifts = order * 3 + 2 * (order > 0)
    codes = np.add.reduceat((found - _MORE + 1) << shifts, firsts)
    runs = []
    for code in np.unique(codes).tolist():
        chosen = np.flatnonzero(codes == code)
        length = int(lengths[chosen[0]])
        pattern = tuple(found[firsts[chosen[0]] : firsts[chosen[0]] + length].tolist())
        starts = firsts.take(chosen)
        places = at.take(starts + np.arange(length)[:, None])
        runs.append(Runs(pattern, places.astype(np.int32)))  # there are many, and kept for long
    return tuple(runs)


def kind_of(hole: int) -> int:
    """Return the kind of a counted hole."""
    return (hole - _FIRST) % len(KINDS) if hole >= _FIRST else hole - _MORE


class Template:
    """A text with holes, ready to be filled again and again."""

    def __init__(self, text: bytes, *, has_keys: bool) -> None:
        """Prepare a text; `has_keys` if it may have keys to be counted."""
        self.bases: Bytes = np.frombuffer(text.translate(BASES), np.uint8)
        self.masks: Bytes = np.frombuffer(text.translate(MASKS), np.uint8)
        self.runs = runs_of(np.frombuffer(text, np.uint8)) if has_keys else ()

    def __len__(self) -> int:
        return len(self.bases)
