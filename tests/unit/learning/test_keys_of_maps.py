import json

import pytest

from synthetic.learning.learner import learn
from synthetic.making.making import make
from synthetic.shape import Maps


def maps_of(*objects: dict[str, int]) -> Maps:
    """Return what is learned of objects in an array."""
    arrays = learn([json.dumps(objects).encode()]).root.arrays
    assert arrays is not None
    assert arrays.elements is not None
    assert arrays.elements.maps is not None
    return arrays.elements.maps


def test_keys_that_recur_are_counted() -> None:
    objects = [{f"2024-01-{day:02d}": day for day in range(1, 29)} for _ in range(50)]
    keys = maps_of(*objects).keys
    assert keys.distinct == 28
    assert keys.commonest == (50, 100, 200, 400)


def test_keys_that_are_all_different_are_not_counted() -> None:
    objects = [{f"{number}-{day:05d}": day for day in range(12)} for number in range(100)]
    keys = maps_of(*objects).keys
    assert (keys.distinct, keys.commonest) == (None, ())


def test_keys_of_very_many_maps_are_counted_from_a_sample() -> None:
    objects = [
        {f"{(number * 37 + each) % 4000:06d}": each for each in range(10)} for number in range(8000)
    ]
    keys = maps_of(*objects).keys
    assert keys.distinct is not None
    assert 3000 <= keys.distinct <= 5000


def test_a_few_keys_that_make_up_half_are_told_from_the_others() -> None:
    objects = [
        {"7000-1": 0, "7000-2": 0, f"{number:05d}-a": 0, f"{number + 1:05d}-a": 0}
        for number in range(400)
    ]
    keys = maps_of(*objects).keys
    assert keys.distinct == 403
    assert keys.commonest[:2] == (400, 402)


def test_one_map_has_no_key_twice_however_many_are_guessed() -> None:
    maps = learn([json.dumps({f"{number:06d}": 0 for number in range(100_000)}).encode()]).root.maps
    assert maps is not None
    assert maps.keys.distinct is None


def rows(period: int, *, together: int) -> list[dict[str, int]]:
    """Return maps of eight keys, of `period` different ones, the same in so many maps in a row."""
    return [
        {f"{(number // together * 8 + each) % period:06d}": each for each in range(8)}
        for number in range(6000)
    ]


def test_keys_that_come_again_soon_are_told_from_those_that_come_again_late() -> None:
    assert maps_of(*rows(400, together=1)).keys.met_again == 1
    assert maps_of(*rows(24_000, together=1)).keys.met_again == 0
    assert maps_of(*rows(12_000, together=4)).keys.met_again == pytest.approx(0.75, abs=0.02)


def test_a_twin_has_as_many_keys_that_come_again_soon() -> None:
    text = json.dumps(rows(9_600, together=4)).encode()
    twin = learn(make(learn([text]), size_bytes=len(text), seed=7)).root.arrays
    assert twin is not None
    assert twin.elements is not None
    assert twin.elements.maps is not None
    assert twin.elements.maps.keys.met_again == pytest.approx(0.75, abs=0.05)
