"""The cost model: what each object takes up, on one version of Python, as each parser makes it."""

from typing import Annotated, Any, Final, Literal

import msgspec

from synthetic.xray.key_hashes import HASHES

SCHEMA: Final = 1
_SLOTS: Final = tuple(1 << bits for bits in range(6, 17))
_PROBES: Final = 20_000
_POOLS: Final = (16384, 4096)
_POOL_HEAD: Final = 48
_STEP: Final = 16
_NOISE: Final = 0.012

Odd = Literal["byte order mark", "lone surrogate", "infinite number"]
Count = Annotated[int, msgspec.Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of a cost model have in common."""


class Cache(_Part, frozen=True, kw_only=True):
    """A parser's table of the keys that it met last, one for each slot.

    Attributes:
        most_bytes: keys of more bytes are never in it; with `ascii_only`, only plain ones are.
        slots: how many there are; 0 for a table that forgets nothing during one call.
        hash: the name of the hash that gives a key its slot; empty where it is not known.

    """

    most_bytes: Count
    ascii_only: bool
    slots: Count
    hash: Literal["", "murmur2", "xxh3-sip13"]


class ParserCosts(_Part, frozen=True, kw_only=True):
    """How a parser makes its objects.

    Attributes:
        version: its own; empty for the standard library's.
        dicts: the bytes of a dict's table, by steps: from so many keys on, so many bytes.
        lists: the capacities that lists have; empty where each is as large as it must be.
        shares_ascii, shares_latin_1: whether strings of one such character are shared.
        wide_integers_are_floats: whether integers beyond 64 bits become floats.
        grows_escaped: whether strings with escapes keep up to a quarter of room.
        grows_wide: whether strings that are not ASCII keep what their UTF-8 was longer.
        keys: which keys it shares.
        transient_per_byte, transient_per_value: what it holds beside input and result, for ASCII.
        transient_per_escaped: the same for each character of the longest string with an escape.
        refuses: what it takes for no JSON.
        deepest: how deep arrays may nest; 0 for as deep as was tried.
        longest_integer: how many digits an integer may have; 0 for as many as were tried.

    """

    version: str
    dicts: tuple[tuple[Count, Count], ...]
    lists: tuple[Count, ...]
    shares_ascii: bool
    shares_latin_1: bool
    wide_integers_are_floats: bool
    grows_escaped: bool
    grows_wide: bool
    keys: Cache
    transient_per_byte: Count
    transient_per_value: Count
    transient_per_escaped: Annotated[float, msgspec.Meta(ge=0)]
    refuses: tuple[Odd, ...]
    deepest: Count
    longest_integer: Count

    @property
    def decodes(self) -> bool:
        """Whether it makes one str of the whole text, as wide as its widest character."""
        return self.transient_per_byte > 0 and self.transient_per_value == 0


class CostModel(_Part, frozen=True, kw_only=True):
    """What objects take up on one version of Python.

    Attributes:
        implementation, python, build: which interpreter.
        text_heads, text_units: of a str of each width: the bytes of none, and of one character.
        integer_head, limb, limb_bits: of an int: without its digits, of a digit, and its bits.
        shared_integers: the least and the greatest of which there is one object only.
        float_bytes, list_bytes, dict_bytes: of each without elements, with the collector's part.
        blocks: the resident bytes of a block of 16, 32, ... bytes, the pools' heads included;
            what is larger than the last comes from the C library.

    """

    schema: Literal[1]
    implementation: str
    python: str
    build: str
    text_heads: tuple[Count, Count, Count, Count]
    text_units: tuple[Count, Count, Count, Count]
    integer_head: Count
    limb: Count
    limb_bits: Count
    shared_integers: tuple[int, int]
    float_bytes: Count
    list_bytes: Count
    dict_bytes: Count
    blocks: tuple[Annotated[float, msgspec.Meta(gt=0)], ...]
    parsers: dict[str, ParserCosts]

    @property
    def small_bytes(self) -> int:
        """The most bytes of a block that does not come from the C library."""
        return len(self.blocks) * _STEP

    @property
    def has_known_heap(self) -> bool:
        """Whether the C library is one whose heap can be followed."""
        return "glibc" in self.build and "free-threaded" not in self.build


def model_of(measured: dict[str, Any]) -> CostModel:
    """Return the cost model that `measure.py` found; raises msgspec.ValidationError if it is none.

    Which keys drive which out of a cache tells its size and its hash.
    """
    document = dict(measured)
    document["blocks"] = _pooled(measured["blocks"])
    document["parsers"] = {
        name: {**costs, "keys": _cache(costs["keys"])}
        for name, costs in measured["parsers"].items()
    }
    return msgspec.convert(document, CostModel)


def _pooled(blocks: list[float]) -> list[float]:
    """Return the exact sizes of blocks if they are what CPython's allocator gives.

    It cuts pools with a head of 48 bytes into as many blocks as fit (Objects/obmalloc.c).
    """
    for pool_bytes in _POOLS:
        exact = [
            pool_bytes / ((pool_bytes - _POOL_HEAD) // ((index + 1) * _STEP))
            for index in range(len(blocks))
        ]
        if all(abs(one / other - 1) < _NOISE for one, other in zip(blocks, exact, strict=True)):
            return [round(size, 3) for size in exact]
    return blocks


def _cache(probed: dict[str, Any]) -> dict[str, Any]:
    evictors = probed["evictors"]
    slots, hash_ = _identified(evictors) if evictors else (0, "")
    return {
        "most_bytes": probed["most_bytes"],
        "ascii_only": probed["ascii_only"],
        "slots": slots,
        "hash": hash_,
    }


def _identified(evictors: list[int]) -> tuple[int, str]:
    for name, hash_ in HASHES.items():
        own = hash_(b"id")
        hashes = [hash_(b"k%d" % number) for number in range(_PROBES)]
        for slots in _SLOTS:
            if [n for n, other in enumerate(hashes) if (other - own) % slots == 0] == evictors:
                return slots, name
    return max(1, round(_PROBES / len(evictors))), ""
