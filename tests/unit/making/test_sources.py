"""Large documents are put together from pieces that are used again, whatever they are made of."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from synthetic import Generator, of_document
from synthetic.learning.learner import learn
from synthetic.making import sources
from synthetic.making.holes import Template
from synthetic.shape_text import text_of_shape

SIZE_BYTES = 60_000_000
ORIGINAL_BYTES = 2_500_000
# About 12 MB are made of a document, and a piece or two more where its places need them.
MOST_MADE_BYTES = 20_000_000


def records() -> Any:
    return [{"id": 7_000_000 + index, "name": f"name {index}"} for index in range(2_000)]


def giants_alone() -> Any:
    """Return some arrays that are nearly all of the file, each of 80 kB and more."""
    return [[[index + point % 10, point % 90] for point in range(9_000)] for index in range(20)]


def giants_among_others() -> Any:
    return [
        [[index + point % 10, point % 90] for point in range(9_000 if index % 9 == 0 else 40)]
        for index in range(200)
    ]


@pytest.mark.parametrize("source", [records, giants_alone, giants_among_others])
def test_most_of_a_large_document_was_made_once(
    source: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = text_of_shape(learn([json.dumps(source()).encode()]))
    generator = of_document(document, name="twin")
    assert made(generator, SIZE_BYTES, monkeypatch) <= MOST_MADE_BYTES


def made(generator: Generator, size_bytes: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many bytes of a document were made, instead of used again."""
    made_bytes = 0
    prepare = Template.__init__

    def count(self: Template, text: bytes, *, has_keys: bool) -> None:
        nonlocal made_bytes
        made_bytes += len(text)
        prepare(self, text, has_keys=has_keys)

    monkeypatch.setattr(Template, "__init__", count)
    assert sum(map(len, generator.chunks(size_bytes=size_bytes, seed=7))) == size_bytes
    return made_bytes


def many_records() -> Any:
    return [{"id": 7_000_000 + index, "size": index % 90} for index in range(100_000)]


def many_records_with_maps() -> Any:
    """Return records of which each has a map, whose keys recur elsewhere."""
    names = [f"key{index:05}" for index in range(300)]
    return [
        {"map": {names[(index + step) % 300]: step for step in range(8)}} for index in range(30_000)
    ]


@pytest.mark.parametrize(
    ("source", "is_used_again"), [(many_records, True), (many_records_with_maps, False)]
)
def test_a_large_twin_is_made_throughout_only_where_keys_of_maps_recur(
    source: Callable[[], Any], *, is_used_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that small documents are made as large ones are.
    monkeypatch.setattr(sources, "_ONCE_BYTES", 1_000_000)
    monkeypatch.setattr(sources, "_MADE_BYTES", 1_000_000)
    document = text_of_shape(learn([json.dumps(source()).encode()]))
    generator = of_document(document, name="twin")
    size_bytes = generator.original_bytes
    assert size_bytes is not None
    assert size_bytes > ORIGINAL_BYTES
    made_bytes = made(generator, size_bytes, monkeypatch)
    assert (made_bytes < 0.7 * size_bytes) == is_used_again
