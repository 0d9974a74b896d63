"""What a shape says of small texts, where everything is known."""

import json
from collections.abc import Iterator

from synthetic.learning.learner import learn
from synthetic.shape import Shape


def learned(value: object, **settings: object) -> Shape:
    return learned_text(json.dumps(value, ensure_ascii=False, **settings).encode())  # type: ignore[arg-type]


def learned_text(text: bytes, size: int = 100) -> Shape:
    return learn(pieces(text, size))


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def test_the_kinds_of_a_place_are_counted() -> None:
    shape = learned([None, True, True, False, "x", 1, 1.5, [], {}])
    assert shape.root.arrays is not None
    place = shape.root.arrays.elements
    assert place is not None
    assert (place.count, place.nulls, place.trues, place.falses) == (9, 1, 2, 1)
    assert place.numbers is not None
    assert place.numbers.integers[0].count == place.numbers.floats[0].count == 1
    assert place.strings is not None
    assert place.arrays is not None
    assert place.objects is not None
