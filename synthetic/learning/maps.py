"""Maps: objects whose keys are data, told from those whose keys are structure."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping
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
class Look:
    """How the values under a key look: equal for values of the same structure.

    Attributes:
        kinds: their kinds, as bits.
        keys: those of the objects among them; a number of its own where these are many.
        are_containers: whether all of them are arrays or objects.

    """

    kinds: int
    keys: frozenset[str] | int
    are_containers: bool


def is_map(objects: int, counts: Mapping[str, int], look_of: Callable[[str], Look]) -> bool:
    """Whether the keys of so many objects are data; `counts` are how many objects have each.

    A shape may hold no key that is data, so where the keys look like data they are taken for it;
    but keys that most of many objects have are structure, unless they are addresses, ids or dates.
    """
    if not counts or not objects:
        return False
    certain = odd = 0
    for key in counts:
        if _SECRET.fullmatch(key):
            return True
        certain += _CERTAIN.fullmatch(key) is not None
        odd += _STRUCTURAL.fullmatch(key) is None
    presence = sum(counts.values()) / (len(counts) * objects)
    if certain and (certain * 4 >= len(counts) or presence < 0.5 or len(counts) >= _MANY_KEYS):
        return True
    are_odd = odd * 2 >= len(counts)
    if objects >= _MANY_OBJECTS and presence >= 0.5:
        return certain > 0 or (are_odd and any(len(key) >= 12 for key in counts))
    if are_odd:
        return True
    if len(counts) < _SOME_KEYS:
        return False
    looks = {key: look_of(key) for key in counts}
    return _are_alike(looks) and _may_be_data(objects, looks, presence)


def _may_be_data(objects: int, looks: Mapping[str, Look], presence: float) -> bool:
    """Whether keys that look like names are data, where all values are alike."""
    if 2 * sum(1 for key in looks if _DIGITS.search(key)) >= len(looks):
        return True
    if all(look.are_containers for look in looks.values()):
        return presence < 0.5 or objects == 1 or len(looks) >= _MANY_KEYS
    return len(looks) >= _MANY_KEYS and (presence < 0.5 or objects < _MANY_OBJECTS)


def _are_alike(looks: Mapping[str, Look]) -> bool:
    """Whether nearly all values have the same structure."""
    (_, times) = Counter(looks.values()).most_common(1)[0]
    return times * 10 >= len(looks) * 9
