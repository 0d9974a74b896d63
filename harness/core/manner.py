"""How a worker reads its snapshot, whole or in pieces: what its stacks and its offsets tell.

Advice hangs on it. A worker that streams already is not told to stream, and one that holds the
whole document is not sent looking for a batch.
"""

import enum
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from harness.core.peaks import Sample

# Names of streaming parsers, as they stand in file names, functions and source lines.
_STREAMS: Final = re.compile(
    r"\b(ijson|json_stream|stream[-_]json|JSONStream|jsonslicer|bigjson|naya|clarinet|oboe|"
    r"StreamArray|StreamValues|items_coro|basic_parse|iterparse)\b"
)
_PARSES: Final = re.compile(
    r"\bJSON\.parse\b|\b(?:json|simplejson|ujson|orjson|rapidjson)\.loads?\b"
    r"|\bmsgspec\.json\.decode\b|\bread_json\b|\bsimdjson\b"
    r"|/(?:json/(?:__init__|decoder)|simplejson/decoder)\.py:"
)
# A worker that reads all at once, in however many pieces, is at it for less of its time than this.
_LONG: Final = 0.5
_FEWEST_PLACES: Final = 3


class Manner(enum.StrEnum):
    """How the snapshot is read: `WHOLE`, all of it before the work begins, or in `PIECES`."""

    WHOLE = "whole"
    PIECES = "pieces"


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples up to the limit show of reading.

    Attributes:
        places: how many offsets were seen strictly inside of the file.
        share: of the time from its opening to the limit, how much passed at such offsets.
        was_seen: the file was seen open.
        offset_bytes: the largest offset seen.

    """

    places: int = 0
    share: float = 0.0
    was_seen: bool = False
    offset_bytes: int = 0


def read_of(samples: Iterable[Sample], *, size_bytes: int, until_s: float) -> Read:
    """Return what `samples` up to `until_s` show of how a file of `size_bytes` is read."""
    until = [sample for sample in samples if sample.at_s <= until_s]
    opened = [sample for sample in until if sample.offset_bytes is not None]
    if not opened:
        return Read()
    ends_s = [*(sample.at_s for sample in until[1:]), until_s]
    inside = [
        (sample.offset_bytes, end_s - sample.at_s)
        for sample, end_s in zip(until, ends_s, strict=True)
        if 0 < (sample.offset_bytes or 0) < size_bytes
    ]
    whole_s = max(until_s - opened[0].at_s, 1e-6)
    return Read(
        places=len({offset for offset, _ in inside}),
        share=min(1.0, sum(seconds for _, seconds in inside) / whole_s),
        was_seen=True,
        offset_bytes=max(sample.offset_bytes or 0 for sample in opened),
    )


def manner_of(groups: Iterable[Sequence[str]], read: Read, *, size_bytes: int) -> Manner | None:
    """Return how a worker reads its snapshot, or None where nothing tells.

    Each of `groups` holds the frames and source lines of one place, the most telling first: of the
    stack at the limit, of what holds most. Names of parsers say more than offsets do: what reads a
    file in pieces may put them together, and parse that.
    """
    is_piecewise = read.places >= _FEWEST_PLACES and read.share >= _LONG
    ends_early = read.was_seen and read.offset_bytes < size_bytes
    for texts in groups:
        if any(_STREAMS.search(text) for text in texts):
            return Manner.PIECES
        if any(_PARSES.search(text) for text in texts):
            # A document in each line is parsed whole, line by line.
            return Manner.PIECES if is_piecewise and ends_early else Manner.WHOLE
    if is_piecewise:
        return Manner.PIECES
    if read.was_seen and read.offset_bytes >= size_bytes:
        return Manner.WHOLE
    return None
