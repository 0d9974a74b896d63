"""The counts of a shape are exact: added up, they are those of the text it was learned from."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.learning.learner import learn
from synthetic.making.checks import problems
from synthetic.shape import Bin, Giant, Maps, Nests, Numbers, Objects, Place, Shape, Strings
from synthetic.shape_text import shape_of_text, text_of_shape

WIDTHS = ("ascii", "latin-1", "ucs-2", "ucs-4")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
keys = st.sampled_from(["id", "name", "größe", "", "a b", "x" * 15]) | texts
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts
    | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**200), 2**200),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6)
    | st.lists(st.fixed_dictionaries({"id": inner, "n": inner}), max_size=4),
    max_leaves=60,
)  # fmt: skip


def width_of(text: str) -> str:
    highest = max(map(ord, text), default=0)
    return WIDTHS[(highest >= 0x80) + (highest >= 0x100) + (highest >= 0x10000)]


def limbs_of(number: int) -> int:
    return 0 if -5 <= number <= 256 else -(-number.bit_length() // 30)


def totals_of_value(value: object) -> Counter[str]:
    """Count, in a value, what a shape counts."""
    found: Counter[str] = Counter()
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                found["objects"] += 1
                found["keys"] += len(members)
                found["key characters"] += sum(map(len, members))
                waiting.extend(members.values())
            case list() as elements:
                found["arrays"] += 1
                found["elements"] += len(elements)
                waiting.extend(elements)
            case str() as text:
                found[f"{width_of(text)} strings"] += 1
                found[f"{width_of(text)} characters"] += len(text)
            case None:
                found["nulls"] += 1
            case True:
                found["trues"] += 1
            case False:
                found["falses"] += 1
            case int() as number:
                found[f"integers of {limbs_of(number)} limbs"] += 1
                found["negative"] += number < 0
            case _:
                found["floats"] += 1
    return +found


def totals_of_shape(shape: Shape) -> Counter[str]:
    """Add up the counts of a shape."""
    found: Counter[str] = Counter()
    waiting = [shape.root]
    while waiting:
        place = waiting.pop()
        found["nulls"] += place.nulls
        found["trues"] += place.trues
        found["falses"] += place.falses
        if place.strings is not None:
            add_strings(found, place.strings)
        if place.numbers is not None:
            add_numbers(found, place.numbers)
        waiting += below(place, found)
    return +found


def below(place: Place, found: Counter[str]) -> Iterator[Place]:
    """Yield the places below a place, whose containers are counted."""
    if place.arrays is not None:
        found["arrays"] += count_of(place.arrays.lengths, place.arrays.giants)
        found["elements"] += total_of(place.arrays.lengths, place.arrays.giants)
        if place.arrays.elements is not None:
            yield place.arrays.elements
    if place.objects is not None:
        yield from members_of(place.objects, found)
    if place.maps is not None:
        yield values_of(place.maps, found)
    if place.nests is not None:
        yield from leaves_of(place.nests, found)


def members_of(objects: Objects, found: Counter[str]) -> Iterator[Place]:
    found["objects"] += objects.count
    for member in objects.members:
        found["keys"] += member.place.count
        found["key characters"] += member.place.count * len(member.key)
        yield member.place


def values_of(maps: Maps, found: Counter[str]) -> Place:
    found["objects"] += count_of(maps.lengths, maps.giants)
    found["keys"] += total_of(maps.lengths, maps.giants)
    for texts in maps.keys.texts:
        found["key characters"] += total_of(texts.characters, texts.giants)
    return maps.values


def leaves_of(nests: Nests, found: Counter[str]) -> Iterator[Place]:
    found["arrays"] += nests.arrays
    found["objects"] += nests.objects
    if nests.leaves is not None:
        yield nests.leaves


def add_strings(found: Counter[str], strings: Strings) -> None:
    for texts in strings.texts:
        found[f"{texts.width} strings"] += count_of(texts.characters, texts.giants)
        found[f"{texts.width} characters"] += total_of(texts.characters, texts.giants)


def add_numbers(found: Counter[str], numbers: Numbers) -> None:
    for integers in numbers.integers:
        found[f"integers of {integers.limbs} limbs"] += integers.count
        found["negative"] += integers.negative * integers.count
    for floats in numbers.floats:
        found["floats"] += floats.count


def count_of(bins: tuple[Bin, ...], giants: tuple[Giant, ...]) -> int:
    return sum(one.count for one in bins) + len(giants)


def total_of(bins: tuple[Bin, ...], giants: tuple[Giant, ...]) -> int:
    return sum(one.total for one in bins) + sum(giant.size for giant in giants)


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def assert_exact(value: object, text: bytes, size: int) -> None:
    shape = learn(pieces(text, size))
    assert totals_of_shape(shape) == totals_of_value(value)
    assert shape.bytes == len(text)
    assert list(problems(shape)) == []
    assert shape_of_text(text_of_shape(shape)) == shape


@settings(max_examples=300, deadline=None)
@given(
    value=values,
    size=st.sampled_from([1, 5, 40, 1000]),
    indent=st.sampled_from([None, 2]),
    escaped=st.booleans(),
)
def test_any_value(value: object, size: int, indent: int | None, escaped: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=escaped).encode()
    assert_exact(value, text, size)


@pytest.mark.parametrize("size", [1000, 262_144])
def test_records_lists_and_maps(size: int) -> None:
    rows = [
        {
            "id": number,
            "name": "né" * (number % 70),
            "tags": ["x"] * (number % 9),
            **({"note": None} if number % 3 else {}),
            "sizes": {f"key-{number}-{inner}": inner / 7 for inner in range(number % 5)},
        }
        for number in range(3000)
    ]
    value = {"rows": rows, "empty": {}, "none": [], "big": ["y" * 100_000, "z" * 300, ""]}
    assert_exact(value, json.dumps(value, ensure_ascii=False).encode(), size)


@pytest.mark.parametrize("depth", [60, 64, 65, 66, 400])
def test_what_is_too_deep_for_places_is_counted_in_nests(depth: int) -> None:
    value: object = [1, "leaf", {"a": None}]
    for level in range(depth):
        value = {"a": value} if level % 2 else [value, 5]
    text = json.dumps([value, value, [[[]]]]).encode()
    shape = learn(pieces(text, 1000))
    assert list(problems(shape)) == []
    found, expected = totals_of_shape(shape), totals_of_value(json.loads(text))
    for what in ("elements", "keys", "key characters"):  # which nests do not tell apart
        del found[what], expected[what]
    assert found == expected
