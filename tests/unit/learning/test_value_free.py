"""A shape holds nothing of a value but its class and size."""

import json
import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.learning.learner import learn
from synthetic.shape_text import text_of_shape

LONG_STRING = 12
LONG_NUMBER = 9


def shape_text(value: object, *, rename_keys: bool = False) -> str:
    text = json.dumps(value, ensure_ascii=False).encode()
    pieces = (text[start : start + 5000] for start in range(0, len(text), 5000))
    return text_of_shape(learn(pieces, rename_keys=rename_keys)).decode()


def scalars_of(value: object) -> Iterator[str]:
    """Yield the strings, numbers and keys of a value."""
    match value:
        case dict() as members:
            for key, member in members.items():
                yield key
                yield from scalars_of(member)
        case list() as elements:
            for element in elements:
                yield from scalars_of(element)
        case str() as text:
            yield text
        case bool() | None:
            pass
        case _:
            yield json.dumps(value)


def assert_nothing_long_stands_in(text: str, value: object) -> None:
    held = [
        one
        for one in scalars_of(value)
        if one in text and (len(one) >= LONG_STRING or len(re.sub(r"\D", "", one)) >= LONG_NUMBER)
    ]
    assert held == []


def records(count: int) -> list[dict[str, object]]:
    draw = random.Random(4)  # noqa: S311  (no secret is drawn)
    return [
        {
            "id": draw.randrange(10**9, 10**11),
            "at": draw.randrange(1_600_000_000, 1_700_000_000),
            "ratio": draw.random(),
            "note": "".join(draw.choices("abcdefghij ", k=draw.randrange(60))),
            "by_mail": {
                f"{''.join(draw.choices('klmnop', k=8))}@example.org": draw.random()
                for _ in range(draw.randrange(3))
            },
        }
        for _ in range(count)
    ]


def test_no_long_string_number_or_map_key_of_records_stands_in_their_shape() -> None:
    value = {"records": records(3000), "count": 123_456_789, "total": 10**12}
    text = shape_text(value)
    assert '"ratio"' in text
    assert_nothing_long_stands_in(text, value)


def test_long_sums_are_written_in_groups() -> None:
    text = shape_text(["x" * 65_000] * 2000)
    assert "130_000_000" in text
    assert re.search(r"\d{9}", text) is None


CANARIES = ("q", "zq", "q7z", "quokka", "Qx-Zy.9", "quokka quota", "quokka" * 9, "quokka" * 2000)


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("rename_keys", [False, True])
def test_planted_strings_never_stand_in_a_shape(canary: str, rename_keys: bool) -> None:
    value = [
        {"text": canary, "list": [canary, 1], "deep": {"deeper": [[{"deepest": canary}]]}}
        for _ in range(20)
    ]
    text = shape_text(value, rename_keys=rename_keys)
    assert canary not in re.sub(r'"[a-z_]+": ', "", text.replace("ucs-", ""))
    assert canary not in text or len(canary) < 3


@pytest.mark.parametrize("number", [7919, 31_337, -27_182_818, 6.02214076, 1.5e-17, 10**15 + 37])
def test_planted_numbers_never_stand_in_a_shape(number: float) -> None:
    text = shape_text([{"n": number, "list": [number] * 3} for _ in range(50)])
    assert json.dumps(number).lstrip("-") not in text


@pytest.mark.parametrize(
    "keys",
    [
        ["quokka@example.org", "wombat@example.org"],
        ["https://example.org/quokka", "https://example.org/wombat"],
        ["2024-01-31", "2024-02-29"],
        ["550e8400-e29b-41d4-a716-446655440000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
        ["1017", "1018", "1019"],
        ["user10001", "user10002"],
        ["Mary Ann Quokka", "Jane Wombat"],
        ["größte Stadt", "kleinste Stadt"],
        ["deadbeef01234567", "cafebabe89abcdef"],
        [f"quokka{number}" for number in range(12)],
        [f"name{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(300)],
    ],
)
@pytest.mark.parametrize("count", [1, 5])
def test_keys_that_are_data_never_stand_in_a_shape(keys: list[str], count: int) -> None:
    value = [{"label": "x", "counts": {key: len(key) for key in keys}} for _ in range(count)]
    text = shape_text(value)
    assert [key for key in keys if key in text] == []
    assert '"label"' in text


def test_ids_of_similar_objects_are_data() -> None:
    value = {name: {"age": 1, "city": "x"} for name in ("mary", "jane", "john", "ann", "bob")}
    text = shape_text(value)
    assert [name for name in value if name in text] == []
    assert '"city"' in text


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "name": "x", "address_line_2": None, "vip": True},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}},
        {"$ref": "x", "@id": "y", "xmlns:dc": "z", "content-type": "t", "i18n": 1, "utf8": 2},
        {f"column_{chr(97 + number)}": number for number in range(26)},
        {"min": {"x": 1, "y": 2}, "max": {"x": 3, "y": 4}},
    ],
)
@pytest.mark.parametrize("count", [1, 50])
def test_keys_that_are_structure_are_kept(record: dict[str, object], count: int) -> None:
    text = shape_text([record] * count)
    assert [key for key in record if f'"{key}"' not in text] == []


def test_the_columns_of_wide_records_are_kept() -> None:
    record = {f"column {number}": number for number in range(200)}
    assert '"column 199"' in shape_text([record] * 50)


def test_a_name_that_is_a_value_too_is_replaced() -> None:
    value = [
        {
            "required": ["customer_reference", "id"],
            "customer_reference": 1,
            "customer_reference_2": 2,
        }
        for _ in range(20)
    ]
    text = shape_text(value)
    assert "customer_reference" not in text
    assert '"required"' in text


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.integers(10**9, 10**30) | st.text(min_size=LONG_STRING, max_size=40),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(st.sampled_from(["id", "name", "values", "n"]), inner, max_size=4)
        ),
        max_leaves=30,
    )
)
def test_nothing_long_of_any_value_stands_in_its_shape(value: object) -> None:
    assert_nothing_long_stands_in(shape_text(value), value)


def test_replaced_keys_are_as_long_and_as_wide_and_distinct() -> None:
    record = {"alpha": 1, "bravo": 2, "größe": 3, "имя": 4, "😀": 5, "a": 6, "b": 7, "": 8}
    text = shape_text([record] * 50, rename_keys=True)
    keys = [json.loads(key) for key in re.findall(r'"key": ("[^"]*")', text)]
    assert [len(key) for key in keys] == [len(key) for key in record]
    assert [len(key.encode()) for key in keys] == [len(key.encode()) for key in record]
    assert len(set(keys)) == len(keys)
    assert set(keys) & set(record) <= {"", "a", "b", "😀"}
    assert shape_text([record] * 50, rename_keys=True) == text
