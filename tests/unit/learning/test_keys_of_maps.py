import json

import pytest

from synthetic.learning.learner import learn
from synthetic.making.making import make
from synthetic.scan.scanner import BLOCK_BYTES
from synthetic.shape import Maps, Shape


def learned(value: object) -> Shape:
    """Return the shape of a value whose text comes in blocks, as that of a file does."""
    text = json.dumps(value).encode()
    return learn(text[at : at + BLOCK_BYTES] for at in range(0, len(text), BLOCK_BYTES))


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


def test_keys_that_were_first_taken_for_names_are_not_guessed_from_later_ones() -> None:
    """What is met of a map once it is known for one says little of what was there before."""
    often = [{f"2024-01-{day:02d}": "x" * 90 for day in range(1, 29)} for _ in range(200)]
    once = {f"2024-01-01T{minute:05d}": "x" for minute in range(300)}
    arrays = learned([*often, once]).root.arrays
    assert arrays is not None
    assert arrays.elements is not None
    assert arrays.elements.maps is not None
    keys = arrays.elements.maps.keys
    assert keys.distinct == 328
    assert keys.commonest[:4] == (200, 400, 800, 1600)


def test_keys_from_before_they_were_known_for_data_are_counted_once() -> None:
    """The first 256 keys of a map are taken for names; each of them comes again later."""
    objects = [{f"key_{chr(97 + each % 26)}{each:03d}": each for each in range(400)}] * 40
    keys = maps_of(*objects).keys
    assert keys.distinct == 400
    assert keys.commonest[:3] == (40, 80, 160)


def test_what_is_in_a_map_is_told_apart_however_much_is_under_each_key() -> None:
    """Hundreds of paths below each of the first keys do not make maps of what has names."""
    names = [f"name_{chr(97 + number)}" for number in range(20)]
    features: dict[str, object] = {
        f"feature-{number}": {
            **dict.fromkeys(names, "x"),
            "links": [],
            "status": {"a": 1},
            "stats": {
                f"browser_{chr(97 + browser)}": {f"{version}.1": "y" for version in range(60)}
                for browser in range(12)
            },
            "parent": None,
        }
        for number in range(120)
    }
    root = learned({"data": features}).root.objects
    assert root is not None
    feature = root.members[0].place.maps
    assert feature is not None
    objects = feature.values.objects
    assert objects is not None
    assert [member.key for member in objects.members] == [
        *names, "links", "status", "stats", "parent",
    ]  # fmt: skip
    stats = objects.members[-2].place.objects
    assert stats is not None
    assert len(stats.members) == 12
