"""Large documents are put together from pieces that are used again, whatever they are made of."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from synthetic import of_document
from synthetic.learning.learner import learn
from synthetic.making.holes import Template
from synthetic.shape_text import text_of_shape

SIZE_BYTES = 60_000_000
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
    made_bytes = 0
    prepare = Template.__init__

    def count(self: Template, text: bytes, *, has_keys: bool) -> None:
        nonlocal made_bytes
        made_bytes += len(text)
        prepare(self, text, has_keys=has_keys)

    monkeypatch.setattr(Template, "__init__", count)
    chunks = of_document(document, name="twin").chunks(size_bytes=SIZE_BYTES, seed=7)
    assert sum(map(len, chunks)) == SIZE_BYTES
    assert made_bytes <= MOST_MADE_BYTES
