"""The grammar of JSON, checked on pairs of tokens that follow each other."""

from typing import Final

import numpy as np

from synthetic.scan.containers import ARRAY, OBJECT, ROOT
from synthetic.scan.kinds import COMMA, OPEN_OBJECT, SCALAR, STRING, Kind, Kinds

_KIND_BITS: Final = 4
_OPENS: Final = (Kind.OPEN_OBJECT, Kind.OPEN_ARRAY)
_VALUES: Final = (*_OPENS, Kind.STRING, Kind(SCALAR))
_VALUE_ENDS: Final = (Kind.STRING, Kind(SCALAR), Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY)


def _rules() -> dict[tuple[int, Kind], tuple[Kind, ...]]:
    """Return what may stand before a token, by its context and kind."""
    rules: dict[tuple[int, Kind], tuple[Kind, ...]] = {
        (OBJECT, Kind.KEY): (Kind.OPEN_OBJECT, Kind.COMMA),
        (OBJECT, Kind.COLON): (Kind.KEY,),
        (OBJECT, Kind.COMMA): _VALUE_ENDS,
        (OBJECT, Kind.CLOSE_OBJECT): (Kind.OPEN_OBJECT, *_VALUE_ENDS),
        (ARRAY, Kind.COMMA): _VALUE_ENDS,
        (ARRAY, Kind.CLOSE_ARRAY): (Kind.OPEN_ARRAY, *_VALUE_ENDS),
    }
    for value in _VALUES:
        rules[OBJECT, value] = (Kind.COLON,)
        rules[ARRAY, value] = (Kind.OPEN_ARRAY, Kind.COMMA)
        rules[ROOT, value] = (Kind.START, *_VALUE_ENDS)
    return rules


def _table() -> bytes:
    """Return, by two kinds that follow each other, the contexts that they may do so in: as bits."""
    table = bytearray(256)
    for (context, kind), befores in _rules().items():
        for before in befores:
            table[before << _KIND_BITS | kind] |= 1 << context
    return bytes(table)


_ALLOWED: Final = _table()


def mark_keys(kinds: Kinds, contexts: Kinds, before: int) -> Kinds:
    """Turn, in place, the strings that are keys to `KEY`; return the kind before each token."""
    befores = np.empty(len(kinds), np.uint8)
    befores[0] = before
    befores[1:] = kinds[:-1]
    are_keys = befores == COMMA
    are_keys |= befores == OPEN_OBJECT
    are_keys &= contexts == OBJECT
    are_keys &= kinds == STRING
    kinds += are_keys.view(np.uint8)  # the number of KEY is one more than that of STRING
    befores[1:] = kinds[:-1]
    return befores


def misplaced_at(kinds: Kinds, contexts: Kinds, befores: Kinds) -> int:
    """Return the index of the first token that may not stand where it does, or -1."""
    pairs = befores << _KIND_BITS
    pairs |= kinds
    allowed = np.frombuffer(pairs.tobytes().translate(_ALLOWED), np.uint8)
    allowed = allowed & (np.uint8(1) << contexts)
    if allowed.all():
        return -1
    return int(np.argmin(allowed))


_NAMES: Final = {
    Kind.OPEN_OBJECT: "{",
    Kind.CLOSE_OBJECT: "}",
    Kind.OPEN_ARRAY: "[",
    Kind.CLOSE_ARRAY: "]",
    Kind.COLON: ":",
    Kind.COMMA: ",",
}


def why_misplaced(kind: Kind, context: int, before: Kind) -> str:
    """Return why a token may not stand there, as a phrase."""
    what = f'"{_NAMES[kind]}"' if kind in _NAMES else "a string" if kind in {
        Kind.STRING, Kind.KEY
    } else "a value"  # fmt: skip
    if context == ROOT:
        return f"{what} stands where no array or object is open"
    place = "an object" if context == OBJECT else "an array"
    if before is Kind.COMMA and kind in {Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY}:
        return f"a comma stands before the end of {place}"
    if context == OBJECT and before in {Kind.OPEN_OBJECT, Kind.COMMA}:
        return f"{what} stands where {place} needs a key in double quotes"
    if before is Kind.KEY:
        return f"{what} stands where a key needs its colon"
    if before in _VALUE_ENDS:
        return f"{what} stands where {place} needs a comma or its end"
    return f"{what} stands where {place} needs a value"
