import json
from typing import Any

import pytest

from synthetic import SHAPES, built_in, of_document
from synthetic.making.errors import ShapeError
from synthetic.making.reading import read_shape

Document = dict[str, Any]


def strings(**changes: Any) -> Document:
    texts = {
        "width": "ascii",
        "characters": [{"low": 3, "high": 5, "count": 2, "total": 8}],
        "bytes": 8,
    }
    return {"count": 2, "strings": {"texts": [texts | changes]}}


def bin_(low: int, high: int, count: int, total: int) -> Document:
    return {"low": low, "high": high, "count": count, "total": total}


def array(elements: Document | None, *bins: Document) -> Document:
    place = {"count": sum(each["count"] for each in bins), "arrays": {"lengths": list(bins)}}
    if elements is not None:
        place["arrays"]["elements"] = elements
    return place


def objects(count: int, *key_sets: Document, **members: int) -> Document:
    return {
        "count": count,
        "objects": {
            "count": count,
            "members": [
                {"key": key, "place": {"count": number, "nulls": number}}
                for key, number in members.items()
            ],
            "key_sets": list(key_sets),
        },
    }


def integer(**class_: Any) -> Document:
    return {"count": 1, "numbers": {"integers": [{"count": 1} | class_]}}


def text_of(root: Document, **changes: Any) -> bytes:
    return json.dumps({"schema": 1, "bytes": 100, "root": root} | changes).encode()


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ({"count": -1}, "Expected `int` >= 0 - at `$.root.count`"),
        ({"count": 0, "nulls": "many"}, "Expected `int`, got `str` - at `$.root.nulls`"),
        ({"count": 0, "nils": 1}, "Object contains unknown field `nils` - at `$.root`"),
        ({"count": 3, "nulls": 2}, "root: count is 3, but its kinds add up to 2"),
        (
            strings(characters=[bin_(5, 3, 2, 8)]),
            "root.strings.texts[0].characters[0]: low 5 is more than high 3",
        ),
        (
            strings(characters=[bin_(3, 5, 2, 11)]),
            "characters[0]: 2 sizes from 3 to 5 cannot add up to total 11",
        ),
        (strings(bytes=7), "bytes is 7, but 8 characters in 2 strings have at least 8"),
        (strings(bytes=97), "bytes is 97, but 8 characters have at most 96"),
        (strings(escaped=9), "escaped is 9, which is more than bytes 8"),
        (strings(width="utf-8"), "Invalid enum value 'utf-8'"),
        (
            strings(width="ucs-2", characters=[bin_(0, 8, 2, 8)], bytes=20),
            "an empty string has no ucs-2 character",
        ),
        (integer(characters=3, limbs=9), "no integer of 3 characters has 9 limbs"),
        (
            {"count": 1, "numbers": {"floats": [{"characters": 3, "whole": 3, "count": 1}]}},
            "root.numbers.floats[0]: no float of 3 characters has 3",
        ),
        (
            array({"count": 1, "nulls": 1}, bin_(2, 2, 1, 2)),
            "root.arrays.elements: count is 1, but the lengths add up to 2",
        ),
        (array(None, bin_(2, 2, 1, 2)), "elements: count is 0, but the lengths add up to 2"),
        (objects(1, a=2), "root.objects.members[0].place: count is 2, but 0 to 1 objects have"),
        (objects(1, {"keys": [1], "count": 1}, a=1), "key_sets[0]: there are only 1 members"),
        (objects(1, {"keys": [0, 0], "count": 1}, a=1), "key_sets[0]: a key is named twice"),
        (objects(1, {"keys": [0], "count": 2}, a=1), "key_sets: they add up to more than count 1"),
        (
            {"count": 1, "nests": {"count": 1, "arrays": 1, "levels": 5}},
            "root.nests: 1 arrays and objects do not make 5 levels",
        ),
    ],
)
def test_what_does_not_agree_is_said_in_one_line(root: Document, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read_shape(text_of(root))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def deep_places(levels: int) -> bytes:
    place: Document = {"count": 1, "nulls": 1}
    for _ in range(levels):
        place = array(place, bin_(1, 1, 1, 1))
    return text_of(place)


NULL: Document = {"count": 1, "nulls": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not a shape: Input data was truncated"),
        (b"[]", "not a shape: Expected `object`, got `array`"),
        (b'{"id": 7}', "not a shape: Object missing required field `schema`"),
        (b"\xff\xfe", "not a shape: "),
        (text_of(NULL, schema=2), "schema: 2 is not known here, only 1"),
        (text_of(NULL, schema="1"), "not a shape: Expected `int`, got `str` - at `$.schema`"),
        (text_of(NULL, style={"indent": "x"}), "Expected `str` matching regex"),
        (text_of(NULL, color=1), "Object contains unknown field `color`"),
        (deep_places(130), "places are more than 120 levels deep; use nests"),
        (b"[" * 10**6, "not a shape: "),
        (b'{"schema":1,"bytes":1,"root":' + b'{"arrays":{"elements":' * 10**6, "nested too deep"),
    ],
)
def test_what_is_no_shape_is_said_in_one_line(text: bytes, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read_shape(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SHAPES[1:])
def test_built_in_shapes_agree(name: str) -> None:
    assert built_in(name).identity.startswith("shape-")


def test_another_text_has_another_identity() -> None:
    first, other = (
        of_document(text_of(NULL, bytes=number), name="a").identity for number in (100, 101)
    )
    assert first != other


@pytest.mark.parametrize("size_bytes", [1, 4, 30, 10**6])
def test_a_shape_that_cannot_have_a_size_says_so(size_bytes: int) -> None:
    made = of_document(text_of(NULL), name="null")
    if size_bytes == 1:
        with pytest.raises(ShapeError, match="1 bytes are too small for this shape; the smallest"):
            made.chunks(size_bytes=size_bytes, seed=0)
    elif size_bytes == 10**6:
        with pytest.raises(ShapeError, match="no array and no map can grow"):
            made.chunks(size_bytes=size_bytes, seed=0)
    else:
        text = b"".join(made.chunks(size_bytes=size_bytes, seed=0))
        assert (len(text), json.loads(text)) == (size_bytes, None)
