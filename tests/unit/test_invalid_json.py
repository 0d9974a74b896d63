"""Where a file stops being JSON: the byte that a person must look at."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core.errors import InterruptedRunError
from harness.snapshots import invalid_json_at

CHUNK = 64 * 1024
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def silent(what: str, done: int, total: int) -> None:
    """Hear of the progress and say nothing."""


def check(path: Path, data: bytes) -> tuple[int, str] | None:
    path.write_bytes(data)
    return invalid_json_at(path, silent)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.json"


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b" [1, 2]\n",
        b'"text"',
        b"123",
        b'{"a": {"a": [true, false, null]}}',
        b'["\\u00e9", "\\ud83d\\ude00", "\xc3\xa9"]',
        # JSON bounds no number: these are valid, whatever a parser's own numbers hold.
        b"[9223372036854775808]",
        b"[123456789012345678901234567890]",
        b"[1e999, -1e-999, 1.5e400]",
        b"[" + b"9" * 5000 + b"]",
        b"[1e99999999999999999999999]",
        b"[" * 20_000 + b"]" * 20_000,
    ],
)
def test_what_is_json_is_not_blamed(data: bytes, file: Path) -> None:
    assert check(file, data) is None


@pytest.mark.parametrize(
    ("data", "byte", "words"),
    [
        (b"", 0, "premature EOF"),
        (b"  ", 2, "premature EOF"),
        (b'{"a": 1', 7, "premature EOF"),
        (b'{"a": "tex', 10, "premature EOF"),
        (b"nul", 3, "invalid string"),
        (b"\xef\xbb\xbf{}", 0, "invalid char"),
        (b"\x00", 0, "invalid char"),
        (b"[NaN]", 1, "invalid char"),
        (b"[1, Infinity]", 4, "invalid char"),
        (b"{'a': 1}", 1, "invalid char"),
        (b"{a: 1}", 1, "invalid char"),
        (b'{"a" 1}', 6, "colon"),
        (b"[1, 2,]", 6, "unallowed token"),
        (b'{"a": 1,}', 8, "invalid object key"),
        (b"{1: 2}", 2, "invalid object key"),
        (b"[1 2]", 4, "after array element"),
        (b"]", 0, "unallowed token"),
        (b"[1]]", 3, "trailing garbage"),
        (b"[1] x", 4, "trailing garbage"),
        (b"[1]\x00", 3, "trailing garbage"),
        (b'{"a": 1}\n{"a": 2}\n', 9, "trailing garbage"),
        (b"// note\n[1]", 0, "comment"),
        (b'["a\nb"]', 3, "invalid character inside string"),
        (b'["\xff"]', 2, "UTF8"),
        (b'["\\x"]', 3, "may not"),
        (b'["\\u12"]', 6, "non-hex"),
        (b"[-]", 2, "malformed number"),
        (b"[1.]", 3, "malformed number"),
        (b"[.5]", 1, "invalid char"),
    ],
)
def test_the_first_byte_that_cannot_be(data: bytes, byte: int, words: str, file: Path) -> None:
    assert check(file, data) is not None
    at, why = check(file, data) or (-1, "")
    assert at == byte
    assert words in why
    assert "\n" not in why


@pytest.mark.parametrize("at", [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
def test_the_byte_is_exact_beyond_the_first_chunk(at: int, file: Path) -> None:
    head = b"[" + b" " * (at - 1)
    tail = b" " * CHUNK + b"1]"
    assert check(file, head + b"!" + tail) == (at, "lexical error: invalid char in json text")
    assert check(file, head + tail) is None


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_a_file_that_was_cut_short_ends_at_its_end(size: int, file: Path) -> None:
    whole = json.dumps([{"name": "hero", "level": 7}] * 10_000).encode()
    assert check(file, whole[:size]) == (size, "parse error: premature EOF")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_what_python_writes_is_json(file: Path, value: object) -> None:
    data = json.dumps(value).encode()
    assert check(file, data) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES.filter(lambda value: isinstance(value, list | dict | str)), st.data())
def test_every_cut_is_found(file: Path, value: object, data: st.DataObject) -> None:
    whole = json.dumps(value).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    at, _ = check(file, whole[:cut]) or (-1, "")
    assert at == cut


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.sampled_from([b"x", b"]", b"}", b"{}", b"[1]", b","]))
def test_whatever_follows_is_found(file: Path, value: object, more: bytes) -> None:
    whole = json.dumps(value).encode() + b" "
    assert check(file, whole + more) == (len(whole), "parse error: trailing garbage")


def test_what_is_not_there_cannot_be_checked(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        invalid_json_at(file, silent)


def test_a_check_says_how_far_it_is_and_can_be_ended(file: Path) -> None:
    heard: list[tuple[str, int, int]] = []

    def hear(what: str, done: int, total: int) -> None:
        heard.append((what, done, total))
        if done == 2 * CHUNK:
            raise InterruptedRunError("enough")

    file.write_bytes(b"[" + b" " * (4 * CHUNK))
    with pytest.raises(InterruptedRunError, match="enough"):
        invalid_json_at(file, hear)
    size = 4 * CHUNK + 1
    name = "Checking snapshot.json"
    assert heard == [(name, CHUNK, size), (name, 2 * CHUNK, size)]
