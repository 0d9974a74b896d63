"""How a worker reads its snapshot, by what was seen of it."""

from collections.abc import Sequence

import pytest

from harness.core.manner import Manner, Read, manner_of, read_of
from harness.core.peaks import Sample

SIZE = 1000


def samples(*offsets: int | None) -> list[Sample]:
    """Return samples a second apart."""
    return [
        Sample(at_s=float(second), anon_bytes=1, offset_bytes=offset)
        for second, offset in enumerate(offsets)
    ]


def seen(*offsets: int | None, until_s: float = 100.0) -> Read:
    return read_of(samples(*offsets), size_bytes=SIZE, until_s=until_s)


def test_what_is_seen_of_reading() -> None:
    read = seen(None, 0, 10, 20, 20, 30, until_s=5.0)
    assert read == Read(places=3, share=0.75, was_seen=True, offset_bytes=30)
    assert seen(None, 0, 10, 20, SIZE, until_s=2.0).offset_bytes == 10
    assert seen(None, None) == Read()
    assert seen(0, SIZE) == Read(places=0, share=0.0, was_seen=True, offset_bytes=SIZE)


@pytest.mark.parametrize(
    ("groups", "manner"),
    [
        ([["load (/app/w.py:3)", "return json.loads(file.read())"]], Manner.WHOLE),
        ([["JSONDecoder.raw_decode (/usr/lib/python3.11/json/decoder.py:353)"]], Manner.WHOLE),
        ([["JSON.parse (<native>:0)", "load (/app/w.mjs:3)"]], Manner.WHOLE),
        ([["for troop in ijson.items(file, 'troops.item'):"]], Manner.PIECES),
        ([["_transform (/app/node_modules/stream-json/Parser.js:9)"]], Manner.PIECES),
        ([["work (/app/w.py:3)"], ["data = orjson.loads(raw)"]], Manner.WHOLE),
        ([["for t in ijson.items(f, 'a'):"], ["config = json.load(file)"]], Manner.PIECES),
        ([["work (/app/w.py:3)"]], None),
        ([], None),
    ],
)
def test_a_parsers_name_tells(groups: Sequence[Sequence[str]], manner: Manner | None) -> None:
    assert manner_of(groups, Read(), size_bytes=SIZE) is manner


@pytest.mark.parametrize(
    ("offsets", "manner"),
    [
        ((0, 100, 200, 300), Manner.PIECES),
        ((0, 300, 600, 900, SIZE), Manner.PIECES),
        ((0, SIZE, None, None), Manner.WHOLE),
        ((0, 500, SIZE, SIZE, SIZE, SIZE), Manner.WHOLE),
        ((0, 200, 400, 600, SIZE, *9 * (None,), 0, 300, SIZE, SIZE), Manner.WHOLE),
        ((0, 0, 0), None),
        ((None,), None),
    ],
)
def test_else_the_offsets_tell(offsets: tuple[int | None, ...], manner: Manner | None) -> None:
    read = seen(*offsets, until_s=len(offsets) - 1.0)
    assert manner_of([["work (/app/w.py:3)"]], read, size_bytes=SIZE) is manner


def test_a_document_in_each_line_is_read_in_pieces() -> None:
    read = seen(0, 100, 200, 300, until_s=3.0)
    assert manner_of([["row = json.loads(line)"]], read, size_bytes=SIZE) is Manner.PIECES


def test_pieces_that_are_put_together_are_parsed_whole() -> None:
    read = seen(0, 300, 600, 900, SIZE, until_s=4.0)
    texts = ["data = json.loads(b''.join(pieces))"]
    assert manner_of([texts], read, size_bytes=SIZE) is Manner.WHOLE
