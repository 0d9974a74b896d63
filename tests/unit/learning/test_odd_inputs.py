"""Odd inputs: a shape, or one clear error with the byte."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from synthetic.learning.learner import learn
from synthetic.making.checks import problems
from synthetic.scan.errors import InvalidJsonError
from synthetic.shape import Place, Shape
from synthetic.shape_text import shape_of_text, text_of_shape

SIZES = [7, 1000, 262_144]


def learned(text: bytes, size: int = 262_144) -> Shape:
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    shape = learn(pieces)
    assert list(problems(shape)) == []
    assert shape_of_text(text_of_shape(shape)) == shape
    return shape


def element_of(shape: Shape) -> Place:
    assert shape.root.arrays is not None
    assert shape.root.arrays.elements is not None
    return shape.root.arrays.elements


@pytest.mark.parametrize("size", SIZES)
def test_a_byte_order_mark(size: int) -> None:
    shape = learned(b"\xef\xbb\xbf[1, 2]\n", size)
    assert shape.style.has_bom
    assert shape.style.blanks == 2
    assert shape.bytes == 10


@pytest.mark.parametrize("size", SIZES)
def test_lone_surrogates(size: int) -> None:
    text = rb'[{"\ud800": "\udc00x"}, {"\ud800": "\ud83d\ude00"}]'
    (texts, wide) = place_under_any_key(learned(text, size)).strings.texts  # type: ignore[union-attr]
    assert (texts.width, texts.characters[0].total, texts.bytes) == ("ucs-2", 2, 7)
    assert (wide.width, wide.characters[0].total, wide.bytes) == ("ucs-4", 1, 12)


def place_under_any_key(shape: Shape) -> Place:
    place = element_of(shape)
    if place.maps is not None:
        return place.maps.values
    assert place.objects is not None
    return place.objects.members[0].place


@pytest.mark.parametrize("size", SIZES)
def test_keys_that_are_there_twice(size: int) -> None:
    shape = learned(b'[{"a":1,"a":2,"b":3},{"a":4,"b":5}]', size)
    place = place_under_any_key(shape)
    assert place.numbers is not None
    assert place.numbers.integers[0].count == 5


@pytest.mark.parametrize("size", SIZES)
def test_numbers_beyond_all_bounds(size: int) -> None:
    long = "9" * 400
    text = f"[1e999,-1E-999,{long},-{long},0.{long},{'1' * 5000}]".encode()
    numbers = element_of(learned(text, size)).numbers
    assert numbers is not None
    assert {(one.characters, one.limbs, one.negative) for one in numbers.integers} == {
        (400, int(long).bit_length() // 30 + 1, False),
        (401, int(long).bit_length() // 30 + 1, True),
        (5000, 554, False),
    }
    assert {(one.characters, one.whole, one.has_exponent) for one in numbers.floats} == {
        (5, 1, True),
        (7, 1, True),
        (402, 1, False),
    }


@pytest.mark.parametrize("size", [1000, 262_144])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_depth_of_100_000(opening: bytes, closing: bytes, size: int) -> None:
    depth = 100_000
    shape = learned(opening * depth + b"1" + closing * depth, size)
    place = shape.root
    levels = 0
    while place.nests is None:
        levels += 1
        if place.arrays is not None:
            assert place.arrays.elements is not None
            place = place.arrays.elements
        else:
            assert place.objects is not None
            place = place.objects.members[0].place
    assert place.nests.arrays + place.nests.objects == depth - levels
    assert place.nests.levels == depth - levels
    assert place.nests.leaves is not None
    assert place.nests.leaves.count == 1


def long_string(length: int) -> Iterator[bytes]:
    yield b'{"before": [1], "data": "'
    piece = b"0123456789abcdef" * 16_384
    for _ in range(length // len(piece)):
        yield piece
    yield b'", "after": [{"text": "x"}, {"text": ""}]}'


def test_a_string_of_200_mb_is_not_held() -> None:
    length = 200 * 1024 * 1024
    shape = learn(long_string(length))
    assert shape.root.objects is not None
    places = {member.key: member.place for member in shape.root.objects.members}
    assert list(places) == ["before", "data", "after"]
    assert places["data"].strings is not None
    (texts,) = places["data"].strings.texts
    assert texts.bytes == texts.characters[0].total == length
    assert "209_715_200" in text_of_shape(shape).decode()


@pytest.mark.parametrize("text", [b"{}", b"[]", b'""', b"0", b"null", b"[{}]", b"[[], {}]"])
@pytest.mark.parametrize("size", SIZES)
def test_empty_values(text: bytes, size: int) -> None:
    assert learned(text, size).bytes == len(text)


@pytest.mark.parametrize("size", SIZES)
def test_lines_of_values(size: int) -> None:
    lines = "\n".join(json.dumps({"id": number, "on": True}) for number in range(100))
    shape = learned(lines.encode() + b"\n", size)
    assert shape.style.is_lines
    assert shape.root.count == 100
    assert shape.root.objects is not None
    assert [member.place.count for member in shape.root.objects.members] == [100, 100]


@pytest.mark.parametrize(
    ("settings", "indent", "after_comma", "after_colon"),
    [
        ({"separators": (",", ":")}, None, "", ""),
        ({}, None, " ", " "),
        ({"indent": 2}, "  ", "", " "),
        ({"indent": "\t"}, "\t", "", " "),
        ({"indent": 0}, "", "", " "),
    ],
)
def test_the_styles_of_the_standard_library(
    settings: dict[str, Any], indent: str | None, after_comma: str, after_colon: str
) -> None:
    value = [{"id": number, "tags": ["a", "b"], "at": {"x": 1}} for number in range(50)]
    text = json.dumps(value, **settings)
    style = learned(text.encode()).style
    assert (style.indent, style.line_levels) == (indent, None)
    assert (style.after_comma, style.after_colon, style.inside) == (after_comma, after_colon, "")
    assert style.blanks == len(text) - len(json.dumps(value, separators=(",", ":")))


def test_a_line_for_each_record() -> None:
    rows = [json.dumps({"id": number, "tags": ["a", "b"]}) for number in range(50)]
    style = learned(("[\n" + ",\n".join(rows) + "\n]\n").encode()).style
    assert (style.indent, style.line_levels, style.after_comma) == ("", 1, " ")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        (b'{"a": NaN}', 6, "'NaN' is no JSON value"),
        (b"[1, -Infinity]", 4, "'-Infinity' is no JSON value"),
        (b'{"a": [1, 2', 11, "the text ends inside an array"),
        (b'{"a": "bc', 9, "the text ends inside a string"),
        (b"[1] []", 4, "more follows the end of the value"),
        (b"[1]\n[2], [3]", 7, "stands where no array or object is open"),
        (b"[1]x", 3, "more follows the end of the value"),
        (b"", 0, "the text holds no value"),
        (b'["\xc3("]', 2, "not UTF-8"),
    ],
)
def test_what_is_no_json(text: bytes, offset: int, words: str, size: int) -> None:
    with pytest.raises(InvalidJsonError) as caught:
        learned(text, size)
    assert caught.value.offset == offset
    assert words in caught.value.reason
