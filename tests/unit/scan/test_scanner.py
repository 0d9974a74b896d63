import json
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Kind
from synthetic.scan.scanner import Scanner

NAMES = {
    Kind.OPEN_OBJECT: "object",
    Kind.OPEN_ARRAY: "array",
    Kind.STRING: "string",
    Kind.KEY: "key",
    Kind.INTEGER: "integer",
    Kind.FLOAT: "float",
    Kind.TRUE: "true",
    Kind.FALSE: "false",
    Kind.NULL: "null",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=40,
)  # fmt: skip


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def measured(text: bytes, size: int) -> Counter[str]:
    """Count tokens by kind, and the characters and widths of strings."""
    found: Counter[str] = Counter()
    for block in Scanner().blocks(pieces(text, size)):
        for kind, count in Counter(block.kinds.tolist()).items():
            if kind in NAMES:
                found[NAMES[Kind(kind)]] += count
        found["characters"] += int(block.texts.characters.sum())
        found["widths"] += int(block.texts.widths.astype(int).sum())
    return found


def width(text: str) -> int:
    highest = max(map(ord, text), default=0)
    return (highest >= 0x80) + (highest >= 0x100) + (highest >= 0x10000)


def expected(value: object) -> Counter[str]:
    found: Counter[str] = Counter()
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                found["object"] += 1
                found["key"] += len(members)
                found["characters"] += sum(map(len, members))
                found["widths"] += sum(map(width, members))
                waiting.extend(members.values())
            case list() as elements:
                found["array"] += 1
                waiting.extend(elements)
            case str() as text:
                found["string"] += 1
                found["characters"] += len(text)
                found["widths"] += width(text)
            case None:
                found["null"] += 1
            case bool() as flag:
                found[str(flag).lower()] += 1
            case int():
                found["integer"] += 1
            case _:
                found["float"] += 1
    return found


@settings(max_examples=300, deadline=None)
@given(
    value=values,
    size=st.sampled_from([1, 2, 3, 7, 30, 10_000]),
    escaped=st.booleans(),
    indent=st.sampled_from([None, 1, 4]),
)
def test_tokens_are_those_of_the_standard_library(
    value: object, size: int, escaped: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    assert +measured(text, size) == +expected(value)


def refuse(name: str) -> float:
    raise ValueError(name)


@settings(max_examples=400, deadline=None)
@given(
    value=values,
    size=st.sampled_from([1, 3, 30, 10_000]),
    spot=st.floats(0, 1),
    put=st.sampled_from([*'{}[]:,"\\ 01.eE+-tn\x01\n', ""]),
    cut=st.integers(0, 2),
)
def test_what_the_standard_library_refuses_is_refused(
    value: object, size: int, spot: float, put: str, cut: int
) -> None:
    text = json.dumps(value, ensure_ascii=False)
    place = int(spot * len(text))
    text = text[:place] + put + text[place + cut :]
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        json.loads(text, parse_constant=refuse)
        is_json = True
    except ValueError:
        try:  # NDJSON is read too
            is_json = bool(lines)
            for line in lines:
                json.loads(line, parse_constant=refuse)
        except ValueError:
            is_json = False
    if is_json:
        measured(text.encode(), size)
    else:
        with pytest.raises(InvalidJsonError):
            measured(text.encode(), size)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        (b"", 0, "no value"),
        (b" \n ", 3, "no value"),
        (b'{"a":NaN}', 5, "'NaN' is no JSON value"),
        (b"[1,-Infinity]", 3, "no JSON value"),
        (b'{"a":1,}', 7, "comma stands before the end of an object"),
        (b"[1,]", 3, "comma stands before the end of an array"),
        (b"[1 2]", 3, "a comma or its end"),
        (b'["a" "b"]', 5, "a comma or its end"),
        (b'{"a" 1}', 5, "its colon"),
        (b"{a:1}", 1, "a key in double quotes"),
        (b"{1:1}", 1, "a key in double quotes"),
        (b"[}", 1, '"}" stands where an array'),
        (b"]", 0, "never opened"),
        (b"[1]]", 3, "never opened"),
        (b"[[1]", 4, "ends inside an array"),
        (b'{"a":', 5, "ends inside an object"),
        (b'["abc', 5, "ends inside a string"),
        (b'["a\nb"]', 3, "control character"),
        (b'["\\x"]', 2, "backslash"),
        (b'["\\u12G4"]', 2, "four hexadecimal digits"),
        (b'["\xff"]', 2, "UTF-8"),
        (b'{"a":1} x', 8, "more follows"),
        (b'{"a":1} {"b":2}', 8, "more follows"),
        (b"[01]", 1, "no JSON value"),
        (b"[1.]", 1, "no JSON value"),
        (b"[.5]", 1, "no JSON value"),
        (b"[1e]", 1, "no JSON value"),
        (b"[1e5.5]", 1, "no JSON value"),
        (b"[+1]", 1, "no JSON value"),
        (b"[1-2]", 1, "no JSON value"),
        (b"[-]", 1, "no JSON value"),
        (b"[1.5.5]", 1, "no JSON value"),
        (b"[truth]", 1, "no JSON value"),
        (b"\xff\xfe[\x001\x00]\x00", 0, "UTF-16"),
    ],
)  # fmt: skip
def test_errors_say_at_which_byte_and_why(text: bytes, offset: int, words: str, size: int) -> None:
    with pytest.raises(InvalidJsonError) as caught:
        measured(text, size)
    assert caught.value.offset == offset
    assert words in caught.value.reason


