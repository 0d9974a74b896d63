"""Maps: objects whose keys are data, told from those whose keys are structure."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

_SECRET: Final = re.compile(r".*(@.*\.|://|\d{9}).*|.{65,}", re.DOTALL)
"""An address, a long number or a text: never in a shape, whatever else speaks for it."""
_CERTAIN: Final = re.compile(
    r"""
    [^A-Za-z]*\d[^A-Za-z]*                              # a number, a date, a version
    | \d{4}-?\d\d(-?\d\d)?([T ].*)?                       # a date, a time
    | [0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}  # a UUID
    | (?=[^\d]*\d)[0-9A-Fa-f]{8,}                         # a hash
    | .*\d{5}.*                                           # an id
    """,
    re.VERBOSE | re.DOTALL,
)
_STRUCTURAL: Final = re.compile(r"[@$#_]*[^\W\d]\w*([.:$-]\w*)*")
_DIGITS: Final = re.compile(r"\d")

_MANY_OBJECTS: Final = 16
_MANY_KEYS: Final = 32
_SOME_KEYS: Final = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """A key of the objects of a place.

    Attributes:
        count: how many of the objects have it.
        structure: what its values are: equal for values of the same structure.
        is_container: whether its values are arrays or objects.

    """

    count: int
    structure: str
    is_container: bool


def is_map(objects: int, keys: Mapping[str, Key]) -> bool:
    """Whether the keys of so many objects are data.

    A shape may hold no key that is data, so where the keys look like data they are taken for it;
    but keys that most of many objects have are structure, unless they are addresses, ids or dates.
    """
    if not keys or not objects:
        return False
    if any(_SECRET.fullmatch(key) for key in keys):
        return True
    presence = sum(key.count for key in keys.values()) / (len(keys) * objects)
    certain = sum(1 for key in keys if _CERTAIN.fullmatch(key))
    if certain and (certain * 4 >= len(keys) or presence < 0.5 or len(keys) >= _MANY_KEYS):
        return True
    odd = sum(1 for key in keys if not _STRUCTURAL.fullmatch(key))
    are_odd = odd * 2 >= len(keys)
    if objects >= _MANY_OBJECTS and presence >= 0.5:
        return certain > 0 or (are_odd and any(len(key) >= 12 for key in keys))
    return are_odd or (_are_alike(keys) and _may_be_data(objects, keys, presence))


def _may_be_data(objects: int, keys: Mapping[str, Key], presence: float) -> bool:
    """Whether keys that look like names are data, where all values are alike."""
    if len(keys) < _SOME_KEYS:
        return False
    if 2 * sum(1 for key in keys if _DIGITS.search(key)) >= len(keys):
        return True
    if all(key.is_container for key in keys.values()):
        return presence < 0.5 or objects == 1 or len(keys) >= _MANY_KEYS
    return len(keys) >= _MANY_KEYS and (presence < 0.5 or objects < _MANY_OBJECTS)


def _are_alike(keys: Mapping[str, Key]) -> bool:
    """Whether nearly all values have the same structure."""
    tally: dict[str, int] = {}
    for key in keys.values():
        tally[key.structure] = tally.get(key.structure, 0) + 1
    return max(tally.values()) * 10 >= len(keys) * 9
