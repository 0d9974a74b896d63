"""Keys of maps: how many different ones each place has, and how common the commonest are."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from synthetic.learning.census import Census
from synthetic.learning.distinct_keys import ALL_KEYS, stable_hashes
from synthetic.learning.grouping import Grouping
from synthetic.scan.hashes import hashes_of
from synthetic.scan.kinds import Places

_QUOTES: Final = 2
_ESCAPED: Final = re.compile(rb'["\\\x00-\x1f]')


def put_keys(census: Census, grouping: Grouping, places: Places, counts: Sequence[int]) -> None:
    """Tell drafts of their keys: those in samples, and those that `grouping` found to be data.

    `places` are by node: one of the nodes of its place. `counts` are those of the found keys.
    """
    samples = census.distinct_keys.by_place(places)
    met = _met(census, places)
    known: dict[int, set[int]] = defaultdict(set)
    uses: dict[int, dict[int, float]] = {}
    for place, seen in met.items():
        draft = grouping.of_nodes[place]
        if draft is not None:
            scale = draft.keys_count / sum(seen.values())
            uses[place] = {hash_: times * scale for hash_, times in seen.items() if times > 1}
    key_bytes = census.tree.key_bytes
    texts = [_as_written(key, key_bytes[nodes[0]]) for _, key, nodes in grouping.data]
    stable, quoted = _hashes(texts)
    for (draft, _, _), count, hash_, own in zip(grouping.data, counts, stable, quoted, strict=True):
        place = draft.nodes[0]
        known[place].add(hash_)
        theirs = uses.setdefault(place, {})
        if count > 1 or own in theirs:
            theirs[own] = theirs.get(own, 0) + count
    for place in samples.keys() | known.keys():
        draft = grouping.of_nodes[place]
        if draft is not None:
            sample = samples.get(place, ALL_KEYS)
            draft.distinct_keys = sample.distinct_with(known.get(place, set()))
            draft.keys_sample = sample.joined(known.get(place, set()))
            draft.key_uses = tuple(sorted(uses.get(place, {}).values(), reverse=True))


def _met(census: Census, places: Places) -> dict[int, dict[int, int]]:
    """Return, by place, how often each key is in a sample of the text."""
    owners, hashes = census.key_sketch.sample()
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for place, hash_ in zip(places.take(owners).tolist(), hashes.tolist(), strict=True):
        mine = found[place]
        mine[hash_] = mine.get(hash_, 0) + 1
    return found


def _as_written(key: str, written_bytes: int) -> bytes:
    """Return a key with its quotes, as it most likely stands in the text."""
    plain = b'"%b"' % key.encode("utf-8", "surrogatepass")
    if len(plain) - _QUOTES == written_bytes and not _ESCAPED.search(plain[1:-1]):
        return plain
    texts = (
        json.dumps(key, ensure_ascii=each).encode("utf-8", "surrogatepass")
        for each in (False, True)
    )
    return next((text for text in texts if len(text) - _QUOTES == written_bytes), plain)


def _hashes(texts: Sequence[bytes]) -> tuple[list[int], list[int]]:
    """Return the stable hashes of quoted keys, and those of a sketch."""
    if not texts:
        return [], []
    lengths = np.fromiter(map(len, texts), np.intp, len(texts))
    starts = np.cumsum(lengths) - lengths
    text = b"".join(texts)
    stable = stable_hashes(text, starts + 1, lengths - _QUOTES)
    return stable.tolist(), hashes_of(text, starts, lengths).tolist()
