import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from synthetic.learning.learner import learn
from synthetic.making.making import make
from synthetic.shape import Place


def numbers(count: int) -> list[int]:
    return [1_000_000 + 7 * index for index in range(count)]


def record(index: int, first: int = 3, other: int = 2, text: int = 10) -> dict[str, Any]:
    return {
        "id": 100_000 + index,
        "inner": {"first": numbers(first), "other": [numbers(other)], "text": "x" * text},
    }


def document(*giants: dict[str, int], records: int = 3000) -> bytes:
    """Return records, some of which, evenly spaced, have something large in them."""
    rows = [record(index) for index in range(records)]
    for number, giant in enumerate(giants):
        index = (2 * number + 1) * records // (2 * len(giants))
        rows[index] = record(index, **giant)
    return json.dumps({"rows": rows, "end": "z" * 20}).encode()


def twin(text: bytes, size_bytes: int | None = None) -> bytes:
    shape = learn([text])
    assert giants_in(shape.root), "the test is of giants"
    return b"".join(make(shape, size_bytes=size_bytes or len(text), seed=7))


def giants_in(place: Place) -> bool:
    texts = place.strings.texts if place.strings else ()
    found = any(text.giants for text in texts) or bool(place.arrays and place.arrays.giants)
    below = [member.place for member in place.objects.members] if place.objects else []
    if place.arrays and place.arrays.elements:
        below.append(place.arrays.elements)
    return found or any(giants_in(each) for each in below)


def lengths(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
        yield -len(value)
    elif isinstance(value, list):
        yield len(value)
    elif isinstance(value, str):
        yield 10_000_000 + len(value)
    if isinstance(value, list):
        for element in value:
            yield from lengths(element)


@pytest.mark.parametrize(
    "giants",
    [
        [{"first": 20_000}],
        [{"first": 20_000, "other": 15_000, "text": 200_000}],
        [{"first": 20_000}, {"other": 15_000}, {"text": 200_000}],
        [{"text": 100_000 + index} for index in range(12)],
        [{"first": 9000 + index, "other": 9000} for index in range(20)],
    ],
)
def test_what_is_large_is_in_a_twin_as_it_is_in_its_source(giants: list[dict[str, int]]) -> None:
    text = document(*giants)
    made = twin(text)
    assert len(made) == len(text)
    found, expected = (Counter(lengths(json.loads(each))) for each in (made, text))
    assert found == expected


def test_giants_in_giants_stay_in_them() -> None:
    outer = [{"cells": numbers(12_000)} for _ in range(8)] + [{"cells": [1]} for _ in range(500)]
    text = json.dumps([{"rows": outer}, {"rows": []}] * 2 + [{"rows": [{"cells": []}]}]).encode()
    made = json.loads(twin(text))
    assert Counter(lengths(made)) == Counter(lengths(json.loads(text)))
    assert [len(each["rows"]) for each in made].count(508) == 2
    assert all(
        sum(len(row["cells"]) > 1 for row in each["rows"]) == 8
        for each in made
        if len(each["rows"]) == 508
    )


def test_a_giant_is_where_it_was() -> None:
    rows = json.loads(twin(document({"text": 300_000})))["rows"]
    at = max(range(len(rows)), key=lambda index: len(rows[index]["inner"]["text"]))
    assert 0.45 < at / len(rows) < 0.55


def test_a_larger_document_has_more_of_many_giants_and_one_as_large_a_part() -> None:
    text = document(*[{"text": 70_000 + index} for index in range(10)])
    rows = json.loads(twin(text, 3 * len(text)))["rows"]
    large = [len(row["inner"]["text"]) for row in rows if len(row["inner"]["text"]) > 100]
    assert 29 <= len(large) <= 31
    assert max(large) < 71_000
    alone = document({"text": 300_000})
    rows = json.loads(twin(alone, 3 * len(alone)))["rows"]
    assert max(len(row["inner"]["text"]) for row in rows) == pytest.approx(900_000, rel=0.03)
