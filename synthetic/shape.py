"""The shape: a description of a snapshot's structure that holds none of its values.

A shape is a tree of places. A place stands for all values at one path, where the elements of an
array share one path and so do the values of a map, and says how many values of each kind there
are, and how large they are. It is stored as JSON that a person can read and edit.
"""

from typing import Annotated, Final, Literal

import msgspec

SCHEMA: Final = 1

Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Blank = Annotated[str, msgspec.Meta(pattern=r"^[ \t]*$")]
Width = Literal["ascii", "latin-1", "ucs-2", "ucs-4"]
"""How wide the widest character of a string is, which decides how Python stores the string."""


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What all parts of a shape have in common."""


class Bin(_Part, frozen=True, kw_only=True):
    """Some of the values of a histogram: `count` of them from `low` to `high`, `total` in sum."""

    low: Count
    high: Count
    count: Count
    total: Count


class Giant(_Part, frozen=True, kw_only=True):
    """One value so large that it is made on its own.

    `at` is where it begins, as a share of the snapshot's bytes. `size` is its number of elements,
    keys or characters, and is no part of the histogram beside it.
    """

    at: Share
    size: Count


class Texts(_Part, frozen=True, kw_only=True):
    """The strings, or keys of a map, of one width.

    Attributes:
        characters: the histogram of their lengths, in characters as Python counts them.
        bytes: of all of them in UTF-8, escapes and giants included, without their quotes.
        escaped: how many of these bytes are there only because something is escaped.
        giants: those made on their own, by their characters.

    """

    width: Width
    characters: tuple[Bin, ...]
    bytes: Count
    escaped: Count = 0
    giants: tuple[Giant, ...] = ()


class Strings(_Part, frozen=True, kw_only=True):
    """The strings of a place.

    Attributes:
        distinct: about how many different ones there are; None where hardly any is repeated.
        commonest: how many of all are the commonest one, the next two, the next four and so on; the
            others are about as common as each other.
        fresh: of the keys of maps, how many different ones are in the maps of no place before; None
            if all. The places in a map's values come before the map, and others are in the order of
            the shape.
        met_again: the share of keys that are among the last thousand before them already. This and
            the commonest are learned of the keys of maps, for some parsers keep what they met
            last, and need not make it again.

    """

    texts: tuple[Texts, ...]
    distinct: Count | None = None
    commonest: tuple[Count, ...] = ()
    fresh: Count | None = None
    met_again: Share | None = None


class Integers(_Part, frozen=True, kw_only=True):
    """Integers of one class: as long as each other in the text and in Python's memory.

    Attributes:
        characters: of each in the text, its sign included.
        limbs: how many digits of 30 bits Python stores; 0 for -5 to 256, which Python shares.
        negative: whether a minus stands before each.

    """

    characters: Count
    limbs: Count
    count: Count
    negative: bool = False


class Floats(_Part, frozen=True, kw_only=True):
    """Floats of one class.

    Attributes:
        characters: of each in the text, its sign included.
        whole: how many of these are digits before the point or the exponent.
        has_exponent: whether each is written with one.

    """

    characters: Count
    whole: Count
    count: Count
    negative: bool = False
    has_exponent: bool = False


class Numbers(_Part, frozen=True, kw_only=True):
    """The numbers of a place; `distinct` is as that of strings."""

    integers: tuple[Integers, ...] = ()
    floats: tuple[Floats, ...] = ()
    distinct: Count | None = None


class Arrays(_Part, frozen=True, kw_only=True):
    """The arrays of a place.

    Attributes:
        lengths: the histogram of their numbers of elements.
        elements: the place of all their elements; None if all are empty.
        giants: those made on their own, by their elements.
        sizes_along: the mean bytes of the elements in each of some equal stretches of the
            array, against the mean of all; empty where they hardly differ. It is learned only of
            a place with one array.

    """

    lengths: tuple[Bin, ...]
    elements: "Place | None" = None
    giants: tuple[Giant, ...] = ()
    sizes_along: tuple[float, ...] = ()


class KeySet(_Part, frozen=True, kw_only=True):
    """Objects that have exactly these keys; `keys` are indices into the members of the place."""

    keys: tuple[Count, ...]
    count: Count


class Member(_Part, frozen=True, kw_only=True):
    """What objects have under one key; `place.count` says how many of them have it."""

    key: str
    place: "Place"


class Objects(_Part, frozen=True, kw_only=True):
    """The objects of a place, whose keys are the structure's.

    Attributes:
        count: how many there are.
        members: in the order in which they are written.
        key_sets: the commonest sets of keys; objects beyond these have each member by chance, so
            that the members' counts are right.

    """

    count: Count
    members: tuple[Member, ...] = ()
    key_sets: tuple[KeySet, ...] = ()


class Maps(_Part, frozen=True, kw_only=True):
    """The objects of a place whose keys are data, such as ids.

    Attributes:
        lengths: the histogram of their numbers of keys.
        keys: the keys, as strings.
        values: the place of all their values.
        giants, sizes_along: as those of arrays.

    """

    lengths: tuple[Bin, ...]
    keys: Strings
    values: "Place"
    giants: tuple[Giant, ...] = ()
    sizes_along: tuple[float, ...] = ()


class Nests(_Part, frozen=True, kw_only=True):
    """Arrays and objects that stand so deep that what is in them has no places of its own.

    Attributes:
        count: how many of them are at the place itself.
        arrays, objects: how many there are, these and those in them.
        levels: how many of them are in each other where it is deepest.
        leaves: all other values in them; None if there are none.

    """

    count: Count
    arrays: Count = 0
    objects: Count = 0
    levels: Count = 1
    leaves: "Place | None" = None


class Place(_Part, frozen=True, kw_only=True):
    """All values at one path, by their kinds: their counts add up to `count`."""

    count: Count
    nulls: Count = 0
    trues: Count = 0
    falses: Count = 0
    strings: Strings | None = None
    numbers: Numbers | None = None
    arrays: Arrays | None = None
    objects: Objects | None = None
    maps: Maps | None = None
    nests: Nests | None = None


class Style(_Part, frozen=True, kw_only=True):
    """How the text is laid out.

    Attributes:
        indent: the white space of one level where every element has its own line; None if none.
        line_levels: in how many levels, from the outermost, elements have lines of their own;
            None: in all. What is deeper stands on one line. It says nothing without an indent.
        after_comma, after_colon: white space on one line, as in `", "` and `": "`.
        inside: white space behind an opening and before a closing bracket on one line.
        blanks: bytes of all white space outside of strings. Where the style is not the same
            everywhere they differ from what the other attributes give.
        is_lines: whether every line holds a value of its own (NDJSON).
        has_bom: whether a byte order mark stands first.
        widest: how wide the widest character is that stands in the text as itself, and not as an
            escape. A parser that decodes the text first needs so many bytes for every character.

    """

    indent: Blank | None = None
    line_levels: Count | None = None
    after_comma: Blank = ""
    after_colon: Blank = ""
    inside: Blank = ""
    blanks: Count = 0
    is_lines: bool = False
    has_bom: bool = False
    widest: Width = "ascii"


class Shape(_Part, frozen=True, kw_only=True):
    """The shape of a snapshot of `bytes` bytes.

    `root` is the place of the whole value, or of every line's.
    """

    schema: Literal[1]
    bytes: Count
    root: Place
    style: Style = Style()
