import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic.making.filling_holes import Filler
from synthetic.making.numerals import float_template, integer_templates
from synthetic.making.scalars import recurrences, strings
from synthetic.making.texts import TextClass
from synthetic.making.widths import width_of
from synthetic.shape import Bin, Floats, Integers, Strings, Texts, Width


def filled(templates: Sequence[bytes]) -> list[str]:
    return [text.decode() for text in Filler(7).fill_texts(list(templates))]


def limbs(value: int) -> int:
    return 0 if -5 <= value <= 256 else (abs(value).bit_length() + 29) // 30


@given(st.one_of(st.integers(-300, 300), st.integers(-(2**200), 2**200), st.just(10**400)))
def test_integers_of_every_class_there_is(value: int) -> None:
    class_ = Integers(characters=len(str(value)), limbs=limbs(value), count=1, negative=value < 0)
    for text in filled(integer_templates(class_)):
        made = json.loads(text)
        assert (len(text), limbs(made), made < 0) == (class_.characters, class_.limbs, value < 0)


@pytest.mark.parametrize(("characters", "count_of_limbs"), [(3, 2), (1, 1), (40, 1), (0, 0)])
def test_integers_that_cannot_be_are_refused(characters: int, count_of_limbs: int) -> None:
    with pytest.raises(ValueError, match="no integer of"):
        integer_templates(Integers(characters=characters, limbs=count_of_limbs, count=1))


@given(st.integers(1, 20), st.integers(2, 25), st.booleans(), st.booleans())
def test_floats_are_read_as_floats(whole: int, rest: int, negative: bool, exponent: bool) -> None:
    class_ = Floats(
        characters=whole + rest + negative,
        whole=whole,
        count=1,
        negative=negative,
        has_exponent=exponent,
    )
    (text,) = filled([float_template(class_)])
    assert isinstance(json.loads(text), float)
    assert len(text) == class_.characters
    assert ("e" in text) is exponent
    digits = text.removeprefix("-").replace("e", ".").split(".")[0]
    assert (len(digits), text.startswith("-")) == (whole, negative)


WIDTHS: tuple[Width, ...] = ("ascii", "latin-1", "ucs-2", "ucs-4")


@given(
    st.sampled_from(WIDTHS),
    st.sampled_from(WIDTHS),
    st.lists(st.integers(1, 60), min_size=1, max_size=30),
    st.data(),
)
def test_texts_are_as_long_and_as_wide_as_asked(
    width: Width, widest: Width, lengths: list[int], data: st.DataObject
) -> None:
    rank, most = WIDTHS.index(width), WIDTHS.index(widest)
    is_escaped = rank > most
    least, limit = ((5, 5, 5, 11) if is_escaped else (0, 1, 2, 3))[rank], sum(lengths)
    least = 1 if (rank, is_escaped) == (2, False) else least
    extra = data.draw(st.integers(least * len(lengths), max(least * limit, least * len(lengths))))
    texts = Texts(
        width=width,
        characters=tuple(Bin(low=n, high=n, count=1, total=n) for n in lengths),
        bytes=limit + extra,
        escaped=extra if is_escaped else 0,
    )
    templates = TextClass(texts, widest=widest).templates(lengths)
    made = filled([b'"%b"' % template for template in templates])
    assert [len(json.loads(text)) for text in made] == lengths
    assert {width_of(json.loads(text)) for text in made} == {width}
    assert all(not is_escaped or text.isascii() for text in made)
    assert abs(sum(len(text.encode()) - 2 for text in made) - texts.bytes) <= 5 * len(lengths)


def test_all_bytes_come_out_where_there_is_room_for_them() -> None:
    texts = Texts(
        width="ucs-2",
        characters=(Bin(low=40, high=40, count=500, total=20_000),),
        bytes=20_000 + 23_456 + 1234,
        escaped=1234,
    )
    templates = TextClass(texts, widest="ucs-2").templates([40] * 500)
    assert sum(map(len, templates)) == texts.bytes
    assert sum(template.count(rb"\n") for template in templates) == 1234


def test_strings_that_recur_come_from_a_small_set() -> None:
    text = Texts(width="ascii", characters=(Bin(low=9, high=9, count=900, total=8100),), bytes=8100)
    shape = Strings(texts=(text,), distinct=12)
    ((scalar, _),) = strings(shape, [TextClass(text, widest="ascii")], Filler(7))
    texts = scalar.take(900, 1)
    assert len(set(filled(texts))) == 12
    assert max(texts.count(text) for text in set(texts)) == 75


def test_many_distinct_values_are_partly_new() -> None:
    (share,) = recurrences([10_000], 5_000)
    assert (share.kept, share.fresh) == (1024, 3976)


def test_where_hardly_any_value_recurs_all_are_new() -> None:
    assert [share.kept for share in recurrences([10, 90], 95)] == [0, 0]
