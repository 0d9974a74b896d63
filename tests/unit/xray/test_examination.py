"""An x-ray answers for every JSON text, and its parts add up."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.scan.errors import InvalidJsonError
from synthetic.xray.examination import XRay

Examine = Callable[..., XRay]

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)


def dumped(value: object, **options: Any) -> bytes:
    return json.dumps(value, **options).replace("Infinity", "1e999").encode()


def by_path(found: XRay) -> dict[str, Any]:
    return {path.path: (path.count, path.bytes) for path in found.paths}


@settings(max_examples=150, deadline=None)
@given(
    value=VALUES,
    size=st.sampled_from([1, 7, 100, 1 << 18]),
    parser=st.sampled_from(["json", "orjson", "msgspec"]),
    is_ascii=st.booleans(),
    indent=st.sampled_from([None, 2]),
    depth=st.sampled_from([None, 0, 1, 2]),
)
def test_every_value_has_an_answer_that_adds_up(
    value: object,
    size: int,
    parser: str,
    *,
    is_ascii: bool,
    indent: int | None,
    depth: int | None,
    xray: Examine,
) -> None:
    text = dumped(value, ensure_ascii=is_ascii, indent=indent)
    found = xray(text, parser=parser, size=size, depth=depth)
    assert found.bytes == len(text)
    assert all(path.count >= 0 and path.bytes >= 0 for path in found.paths)
    peak = found.peak
    assert peak.retained_bytes == sum(path.bytes for path in found.paths)
    for other in found.parsers.values():
        parts = other.input_bytes + other.transient_bytes + other.retained_bytes
        assert other.peak_bytes == parts
    whole = xray(text, parser=parser)
    assert abs(whole.peak.retained_bytes - peak.retained_bytes) <= len(whole.paths) + 1
    assert found.notes == whole.notes or size == 1  # a long text may widen within a piece


@pytest.mark.parametrize("size", [700, 1 << 18])
def test_a_path_has_its_values_and_their_bytes(size: int, xray: Examine) -> None:
    rows = [{"id": 1000 + n, "name": "x" * 25, "ok": True} for n in range(2000)]
    paths = by_path(xray(dumped({"rows": rows}), size=size))
    assert paths["$.rows[*].id"] == (2000, pytest.approx(2000 * 32, rel=0.01))
    assert paths["$.rows[*].name"] == (2000, pytest.approx(2000 * 80, rel=0.02))
    assert paths["$.rows[*].ok"] == (2000, 0)
    assert paths["$.rows[*]"] == (2000, pytest.approx(2000 * (64 + 128), rel=0.01))


def test_the_arithmetic_is_told(xray: Examine) -> None:
    rows = [{"id": 1000 + n, "name": "x", "c": 1, "d": 2, "e": 3, "f": 4} for n in range(500)]
    reasons = {path.path: path.reasons for path in xray(dumped(rows)).paths}
    assert reasons["$[*]"] == ("500 dicts of 6 keys x 274 bytes",)


@pytest.mark.parametrize("size", [500, 1 << 20])
def test_a_map_is_one_path_from_its_first_key_on(size: int, xray: Examine) -> None:
    cities = {f"city-{number:06}": {"name": "x", "zip": [1, 2]} for number in range(3000)}
    paths = by_path(xray(dumped({"cities": cities, "n": 1}), size=size))
    assert set(paths) == {
        "$", "$.n", "$.cities", "$.cities.*", "$.cities.*.name", "$.cities.*.zip",
        "$.cities.*.zip[*]",
    }  # fmt: skip
    assert paths["$.cities.*"][0] == 3000
    assert paths["$.cities"][1] > 3000 * 64  # its keys, a str each


def test_what_is_too_deep_counts_for_the_path_above(xray: Examine) -> None:
    value = {"a": {"b": {"c": ["x" * 100] * 50}}, "d": 1}
    whole, cut = xray(dumped(value)), xray(dumped(value), depth=1)
    assert set(by_path(cut)) == {"$", "$.a", "$.d"}
    assert cut.peak.retained_bytes == pytest.approx(whole.peak.retained_bytes, abs=10)
    assert by_path(cut)["$.a"][0] == 1


def test_one_wide_character_is_named_with_its_cliff(xray: Examine) -> None:
    text = dumped({"a": "x" * 5000, "b": ["y", "z😀"]}, ensure_ascii=False)
    plain = text.replace("😀".encode(), b"....")
    found = xray(text)
    offset = text.index("😀".encode())
    (note,) = found.notes
    assert f"U+1F600) at byte {offset:,} in $.b[*] makes the whole text UCS-4" in note
    assert "four times" in note
    transient = [x.parsers["json"].transient_bytes for x in (found, xray(plain))]
    assert transient[0] > 3.9 * transient[1]
    escaped = xray(dumped({"a": "x" * 5000, "b": ["y", "z😀"]}))
    assert escaped.notes == ()  # as an escape it is plain ASCII until its string is made


def test_keys_are_shared_as_each_parser_does(xray: Examine) -> None:
    long_key, wide_key = "k" * 40, "clé"
    rows = dumped([{long_key: 1, wide_key: 2} for _ in range(1000)], ensure_ascii=False)
    retained = {name: p.retained_bytes for name, p in xray(rows).parsers.items()}
    # msgspec holds keys of up to 32 bytes of ASCII in its cache: it makes 2,000 strings more.
    assert retained["msgspec"] - retained["json"] == pytest.approx(1000 * (96 + 80), rel=0.15)
    assert retained["orjson"] == pytest.approx(retained["json"], rel=0.01)


def test_lines_are_documents_of_their_own(xray: Examine) -> None:
    rows = [{"a_key_of_25_ascii_letters": number + 1000} for number in range(1000)]
    lines = b"\n".join(dumped(row) for row in rows)
    found = xray(lines, size=333)
    assert found.documents == 1000
    assert found.peak.input_bytes < 100
    assert any("1,000 documents" in note for note in found.notes)
    # json shares keys within one call alone.
    keys_bytes = found.peak.retained_bytes - xray(dumped(rows)).peak.retained_bytes
    assert keys_bytes == pytest.approx(1000 * 80, rel=0.2)


@pytest.mark.parametrize(
    ("text", "byte", "words"),
    [
        (b"", 0, "no value"),
        (b"[NaN]", 1, "NaN"),
        (b'{"a": [1, 2', 11, "ends inside"),
        (b'{"a": "b', 8, "ends inside a string"),
        (b"[1] x", 4, "'x'|follows"),
        (b"[1,]", 3, "comma"),
        (b'["\xff"]', 2, "UTF-8"),
    ],
)
def test_what_is_no_json_is_told_with_its_byte(
    text: bytes, byte: int, words: str, xray: Examine
) -> None:
    with pytest.raises(InvalidJsonError, match=words) as caught:
        xray(text)
    assert caught.value.offset == byte


@pytest.mark.parametrize(
    ("text", "parser", "words"),
    [
        (b"\xef\xbb\xbf[1]", "orjson", "byte order mark"),
        (b'["a", "\\ud800"]', "orjson", "surrogate"),
        (b"[1, 1e999]", "msgspec", "number at byte 4"),
        (b"[" + b"9" * 5000 + b"]", "json", "5,000 digits"),
        (b"[" * 100_000 + b"]" * 100_000, "json", "100,000 levels deep"),
    ],
)
def test_what_a_parser_refuses_is_told(text: bytes, parser: str, words: str, xray: Examine) -> None:
    notes = [note for note in xray(text).notes if note.startswith(f"{parser} refuses")]
    assert len(notes) == 1
    assert words in notes[0]


def test_keys_that_come_twice_are_told(xray: Examine) -> None:
    found = xray(b'[{"a": 1, "b": 2, "a": 3}, {"a": 1}]')
    assert any("more than once (first at byte 7)" in note for note in found.notes)
    assert xray(b'[{"a": 1, "b": {"a": 2}}, {"a": 3}]').notes == ()
    cities = {f"city-{number:06}": 1 for number in range(3000)}
    assert xray(dumped(cities), size=1000).notes == ()


def test_a_long_string_is_never_held(xray: Examine) -> None:
    text = b'{"a": "' + b"x" * 5_000_000 + b'", "b": 1}'
    assert by_path(xray(text, size=65536))["$.a"] == (1, pytest.approx(5_000_000, rel=0.002))


def test_integers_cost_by_their_limbs(xray: Examine) -> None:
    wide = [10**60 + number * 7**30 for number in range(1000)]
    found = xray(dumped(wide))
    assert by_path(found)["$[*]"][1] == pytest.approx(1000 * 64, rel=0.02)  # 24 + 7 x 4
    floats = xray(dumped(wide), parser="orjson")
    assert by_path(floats)["$[*]"][1] == pytest.approx(1000 * 32, rel=0.02)
