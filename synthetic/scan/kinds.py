"""The kinds of token, as the small numbers that arrays of tokens hold."""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """What a token is. `START` stands before the first one and is never in a block."""

    START = 0
    OPEN_OBJECT = 1
    CLOSE_OBJECT = 2
    OPEN_ARRAY = 3
    CLOSE_ARRAY = 4
    COLON = 5
    COMMA = 6
    STRING = 7
    KEY = 8
    INTEGER = 9
    FLOAT = 10
    TRUE = 11
    FALSE = 12
    NULL = 13


KINDS: Final = len(Kind)

# The same as plain numbers: numpy compares arrays with them twenty times faster.
OPEN_OBJECT: Final = Kind.OPEN_OBJECT.value
CLOSE_OBJECT: Final = Kind.CLOSE_OBJECT.value
OPEN_ARRAY: Final = Kind.OPEN_ARRAY.value
CLOSE_ARRAY: Final = Kind.CLOSE_ARRAY.value
COLON: Final = Kind.COLON.value
COMMA: Final = Kind.COMMA.value
STRING: Final = Kind.STRING.value
KEY: Final = Kind.KEY.value
INTEGER: Final = Kind.INTEGER.value
FLOAT: Final = Kind.FLOAT.value
TRUE: Final = Kind.TRUE.value
FALSE: Final = Kind.FALSE.value
NULL: Final = Kind.NULL.value
SCALAR: Final = INTEGER
"""What every scalar is taken for until its text is looked at."""

Bytes = NDArray[np.uint8]
Kinds = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
"""Positions in a block's text, or indices into other arrays."""

MARKS: Final = {
    b"{": Kind.OPEN_OBJECT,
    b"}": Kind.CLOSE_OBJECT,
    b"[": Kind.OPEN_ARRAY,
    b"]": Kind.CLOSE_ARRAY,
    b":": Kind.COLON,
    b",": Kind.COMMA,
    b'"': Kind.STRING,
}


def is_open(kinds: Kinds) -> Flags:
    """Return which of brackets open a container; only brackets may be asked for."""
    return (kinds & 1).view(np.bool_)


_VALUES: Final = (
    Kind.OPEN_OBJECT,
    Kind.OPEN_ARRAY,
    Kind.STRING,
    Kind.INTEGER,
    Kind.FLOAT,
    Kind.TRUE,
    Kind.FALSE,
    Kind.NULL,
)
IS_VALUE: Final[Flags] = np.isin(np.arange(KINDS), _VALUES)
"""By kind: whether a value begins with such a token."""
