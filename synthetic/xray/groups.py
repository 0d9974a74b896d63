"""What bytes are spent on: the groups by which the costs of each path are told apart."""

from enum import IntEnum
from typing import Final

import numpy as np

from synthetic.scan.kinds import KINDS, Kind, Places


class Group(IntEnum):
    """What costs something; `OTHERS` (null, true, false) cost nothing and are counted.

    `GAPS` lie between all of them and are counted for the root.
    """

    OBJECTS = 0
    ARRAYS = 1
    STRINGS = 2
    INTEGERS = 3
    FLOATS = 4
    OTHERS = 5
    KEYS = 6
    GAPS = 7


GROUPS: Final = 8
"""A power of two, with room for all groups."""

_OF_KINDS: Final = {
    Kind.OPEN_OBJECT: Group.OBJECTS,
    Kind.OPEN_ARRAY: Group.ARRAYS,
    Kind.STRING: Group.STRINGS,
    Kind.INTEGER: Group.INTEGERS,
    Kind.FLOAT: Group.FLOATS,
}
GROUP_OF: Final[Places] = np.array(
    [_OF_KINDS.get(Kind(kind), Group.OTHERS) for kind in range(KINDS)], np.intp
)
"""By kind of a token that begins a value: its group."""
