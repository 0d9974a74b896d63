"""What a shape says of where in a text the large values are."""

import json
from itertools import pairwise

import pytest

from synthetic.learning.curves import STRETCHES
from synthetic.learning.learner import learn
from synthetic.making.checks import problems
from synthetic.shape import Arrays, Place, Shape


def learned(value: object, size: int = 10_000) -> Shape:
    text = json.dumps(value).encode()
    shape = learn(text[start : start + size] for start in range(0, len(text), size))
    assert list(problems(shape)) == []
    return shape


def arrays_of(place: Place | None) -> Arrays:
    assert place is not None
    assert place.arrays is not None
    return place.arrays


def member(place: Place | None, key: str) -> Place:
    assert place is not None
    assert place.objects is not None
    return next(member.place for member in place.objects.members if member.key == key)


def records(count: int, *, giant_at: int, giant: int) -> list[dict[str, object]]:
    return [
        {"id": 10**6 + number, "items": [7] * (giant if number == giant_at else number % 4)}
        for number in range(count)
    ]


def test_a_giant_among_small_ones_is_told_with_its_place() -> None:
    shape = learned(records(20_000, giant_at=10_000, giant=40_000))
    items = arrays_of(member(arrays_of(shape.root).elements, "items"))
    (giant,) = items.giants
    assert giant.size == 40_000
    assert giant.at == pytest.approx(0.43, abs=0.05)
    assert max(one.high for one in items.lengths) == 3
    assert sum(one.count for one in items.lengths) == 19_999


def test_a_giant_string_is_told_with_its_place() -> None:
    texts = ["é" * 200_000 if number == 900 else "x" * (number % 50) for number in range(1000)]
    shape = learned(texts)
    place = arrays_of(shape.root).elements
    assert place is not None
    assert place.strings is not None
    ascii_, latin = place.strings.texts
    assert ascii_.giants == ()
    assert [giant.size for giant in latin.giants] == [200_000]
    assert latin.characters == ()
    assert (latin.bytes, latin.escaped) == (1_200_000, 1_000_000)


def test_a_giant_map_is_told() -> None:
    value = [{f"key-{number}": 1 for number in range(9000 if row == 3 else 7)} for row in range(9)]
    shape = learned(value)
    place = arrays_of(shape.root).elements
    assert place is not None
    assert place.maps is not None
    assert [giant.size for giant in place.maps.giants] == [9000]
    assert [(one.low, one.count) for one in place.maps.lengths] == [(7, 8)]


def test_the_largest_values_of_a_small_text_are_no_giants() -> None:
    shape = learned([["x"] * 5000, [], ["x"] * 3])
    assert arrays_of(arrays_of(shape.root).elements).giants == ()


def test_elements_that_grow_along_an_array_are_told() -> None:
    shape = learned([{"text": "x" * (number // 50)} for number in range(20_000)])
    along = arrays_of(shape.root).sizes_along
    assert len(along) == STRETCHES
    assert all(before < behind for before, behind in pairwise(along))
    assert along[0] < 0.2
    assert along[-1] > 1.8
    assert sum(along) / STRETCHES == pytest.approx(1, abs=0.01)


def test_elements_alike_all_along_an_array_have_no_curve() -> None:
    shape = learned([{"text": "x" * (number % 90)} for number in range(20_000)])
    assert arrays_of(shape.root).sizes_along == ()


def test_a_giant_is_no_part_of_the_curve() -> None:
    shape = learned(records(40_000, giant_at=10_000, giant=60_000))
    assert arrays_of(shape.root).sizes_along == ()


def test_values_of_a_map_that_grow_are_told() -> None:
    shape = learned({f"key-{number}": "x" * (number // 20) for number in range(9000)})
    assert shape.root.maps is not None
    along = shape.root.maps.sizes_along
    assert all(before < behind for before, behind in pairwise(along))
    assert len(along) == STRETCHES


def test_few_different_strings_are_told_from_many() -> None:
    rows = [
        {"kind": f"kind {number % 7}", "name": f"name {number}", "n": number % 5, "id": number}
        for number in range(60_000)
    ]
    shape = learned(rows, 262_144)
    elements = arrays_of(shape.root).elements
    kinds, names = member(elements, "kind").strings, member(elements, "name").strings
    few, ids = member(elements, "n").numbers, member(elements, "id").numbers
    assert kinds is not None
    assert names is not None
    assert few is not None
    assert ids is not None
    assert kinds.distinct == 7
    assert few.distinct == 5
    assert names.distinct is None
    assert ids.distinct is None
