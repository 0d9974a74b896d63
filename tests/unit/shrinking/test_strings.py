"""Long strings are cut between characters only."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthetic.shrinking.outline import Form
from synthetic.shrinking.parts import Value
from synthetic.shrinking.source import Source
from synthetic.shrinking.strings import cut_before, shorten

UNITS = ["a", "é", "中", "😀", '"', "\\", "\n", "\x01", "/", "u", "d", "0"]


def is_whole(text: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in text)


def opened(path: Path, content: bytes) -> tuple[Source, Value]:
    path.write_bytes(b'"' + content + b'"')
    return Source(path), Value(form=Form.STRING, start=0, end=len(content) + 2)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    units=st.lists(st.sampled_from(UNITS), min_size=1, max_size=40),
    times=st.sampled_from([1, 300]),
    ascii_=st.booleans(),
    share=st.floats(0, 1),
)
def test_a_cut_is_between_two_characters(
    units: list[str], times: int, ascii_: bool, share: float, tmp_path: Path
) -> None:
    text = "".join(units) * times
    content = json.dumps(text, ensure_ascii=ascii_).encode()[1:-1]
    source, value = opened(tmp_path / "s.json", content)
    place = 1 + int(share * len(content))
    try:
        cut = cut_before(source, value, place)
    finally:
        source.close()
    assert 1 <= cut <= place
    left, right = content[: cut - 1].decode(), content[cut - 1 :].decode()
    parts = [json.loads(f'"{part}"') for part in (left, right)]
    assert "".join(parts) == text
    assert all(map(is_whole, parts))
    # It is the last such place, but where a run of escapes hides where one begins.
    assert place - cut < 12 or set(units) & {"\\", '"', "\n", "\x01", "/"} or ascii_


@pytest.mark.parametrize("unit", ["\\u4e2d", "\\ud83d\\ude00", "\\\\", "\\n\\\\", "\\u0001a"])
def test_a_string_of_escapes_alone_can_be_cut(unit: str, tmp_path: Path) -> None:
    source, value = opened(tmp_path / "s.json", (unit * 20_000).encode())
    try:
        cut = cut_before(source, value, value.end // 2)
    finally:
        source.close()
    part = json.loads(b'"' + (unit * 20_000).encode()[: cut - 1] + b'"')
    assert is_whole(part)
    if unit != "\\\\":  # which a run of backslashes hides
        assert cut > value.end // 3


@pytest.mark.parametrize("at", [0, 1, 5_000, 199_000, 299_993])
def test_a_needle_in_a_string_is_found(at: int, tmp_path: Path) -> None:
    content = b"ab-" * 100_000
    content = content[:at] + b"NEEDLE!" + content[at + 7 :]
    source, value = opened(tmp_path / "s.json", content)
    tests = 0

    def passes() -> bool:
        nonlocal tests
        tests += 1
        begin = value.head if value.head >= 0 else 1
        end = value.tail if value.tail >= 0 else value.end - 1
        return b"NEEDLE!" in source.read(begin, end)

    try:
        shorten(value, source, passes)
        assert passes()
        assert value.tail == (at + 8 if at < 299_993 else -1)
        assert value.head == (at + 1 if at else -1)
    finally:
        source.close()
    assert tests <= 30
