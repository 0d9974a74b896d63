import hashlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic import SHAPES, generate
from synthetic.learning.learner import learn
from synthetic.making.checks import problems
from synthetic.making.errors import ShapeError
from synthetic.making.making import make
from synthetic.shape import Objects, Place, Shape

DESCRIBED = SHAPES[1:]
# Pinned, so that another numpy, Python or machine that changes the bytes is noticed. A deliberate
# change raises MAKING_VERSION: say so in the changelog, for it moves every baseline.
GOLDEN_SHA256 = "21206c166a3dd5e3dd21c383396906a32a28900e3b6d06dd6fd5c8c422093aa6"

KEYS = st.sampled_from(["id", "name", "kind", "sizes", "is_new", "updatedAt"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
# From five keys on, an object whose values are all alike is learned as a map.
VALUES = st.recursive(
    SCALARS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=40,
)


def document(shape: str, size_bytes: int, seed: int = 7) -> bytes:
    return b"".join(generate(shape, size_bytes=size_bytes, seed=seed))


def parsed(shape: str, text: bytes) -> list[Any]:
    return (
        [json.loads(line) for line in text.splitlines()]
        if shape == "ndjson"
        else [json.loads(text)]
    )


def nodes(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from nodes(element)


@pytest.mark.parametrize("shape", DESCRIBED)
@pytest.mark.parametrize("size_bytes", [1_300_007, 400_000])
def test_documents_are_json_of_exactly_the_size(shape: str, size_bytes: int) -> None:
    text = document(shape, size_bytes)
    assert len(text) == size_bytes
    assert len(text.rstrip()) >= size_bytes * 0.98 or shape == "long_strings"
    assert parsed(shape, text)


@pytest.mark.parametrize("shape", DESCRIBED)
def test_a_seed_gives_the_same_bytes_and_another_one_others(shape: str) -> None:
    text = document(shape, 1_200_000)
    assert document(shape, 1_200_000) == text
    assert document(shape, 1_200_000, seed=8) != text


def test_bytes_are_the_same_everywhere() -> None:
    digest = hashlib.sha256()
    for shape in DESCRIBED:
        digest.update(document(shape, 1_500_000))
    assert digest.hexdigest() == GOLDEN_SHA256


@pytest.mark.parametrize("shape", DESCRIBED)
def test_a_larger_document_has_more_of_the_same(shape: str) -> None:
    def per_byte(text: bytes) -> float:
        return sum(1 for root in parsed(shape, text) for _ in nodes(root)) / len(text)

    small, large = document(shape, 4_000_000), document(shape, 13_000_000)
    assert per_byte(large) == pytest.approx(per_byte(small), rel=0.02)


def test_a_map_has_no_key_twice() -> None:
    pairs: list[int] = []

    def seen(found: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.append(len(found))
        return dict(found)

    found = json.loads(document("giant_object", 30_000_000), object_pairs_hook=seen)
    assert len(found) == max(pairs) > 100_000


def test_the_giant_record_is_one_whatever_the_size() -> None:
    for size_bytes in (1_000_000, 9_000_000):
        records = json.loads(document("giant_record", size_bytes))
        sizes = sorted(len(json.dumps(record)) for record in records)
        assert sizes[-1] > 0.4 * size_bytes
        assert sizes[-2] < 2000
        at = max(range(len(records)), key=lambda index: len(records[index]["items"]))
        assert 0.2 < at / len(records) < 0.8


def test_values_of_a_wide_document_are_wide() -> None:
    widest = [max(row["text"]) for row in json.loads(document("unicode_heavy", 1_000_000))]
    for low, high in (("\x80", "\xff"), ("\u0100", "\uffff"), ("\U00010000", "\U0010ffff")):
        assert sum(low <= character <= high for character in widest) > 0.1 * len(widest)


@given(VALUES)
def test_any_value_has_a_twin_with_its_keys_and_size(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    shape = learn([text])
    assert not list(problems(shape))
    twin = b"".join(make(shape, size_bytes=len(text), seed=7))
    assert len(twin) == len(text)
    kinds = [
        sorted(type(node).__name__ for node in nodes(json.loads(each))) for each in (text, twin)
    ]
    assert kinds[0] == kinds[1]
    keys = [
        sorted(tuple(sorted(node)) for node in nodes(json.loads(each)) if isinstance(node, dict))
        for each in (text, twin)
    ]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_an_array_at_the_end_keeps_its_elements_whatever_came_before(seed: int) -> None:
    value = {
        "id": [None, None, None, None, {"id": None, "name": None, "kind": None}],
        "name": [{"id": -100000}, {"new": None, "id": None}, {"new": [None] * 5, "id": None}],
    }
    text = json.dumps(value).encode()
    twin = json.loads(b"".join(make(learn([text]), size_bytes=len(text), seed=seed)))
    assert next(each["new"] for each in twin["name"] if each.get("new")) == [None] * 5


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), SCALARS), min_size=1, max_size=30))
def test_records_keep_their_sets_of_keys(records: list[dict[str, Any]]) -> None:
    text = json.dumps(records, indent=2).encode()
    twin = b"".join(make(learn([text]), size_bytes=len(text), seed=7))
    sets = [sorted(sorted(record) for record in found) for found in (records, json.loads(twin))]
    assert sets[0] == sets[1]


@pytest.mark.parametrize("shape", DESCRIBED)
def test_the_shape_of_a_twin_is_the_shape(shape: str) -> None:
    text = document(shape, 2_000_000)
    learned = learn([text])
    again = learn(make(learned, size_bytes=len(text), seed=3))
    assert totals(again.root) == pytest.approx(totals(learned.root), rel=0.002, abs=2)
    assert again.style == msgspec.structs.replace(learned.style, blanks=again.style.blanks)


def totals(place: Place) -> dict[str, int]:
    """Return how many values of each kind there are in a place and in those below it."""
    found = dict.fromkeys(("scalars", "strings", "characters", "bytes", "numbers", "elements"), 0)
    waiting = [place]
    while waiting:
        place = waiting.pop()
        found["scalars"] += place.nulls + place.trues + place.falses
        for texts in place.strings.texts if place.strings else ():
            found["strings"] += sum(bin_.count for bin_ in texts.characters) + len(texts.giants)
            found["characters"] += sum(bin_.total for bin_ in texts.characters)
            found["characters"] += sum(giant.size for giant in texts.giants)
            found["bytes"] += texts.bytes
        if place.numbers:
            found["numbers"] += sum(each.count for each in place.numbers.integers)
            found["numbers"] += sum(each.count for each in place.numbers.floats)
        for container in (place.arrays, place.maps):
            if container is not None:
                found["elements"] += sum(bin_.total for bin_ in container.lengths)
                found["elements"] += sum(giant.size for giant in container.giants)
        waiting += [member.place for member in place.objects.members] if place.objects else []
        if place.arrays and place.arrays.elements:
            waiting.append(place.arrays.elements)
        if place.maps:
            waiting.append(place.maps.values)
    return found


def test_a_size_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(ShapeError, match="size: 1 bytes are too small for this shape"):
        generate("giant_array", size_bytes=1, seed=7)
    alone = Shape(schema=1, bytes=2, root=Place(count=1, objects=Objects(count=1)))
    assert b"".join(make(alone, size_bytes=2, seed=7)) == b"{}"
    with pytest.raises(ShapeError, match="in which no array and no map can grow; ask for 2"):
        make(alone, size_bytes=10**6, seed=7)


def test_a_small_document_is_all_small_values() -> None:
    assert json.loads(document("giant_array", 400))


def test_the_line_breaks_of_a_text_lie_apart() -> None:
    text = json.dumps([f"{'name' * 5}\n{'street' * 4}\n{'town' * number}" for number in range(9)])
    twin = b"".join(make(learn([text.encode()]), size_bytes=len(text), seed=7))
    lines = [string.split("\n") for string in json.loads(twin)]
    assert sum(map(len, lines)) == 27
    assert all(min(map(len, each)) >= 10 for each in lines)
