"""The grammar of JSON, checked on pairs of tokens that follow each other."""

from typing import Final

import numpy as np

from synthetic.scan.containers import ARRAY, OBJECT, ROOT
from synthetic.scan.kinds import KINDS, SCALAR, Kind, Kinds

_CONTEXTS: Final = 3
_OPENS: Final = (Kind.OPEN_OBJECT, Kind.OPEN_ARRAY)
_VALUES: Final = (*_OPENS, Kind.STRING, SCALAR)
_VALUE_ENDS: Final = (Kind.STRING, SCALAR, Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY)


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


def _table() -> Kinds:
    table = np.zeros((_CONTEXTS, KINDS, KINDS), np.uint8)
    for (context, kind), befores in _rules().items():
        for before in befores:
            table[context, before, kind] = 1
    return table.ravel()


_ALLOWED: Final = _table()
_BEFORE_KEY: Final = np.isin(np.arange(KINDS), [Kind.OPEN_OBJECT, Kind.COMMA])


def mark_keys(kinds: Kinds, contexts: Kinds, before: int) -> Kinds:
    """Turn, in place, the strings that are keys to `KEY`; return the kind before each token."""
    befores = np.empty(len(kinds), np.uint8)
    befores[0] = before
    befores[1:] = kinds[:-1]
    is_key = (kinds == Kind.STRING) & (contexts == OBJECT) & _BEFORE_KEY.take(befores)
    kinds[is_key] = Kind.KEY
    befores[1:] = kinds[:-1]
    return befores


def misplaced_at(kinds: Kinds, contexts: Kinds, befores: Kinds) -> int:
    """Return the index of the first token that may not stand where it does, or -1."""
    codes = contexts.astype(np.uint16)
    codes *= KINDS
    codes += befores
    codes *= KINDS
    codes += kinds
    allowed = _ALLOWED.take(codes)
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
