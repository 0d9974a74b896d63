"""Long strings, of which not each byte is looked at, are what a look at each byte finds."""

import dataclasses
import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.scan import scanner
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.excerpts import excerpt_of
from synthetic.scan.scanner import BLOCK_BYTES, Scanner

ALPHABETS = (
    "abc def",
    'ab"\\\n\t/',
    "aé日\U0001f600",
    "\x7f\xa0",
    "日本",
    "{}[]:,1e-",
    "\ud800\udc00a",
)
BREAKS = (b"\n", b"\x00", b"\\", b'"', b"\xff", b"\xc3", b"}", b"]", b"7", b" ", b"\xed\xa0\x80")


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  (no secret)


def document(seed: int, *, ensure_ascii: bool) -> bytes:
    """Return a text that is mostly long strings, in one value or on lines."""
    rng = dice(seed)

    def text() -> str:
        alphabet = rng.choice(ALPHABETS)
        return "".join(rng.choices(alphabet, k=rng.choice([0, 3, 200, 900, 4000])))

    def value() -> object:
        names = ("id", "text", "日本", text()[:30])
        others: tuple[object, ...] = (
            rng.randint(-(10**9), 10**9),
            rng.random(),
            None,
            True,
            [],
            {},
            [text(), text()],
        )
        return {name: rng.choice((*others, text(), text())) for name in names}

    values = [value() for _ in range(rng.randint(1, 12))]
    indent = rng.choice([None, None, 2])
    if rng.random() < 0.3:
        lines = [json.dumps(one, ensure_ascii=ensure_ascii) for one in values]
        return "\n".join(lines).encode("utf-8", "replace")
    whole = json.dumps(values, ensure_ascii=ensure_ascii, indent=indent)
    return whole.encode("utf-8", "replace")


def broken(text: bytes, seed: int) -> bytes:
    """Return a text that may be no JSON any more."""
    rng = dice(seed)
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(BREAKS) + text[place + rng.randint(0, 2) :]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a scanner says of a text."""

    tokens: list[tuple[int, ...]]
    strings: list[tuple[int, ...]]
    has_lone_surrogate: bool
    roots: int
    error: tuple[int, str] | None


def scanned(text: bytes, size: int) -> Found:
    tokens: list[tuple[int, ...]] = []
    strings: list[tuple[int, ...]] = []
    has_lone_surrogate = False
    error = None
    reader = Scanner()
    try:
        for block in reader.blocks(text[at : at + size] for at in range(0, len(text), size)):
            starts = map(block.offset_of, block.starts.tolist())
            ends = map(block.offset_of, block.ends.tolist())
            kinds, contexts = block.kinds.tolist(), block.contexts.tolist()
            tokens += zip(kinds, contexts, starts, ends, strict=True)
            texts = block.texts
            columns = (texts.contents, texts.characters, texts.widths, texts.escaped)
            strings += zip(*(column.tolist() for column in columns), strict=True)
            has_lone_surrogate |= texts.has_lone_surrogate
    except InvalidJsonError as found:
        error = found.offset, found.reason
        tokens, strings = [], []  # up to where they go depends on the size of blocks
    return Found(
        tokens=tokens,
        strings=strings,
        has_lone_surrogate=has_lone_surrogate and error is None,
        roots=reader.roots if error is None else 0,
        error=error,
    )


def look_at_each_byte(text: bytes, size: int) -> Found:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "excerpt_of", lambda *_: None)
        return scanned(text, size)


sizes = st.sampled_from([700, 5000, 40_000, 1 << 18])
seeds = st.integers(0, 1 << 32)


@settings(max_examples=120, deadline=None)
@given(seeds, st.booleans(), sizes)
def test_excerpts_give_the_same_tokens(seed: int, ensure_ascii: bool, size: int) -> None:
    text = document(seed, ensure_ascii=ensure_ascii)
    assert scanned(text, size) == look_at_each_byte(text, size)


@settings(max_examples=200, deadline=None)
@given(seeds, st.booleans(), sizes)
def test_excerpts_give_the_same_errors(seed: int, ensure_ascii: bool, size: int) -> None:
    text = broken(document(seed, ensure_ascii=ensure_ascii), seed)
    assert scanned(text, size) == look_at_each_byte(text, size)


def test_an_excerpt_lacks_what_is_in_strings() -> None:
    text = json.dumps([{"id": 7, "text": "x" * 5000}, "é" * 900], ensure_ascii=False).encode()
    found = excerpt_of(text, np.frombuffer(text, np.uint8))
    assert found is not None
    assert found.text == b'[{"": 7, "": ""}, ""]'
    assert bytes(text[place] for place in found.places[:-1]) == found.text


@pytest.mark.parametrize(
    "text",
    [b'["' + b"x" * 900 + b'\n"]', b'["' + b"x" * 900 + b'", \\ 1]', b'["short", "strings"]' * 30],
    ids=["control character", "backslash outside", "short strings"],
)
def test_no_excerpt_where_each_byte_must_be_looked_at(text: bytes) -> None:
    assert excerpt_of(text, np.frombuffer(text, np.uint8)) is None


@pytest.mark.parametrize("alphabet", ["abc", "aé日", 'a"\\'])
def test_sparse_texts_are_taken_several_pieces_at_a_time(alphabet: str) -> None:
    text = json.dumps([alphabet * 700] * 3000, ensure_ascii=False).encode()
    pieces = [text[at : at + BLOCK_BYTES] for at in range(0, len(text), BLOCK_BYTES)]
    blocks = list(Scanner().blocks(pieces))
    assert len(blocks) < len(pieces) / 2
    assert sum(int(block.texts.characters.sum()) for block in blocks) == 3000 * 700 * len(alphabet)
