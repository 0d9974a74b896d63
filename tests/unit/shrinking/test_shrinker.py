"""Shrinking as a whole: what is left still shows it, is JSON, and is small."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic import generate
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.scanner import Scanner
from synthetic.shrinking.errors import NotRepeatableError, NotShownError
from tests.unit.shrinking.conftest import Shrink

TEXTS = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
DOCUMENTS = st.recursive(
    SCALARS.filter(lambda value: value not in {float("inf"), -float("inf")}),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=40,
)
STYLES: list[dict[str, Any]] = [{"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}]


def check_is_json(text: bytes) -> None:
    """Raise for what is no JSON, whoever reads it."""
    for _ in Scanner().blocks((text,)):
        pass
    if text.startswith(b"\xef\xbb\xbf"):
        text = text[3:]
    try:
        json.loads(text)
    except json.JSONDecodeError:
        for line in text.splitlines():
            json.loads(line or b"null")
    except RecursionError:
        pass  # deeper than this reader can


def scalars_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {word for inner in value.values() for word in scalars_in(inner)} | set(value)
    if isinstance(value, list):
        return {word for inner in value for word in scalars_in(inner)}
    return {repr(value)}


@settings(max_examples=80, deadline=None)
@given(document=DOCUMENTS, style=st.sampled_from(STYLES), seed=st.integers(0, 9))
def test_what_must_all_be_there_is_kept(
    shrink: Shrink, document: Any, style: dict[str, Any], seed: int
) -> None:
    found = sorted(scalars_in(document))
    wanted = set(random.Random(seed).sample(found, min(len(found), seed % 4)))  # noqa: S311
    text = json.dumps(document, **style).encode()
    result = shrink(text, lambda tried: wanted <= scalars_in(json.loads(tried)))
    assert wanted <= scalars_in(json.loads(result.text))
    assert len(result.text) <= len(text)
    assert result.shrunk.bytes == len(result.text)
    assert result.shrunk.is_confirmed


@settings(max_examples=80, deadline=None)
@given(document=DOCUMENTS, style=st.sampled_from(STYLES), modulus=st.integers(2, 5))
def test_every_snapshot_that_is_tried_is_json_whatever_the_check_says(
    shrink: Shrink, document: Any, style: dict[str, Any], modulus: int
) -> None:
    text = json.dumps(document, **style).encode()

    def odd(tried: bytes) -> bool:  # more of a snapshot may well show less
        return tried == text or sum(tried) % modulus == 0

    result = shrink(text, odd)
    for tried in result.asked:
        json.loads(tried)
        assert len(tried) <= len(text)
    assert odd(result.text)
    assert result.shrunk.is_confirmed
    assert len(result.asked) == result.shrunk.checks


@settings(max_examples=30, deadline=None)
@given(documents=st.lists(DOCUMENTS, min_size=2, max_size=12), at=st.integers(0, 11))
def test_values_on_lines_stay_on_lines(shrink: Shrink, documents: list[Any], at: int) -> None:
    documents[at % len(documents)] = {"needle": ["NEEDLE"]}
    text = "\n".join(json.dumps(document) for document in documents).encode()
    result = shrink(text, lambda tried: b"NEEDLE" in tried)
    lines = [json.loads(line) for line in result.text.splitlines() if line]
    assert lines == [{"needle": ["NEEDLE"]}]


def hero(size_bytes: int) -> tuple[bytes, dict[str, Any]]:
    text = b"".join(generate("hero_snapshot", size_bytes=size_bytes, seed=7))
    document: dict[str, Any] = json.loads(text)
    return text, document


@pytest.mark.parametrize(("table", "index"), [("troops", 0), ("pets", 300), ("heroes", -1)])
def test_one_record_is_found_in_few_checks(shrink: Shrink, table: str, index: int) -> None:
    text, document = hero(2_000_000)
    needle = str(document[table][index]["id"]).encode()
    result = shrink(text, lambda tried: needle in tried)
    assert json.loads(result.text) == {table: [{"id": int(needle)}]}
    assert result.shrunk.checks <= 40
    path = result.shrunk.needed[0].path
    assert path[0] == table
    assert document[table][path[1]]["id"] == int(needle)
    assert text[result.shrunk.needed[0].offset :].startswith(needle)


@pytest.mark.parametrize("style", STYLES)
def test_a_worker_that_expects_its_keys_is_no_hindrance(
    shrink: Shrink, style: dict[str, Any]
) -> None:
    _, document = hero(300_000)
    keys = set(document)
    expected = set.intersection(*(set(troop) for troop in document["troops"]))
    wanted = document["troops"][111]["id"]

    def works(tried: bytes) -> bool:
        read = json.loads(tried)
        if set(read) != keys or any(not expected <= set(troop) for troop in read["troops"]):
            return False
        return any(troop["id"] == wanted for troop in read["troops"])

    result = shrink(json.dumps(document, **style).encode(), works)
    assert works(result.text)
    assert len(result.text) < 1500
    assert [troop["id"] for troop in json.loads(result.text)["troops"]] == [wanted]


def test_three_distant_records_are_found(shrink: Shrink) -> None:
    text, document = hero(2_000_000)
    needles = [
        str(document[table][index]["id"]).encode()
        for table, index in (("troops", 5), ("troops", -5), ("heroes", 400))
    ]
    result = shrink(text, lambda tried: all(needle in tried for needle in needles))
    assert len(result.text) < 120
    assert len(result.shrunk.needed) == 3
    assert result.shrunk.checks <= 120


def test_what_matters_by_its_size_keeps_its_smallest_prefix(shrink: Shrink) -> None:
    records = [{"id": number, "text": "x" * 50} for number in range(20_000)]
    text = json.dumps({"records": records, "other": list(range(5_000))}).encode()

    def is_large(tried: bytes) -> bool:
        return len(json.loads(tried).get("records", ())) >= 7_000

    result = shrink(text, is_large)
    left = json.loads(result.text)
    assert 7_000 <= len(left["records"]) <= 7_100
    assert [record["id"] for record in left["records"]] == list(range(len(left["records"])))
    assert not left.get("other")
    assert result.shrunk.checks <= 40
    assert [needed.path for needed in result.shrunk.needed] == [("records",)]
    holdings = result.shrunk.holdings or ()
    assert (holdings[0].path, holdings[0].count) == (("records",), 1)
    assert holdings[0].share > 0.99
    assert (("records", None, "text")) in [holding.path for holding in holdings]


def test_what_does_not_depend_on_the_data_is_said(shrink: Shrink) -> None:
    result = shrink(b'{"a": [1, 2, 3]}', lambda _: True)
    assert result.text == b"{}"
    assert result.shrunk.is_independent
    assert result.shrunk.needed == ()


def test_what_cannot_be_smaller_is_the_snapshot_itself(shrink: Shrink) -> None:
    text = b'{"a": [1, 2, 3]}'
    result = shrink(text, lambda tried: tried == text)
    assert result.text == text
    assert result.shrunk.bytes == len(text)
    assert result.shrunk.is_confirmed


ODD: dict[str, tuple[bytes, bytes, bytes]] = {
    # what it is, what must be in it, what is left
    "byte order mark": (b'\xef\xbb\xbf[1, 2, "N"]', b"N", b'\xef\xbb\xbf["N"]'),
    "lone surrogate": (rb'{"a": "\ud800", "b": ["x\udc00y"]}', rb"\udc00", rb'{"b":["\udc00"]}'),
    "duplicate keys": (b'{"a":1,"a":"N","a":3}', b"N", b'{"a":"N"}'),
    "huge exponent": (b'{"a":[0,1e999,2]}', b"1e999", b'{"a":[1e999]}'),
    "400 digits": (b"[0," + b"7" * 400 + b",1]", b"7" * 400, b"[" + b"7" * 400 + b"]"),
    "empty containers": (b'[[],{},{"a":{}},[[]]]', b'{"a":{}}', b'[{"a":{}}]'),
    "trailing space": (b' [1,"N"] \n\n', b"N", b' ["N"] \n\n'),
    "a string alone": (b'"aaaaaaaaaNbbbbbbbbb"', b"N", b'"N"'),
    "a number alone": (b"12345", b"", b"0"),
    "a word alone": (b"null", b"", b"null"),
    "an empty key": (b'{"":{"":[1,"N"]}}', b"N", b'{"":{"":["N"]}}'),
    "escaped quotes in keys": (rb'{"a\"]":[1],"\\":["N"]}', b"N", rb'{"\\":["N"]}'),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_snapshots(name: str, shrink: Shrink) -> None:
    text, needle, left = ODD[name]
    result = shrink(text, lambda tried: needle in tried)
    assert result.text.strip() == left.strip()
    check_is_json(result.text)


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        (b'{"a": NaN}', 6, "NaN"),
        (b'{"a": [1, 2', 11, "ends inside an array"),
        (b'{"a": 1} x', 9, "more follows"),
        (b'{"a": "b', 8, "ends inside a string"),
        (b"   ", 3, "holds no value"),
        (b"\xff\xfe{\x00}\x00", 0, "UTF-16"),
    ],
)
def test_what_is_no_json_is_told_with_its_byte(
    text: bytes, offset: int, reason: str, shrink: Shrink
) -> None:
    with pytest.raises(InvalidJsonError, match=reason) as told:
        shrink(text, lambda _: True)
    assert told.value.offset == offset


@pytest.mark.parametrize("depth", [500, 100_000])
def test_how_deep_it_must_nest_is_found(depth: int, shrink: Shrink) -> None:
    least = depth // 3
    result = shrink(b"[" * depth + b"]" * depth, lambda tried: tried.count(b"[") >= least)
    assert result.text == b"[" * least + b"]" * least
    assert result.shrunk.checks <= 40


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_needle_below_many_levels_is_found(opening: bytes, shrink: Shrink) -> None:
    closing = b"]" if opening == b"[" else b"}"
    text = opening * 20_000 + b'["NEEDLE",1]' + closing * 20_000
    result = shrink(text, lambda tried: b"NEEDLE" in tried)
    assert result.text.count(opening) < 8
    assert result.text.strip(b'[]{}a:"') == b"NEEDLE"
    assert result.shrunk.checks <= 40


def test_a_long_string_among_records_is_shortened(shrink: Shrink) -> None:
    blob = "é" * 60_000 + "NEEDLE" + "😀" * 60_000
    text = json.dumps([{"id": 1, "blob": "x"}, {"id": 2, "blob": blob}]).encode()
    result = shrink(text, lambda tried: b"NEEDLE" in tried)
    assert json.loads(result.text) == [{"blob": "NEEDLE"}]
    assert result.shrunk.checks <= 45


def test_what_never_shows_it_is_refused(shrink: Shrink) -> None:
    with pytest.raises(NotShownError, match="it was looked at"):
        shrink(b"[1]", lambda _: False)


@pytest.mark.parametrize("answers", [[True, False], [False, True]])
def test_a_snapshot_that_shows_it_only_at_times_is_refused(
    answers: list[bool], shrink: Shrink
) -> None:
    left = list(answers)
    with pytest.raises(NotRepeatableError, match="differ"):
        shrink(b"[1]", lambda _: left.pop(0))


def test_what_passed_once_only_is_not_the_result(shrink: Shrink) -> None:
    seen: set[bytes] = set()

    def forgetful(tried: bytes) -> bool:
        """Pass with what holds 100 elements, and once with less."""
        is_new = tried not in seen
        seen.add(tried)
        return tried.count(b"1") >= 100 or (is_new and tried.count(b"1") >= 40)

    result = shrink(b"[" + b",".join([b"1"] * 1000) + b"]", forgetful)
    assert result.shrunk.steps_back > 0
    assert result.text.count(b"1") >= 100
    assert result.shrunk.is_confirmed


def test_no_more_checks_are_made_than_may_be(shrink: Shrink) -> None:
    text, document = hero(500_000)
    needle = str(document["troops"][50]["id"]).encode()
    result = shrink(text, lambda tried: needle in tried, most_checks=12)
    assert result.shrunk.checks <= 12
    assert len(result.text) < len(text) / 10
    assert needle in result.text
    assert result.shrunk.is_confirmed


def test_the_same_snapshot_is_never_tried_twice(shrink: Shrink) -> None:
    text, document = hero(500_000)
    needle = str(document["pets"][50]["id"]).encode()
    result = shrink(text, lambda tried: needle in tried)
    tried = result.asked[2:-1]  # the source is checked twice, and the result again
    assert len(set(tried)) == len(tried)
