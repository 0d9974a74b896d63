import json

from synthetic.making.filling_holes import Filler
from synthetic.making.holes import DIGIT, LATER, LEAD, LETTER, Template, capacity, counted

LETTERS = bytes([LETTER])
HAN = bytes([LEAD, LATER, LATER])
FOUR_LETTERS = b'"' + LETTERS * 4 + b'"'


def keys_of(template: bytes, count: int, *, times: int = 1, level: int = 0) -> list[str]:
    key = counted(template, level=level)
    whole = Template(b"[" + b",".join([key] * count) + b"]", has_keys=True)
    filler = Filler(7)
    return [key for _ in range(times) for key in json.loads(filler.fill(whole, 0, len(whole)))]


def test_the_same_seed_fills_alike_and_each_use_differs() -> None:
    template = Template(FOUR_LETTERS, has_keys=False)
    first, other = Filler(7), Filler(7)
    texts = [first.fill(template, 0, 6) for _ in range(3)]
    assert texts == [other.fill(template, 0, 6) for _ in range(3)]
    assert len(set(texts)) == 3


def test_bytes_without_holes_stay() -> None:
    text = '{"a": [1.5, "é", null]}\n'.encode()
    assert Filler(7).fill_text(text, has_keys=True) == text


def test_parts_are_filled_alone() -> None:
    template = Template(FOUR_LETTERS * 3, has_keys=False)
    part = Filler(7).fill(template, 6, 12)
    assert len(part) == 6
    assert part[0] == part[-1] == ord('"')


def test_keys_differ_through_all_uses_of_a_template() -> None:
    keys = keys_of(FOUR_LETTERS, 1000, times=50)
    assert len(set(keys)) == len(keys) == 50_000
    assert {len(key) for key in keys} == {4}


def test_every_key_that_is_possible_comes_once() -> None:
    short = b'"' + LETTERS * 2 + b'"'
    assert capacity(short) == 4096
    assert len(set(keys_of(short, 4096))) == 4096


def test_wide_keys_differ_as_well() -> None:
    wide = b'"' + HAN + b'"'
    keys = keys_of(wide, 30_000)
    assert len(set(keys)) == 30_000
    assert all("\u3000" <= key <= "\uafff" for key in keys)


def test_escaped_keys_differ_as_well() -> None:
    escaped = rb'"\u5' + bytes([DIGIT]) * 3 + rb"\u5" + bytes([DIGIT]) * 3 + b'"'
    assert len(set(keys_of(escaped, 2000))) == 2000


def test_keys_of_maps_in_maps_count_apart() -> None:
    outer, inner = (counted(b'"' + LETTERS + b'"', level=level) for level in (0, 1))
    inside = b"{" + b",".join(inner + b":0" for _ in range(30)) + b"}"
    whole = b"{" + b",".join(outer + b":" + inside for _ in range(60)) + b"}"
    filled = json.loads(Filler(7).fill_text(whole, has_keys=True))
    assert len(filled) == 60
    assert {len(value) for value in filled.values()} == {30}


def test_long_keys_differ_by_their_first_holes() -> None:
    keys = keys_of(b'"' + LETTERS * 100 + b'"', 500)
    assert len({key[:8] for key in keys}) == 500