@pytest.mark.parametrize(
    "number", ["0", "-0", "10", "1e999", "-1E-9", "0.5e+3", "9" * 400, "1." + "0" * 300]
)
@pytest.mark.parametrize("size", [1, 1000])
def test_numbers_of_any_length_are_numbers(number: str, size: int) -> None:
    kind = "float" if set(number) & set(".eE") else "integer"
    assert measured(f"[{number}]".encode(), size)[kind] == 1
    assert measured(number.encode(), size)[kind] == 1


@pytest.mark.parametrize("size", [10_000, 100_000])
@pytest.mark.parametrize(
    "content",
    [
        "x" * 500_000,
        'é\\"' * 100_000,
        "\\ud83d\\ude00" * 50_000,
        "😀\\n" * 60_000,
        "\\\\" * 200_000,
    ],
)
def test_long_strings_are_measured_and_not_held(content: str, size: int) -> None:
    text = f'{{"key":"{content}","{content}":[1],"after":"é"}}'.encode()
    decoded = json.loads(f'"{content}"')
    found = measured(text, size)
    assert found["characters"] == len(decoded) * 2 + len("key") + len("after") + 1
    assert found["widths"] == width(decoded) * 2 + 1
    assert (found["key"], found["string"], found["integer"]) == (3, 2, 1)


def test_the_place_of_an_error_behind_a_long_string_is_right() -> None:
    text = b'{"a":"' + b"x" * 300_000 + b'","b":oops}'
    with pytest.raises(InvalidJsonError) as caught:
        measured(text, 10_000)
    assert caught.value.offset == text.index(b"oops")


def test_lone_surrogates_are_told() -> None:
    (block,) = Scanner().blocks([b'["\\ud800","\\udc00\\ud83d","\\ud83d\\ude00"]'])
    assert block.texts.has_lone_surrogate
    assert block.texts.characters.tolist() == [1, 2, 1]
    assert block.texts.widths.tolist() == [2, 2, 3]
    (block,) = Scanner().blocks([b'["\\ud83d\\ude00"]'])
    assert not block.texts.has_lone_surrogate


@pytest.mark.parametrize("size", [1000, 100_000])
def test_depth_costs_no_recursion(size: int) -> None:
    depth = 100_000
    assert measured(b"[" * depth + b"]" * depth, size)["array"] == depth
    assert measured(b'{"a":' * depth + b"1" + b"}" * depth, size)["object"] == depth


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_lines_of_values_are_counted(size: int) -> None:
    scanner = Scanner()
    kinds = [
        kind
        for block in scanner.blocks(pieces(b'\n{"a":1}\r\n[2]\n\n"x"\n4\n', size))
        for kind in block.kinds.tolist()
    ]
    assert scanner.roots == 4
    assert kinds.count(Kind.INTEGER) == 3


def test_a_byte_order_mark_is_passed_over() -> None:
    scanner = Scanner()
    (block,) = scanner.blocks([b"\xef\xbb\xbf[1]"])
    assert scanner.has_bom
    assert block.offset_of(int(block.starts[1])) == 4
