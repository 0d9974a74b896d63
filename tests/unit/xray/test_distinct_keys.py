"""Which keys are new, and how many different ones there were at any time."""

import numpy as np

from synthetic.xray.keys import DistinctKeys


def added(keys: DistinctKeys, *hashes: int) -> list[int]:
    of_each = np.array(hashes, np.uint64)
    new = keys.add(of_each, np.ones(len(hashes)), np.zeros(len(hashes), np.intp))
    return [int(hash_) for hash_ in of_each.take(new)]


def test_a_key_is_new_once_whatever_lies_between() -> None:
    keys = DistinctKeys()
    assert added(keys, 5, 3, 5, 9) == [5, 3, 9]
    assert added(keys, 3, 7) == [7]
    assert keys.count_so_far == keys.count == 4
    assert added(keys, 9, 8, 7) == [8]
    assert keys.count_so_far == 5


def test_many_are_counted_exactly_and_very_many_about() -> None:
    keys = DistinctKeys()
    numbers = np.random.default_rng(1).permutation(400_000).astype(np.uint64) + np.uint64(1)
    for start in range(0, 100_000, 1000):
        assert len(added(keys, *numbers[start : start + 1000].tolist())) == 1000
        added(keys, *numbers[: start + 1000 : 97].tolist())
    assert keys.count_so_far == 100_000
    keys.add(numbers, np.ones(len(numbers)), np.zeros(len(numbers), np.intp))
    assert abs(keys.count_so_far / 400_000 - 1) < 0.02
