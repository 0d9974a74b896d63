"""The hashes are those of the parsers: two keys of one slot drive each other out, others do not."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import pytest

from synthetic.xray.key_hashes import HASHES
from synthetic.xray.model import CostModel

PARSERS: dict[str, Callable[[bytes], Any]] = {
    "orjson": orjson.loads,
    "msgspec": msgspec.json.decode,
}


def is_kept(parser: str, key: str, other: str) -> bool:
    text = f'[{{"{key}":0}},{{"{other}":0}},{{"{key}":0}}]'
    first, _, last = PARSERS[parser](text.encode())
    return next(iter(first)) is next(iter(last))


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("length", [1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 50, 63, 64])
def test_keys_of_one_slot_evict_each_other(parser: str, length: int, model: CostModel) -> None:
    cache = model.parsers[parser].keys
    if length > cache.most_bytes:
        return
    keys = [f"{number:x}".rjust(length, "k")[-length:] for number in range(3000)]
    by_slot: dict[int, list[str]] = {}
    for key in sorted(set(keys)):
        by_slot.setdefault(HASHES[cache.hash](key.encode()) % cache.slots, []).append(key)
    fighting = [pair for pair in by_slot.values() if len(pair) > 1][:20]
    assert all(not is_kept(parser, first, second) for first, second, *_ in fighting)
    peaceful = [keys[0] for keys in by_slot.values()][:50]
    assert all(is_kept(parser, *pair) for pair in itertools.pairwise(peaceful))


@pytest.mark.parametrize("parser", PARSERS)
def test_longer_keys_are_never_shared(parser: str, model: CostModel) -> None:
    key = "k" * (model.parsers[parser].keys.most_bytes + 1)
    assert not is_kept(parser, key, "other")
