import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.scan.containers import ARRAY, OBJECT
from synthetic.scan.outline import Cut, cut_behind, key_before

texts = st.text(st.sampled_from('ab,:[]{}"\\é '), max_size=8)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=40,
)


def cut_of(text: bytes, target: int, size: int) -> Cut | None:
    return cut_behind((text[at : at + size] for at in range(0, len(text), size)), target)


def expected(text: str, target: int) -> tuple[int, list[tuple[int, int]]] | None:
    """Return the same, found character by character of an ASCII text."""
    openings: list[tuple[int, int]] = []
    in_string = escapes = False
    for place, character in enumerate(text):
        if escapes:
            escapes = False
        elif in_string:
            escapes = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "[{":
            openings.append((place, OBJECT if character == "{" else ARRAY))
        elif character in "]}":
            openings.pop()
        elif character == "," and place >= target:
            return place, openings
    return None


@settings(max_examples=200, deadline=None)
@given(
    value=values,
    share=st.floats(0, 1),
    size=st.sampled_from([1, 3, 20, 1000]),
    indent=st.sampled_from([None, 2]),
)
def test_what_is_open_at_a_comma(
    value: object, share: float, size: int, indent: int | None
) -> None:
    text = json.dumps(value, indent=indent)
    target = int(share * len(text))
    cut = cut_of(text.encode(), target, size)
    found = cut and (cut.offset, [(one.offset, one.context) for one in cut.openings])
    assert found == expected(text, target)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b'{"a": [', b"a"),
        (b'{"x": 1, "a b" \n:\t[', b"a b"),
        (rb'{"a\"b\\": [', rb"a\"b\\"),
        (b'{"": [', b""),
        (b"[1, [", None),
        (b"[", None),
    ],
)
def test_the_key_before_an_opening(text: bytes, key: bytes | None) -> None:
    assert key_before(io.BytesIO(text), len(text) - 1) == key


def test_what_closes_too_much_has_no_outline() -> None:
    assert cut_of(b"[1]]]], 2, 3", 3, 100) is None
