"""What a shape says of small texts, where everything is known."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from synthetic.learning.learner import learn
from synthetic.scan import hashes
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


def test_the_shape_is_the_same_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    # There are more sets of keys than there is room for.
    rows = [{f"k{bit}": 1 for bit in range(10) if number >> bit & 1} for number in range(1, 1024)]
    text = json.dumps(rows).encode()
    shapes = []
    for salt in (1, 0x123456789ABCDEF1):
        monkeypatch.setattr(hashes, "_SALT", np.uint64(salt))
        shapes.append(learn([text]))
    assert shapes[0] == shapes[1]
