"""Keys that the maps of several places have: what parsers keep of them depends on how many."""

import json

import pytest

from synthetic.learning.learner import learn
from synthetic.making.making import make
from synthetic.scan.scanner import BLOCK_BYTES
from synthetic.shape import Maps, Place, Shape


def learned(value: object) -> Shape:
    text = json.dumps(value).encode()
    return learn(text[at : at + BLOCK_BYTES] for at in range(0, len(text), BLOCK_BYTES))


def members(place: Place) -> dict[str, Place]:
    assert place.objects is not None
    return {member.key: member.place for member in place.objects.members}


def maps(place: Place) -> Maps:
    assert place.maps is not None
    return place.maps


def columns(count: int, rows: int) -> dict[str, dict[str, int]]:
    """Return a table by columns: each has all rows by their numbers."""
    return {
        f"column_{chr(97 + each)}": dict.fromkeys(map(str, range(rows)), 7) for each in range(count)
    }


def keys_in(text: bytes) -> set[str]:
    found: set[str] = set()

    def note(pairs: list[tuple[str, object]]) -> None:
        found.update(key for key, _ in pairs)

    json.loads(text, object_pairs_hook=note)
    return found


def twin_of(value: object) -> tuple[bytes, bytes]:
    text = json.dumps(value).encode()
    return text, b"".join(make(learned(value), size_bytes=len(text), seed=7))


def test_places_tell_how_many_of_their_keys_are_fresh() -> None:
    root = members(
        learned(
            {
                "first": {f"2024-{day:05d}": 1 for day in range(300)},
                "again": {f"2024-{day:05d}": 1 for day in range(300)},
                "half": {f"2024-{day:05d}": 1 for day in range(150, 450)},
                "others": [{f"x-{number % 70:05d}": 1 for number in range(50)} for _ in range(9)],
            }
        ).root
    )
    assert [maps(root[name]).keys.fresh for name in ("first", "again", "half")] == [None, 0, 150]
    assert root["others"].arrays is not None
    assert root["others"].arrays.elements is not None
    assert maps(root["others"].arrays.elements).keys.fresh is None


def test_what_is_in_a_map_comes_before_its_keys() -> None:
    names = [f"2024-{day:05d}" for day in range(300)]
    root = maps(learned({name: {name: 1} for name in names}).root)
    assert root.keys.fresh == 0
    assert maps(root.values).keys.fresh is None


def test_it_is_told_of_very_many_keys_by_some_of_them() -> None:
    root = members(learned(columns(3, 60_000)).root)
    fresh = [maps(place).keys.fresh for place in root.values()]
    assert fresh == [None, 0, 0]


@pytest.mark.parametrize("count", [3, 12])
def test_the_twin_of_a_table_by_columns_has_as_many_keys(count: int) -> None:
    text, twin = twin_of(columns(count, 4000))
    assert len(keys_in(text)) == 4000 + count
    assert len(keys_in(twin)) == pytest.approx(4000 + count, abs=count)


def test_the_twin_of_places_with_some_keys_of_each_other_has_as_many() -> None:
    value = {
        "old": [{f"{number:06d}": None for number in range(at, at + 60)} for at in range(900)],
        "new": [
            {f"{number:06d}": None for number in range(at, at + 60)} for at in range(500, 1900)
        ],
        "one": {f"{number:06d}": None for number in range(1500, 2500)},
    }
    text, twin = twin_of(value)
    assert len(keys_in(twin)) == pytest.approx(len(keys_in(text)), rel=0.01)
