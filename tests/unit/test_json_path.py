"""The JSON path at a byte: checked against a slow walk over the same text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.autopsy.json_path import path_at, stopped_at
from harness.core.case import Snapshot
from harness.core.json_path import format_path


def ignore(done: int, total: int) -> None:
    assert done <= total


def at(tmp_path: Path, text: str, offset: int) -> str | None:
    file = tmp_path / "snapshot.json"
    file.write_text(text, "utf-8")
    return path_at(file, offset, ignore)[0]


@pytest.mark.parametrize(
    ("text", "before", "path"),
    [
        ('{"a": [1, 22, 33]}', "33", "$.a[1]"),
        ('{"a": [1, 22, 33]}', "]", "$.a[1]"),
        ('{"a": {"b c": [{"d": 1}, {"d": 2, "e": 3}]}}', '"e"', '$.a["b c"][1].d'),
        ('{"a": {"b": [{"d": 1}, {"d": 2, "e": 3}]}}', "3}]", "$.a.b[1].e"),
        ("[[1, 2], [3, [4, 5]]]", "5", "$[1][1][0]"),
        ('{"ключ": [1, 2]}', "2]", '$["ключ"][0]'),
        ('{"a": [], "b": 1, "c": 2}', ', "c"', "$.b"),
    ],
)
def test_the_value_that_came_last(tmp_path: Path, text: str, before: str, path: str) -> None:
    assert at(tmp_path, text, len(text[: text.index(before)].encode())) == path


def leaves(value: Any, steps: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    """Return the steps to every scalar that is followed by a comma, in order."""
    if not isinstance(value, dict | list):
        return []
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    found: list[tuple[str | int, ...]] = []
    for number, (step, inner) in enumerate(pairs, start=1):
        found += leaves(inner, (*steps, step))
        if not isinstance(inner, dict | list) and number < len(pairs):
            found.append((*steps, step))
    return found


json_values = st.recursive(
    st.integers() | st.booleans() | st.none() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(json_values, min_size=1))
def test_every_scalar_is_found_once_it_was_read(
    tmp_path_factory: pytest.TempPathFactory, document: list[Any]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    wanted = leaves(document, ())
    seen: list[str | None] = []
    text = json.dumps(document)
    for offset in range(2, len(text.encode()) + 1):
        path = at(folder, text, offset)
        if path is not None and (not seen or seen[-1] != path):
            seen.append(path)
    paths = [format_path(steps) for steps in wanted]
    remaining = iter(seen)
    assert all(path in remaining for path in paths), (paths, seen)


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (None, "did not hold the snapshot open"),
        (0, "read nothing of it yet"),
        (100, "to its end"),
        (120, "to its end"),
    ],
)
def test_no_path_has_a_reason(offset: int | None, words: str) -> None:
    snapshot = Snapshot(label="s", path="/nowhere", bytes=100, sha256="")
    found = stopped_at(snapshot, offset, ignore)
    assert found.path is None
    assert words in found.reason


def test_what_is_no_json_has_no_path(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text("[1, 2, oops, 3, 4, 5]", "utf-8")
    path, reason = path_at(file, 18, ignore)
    assert path is None
    assert "no JSON" in reason


def test_a_file_that_shrank_is_said(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text("[1, 2", "utf-8")
    assert path_at(file, 500, ignore) == (
        None,
        "The snapshot is shorter than what the worker had read of it.",
    )


def test_a_long_key_is_cut_and_a_hostile_one_quoted() -> None:
    assert format_path(["k" * 100]) == f'$["{"k" * 80}..."]'
    assert format_path(['a"\n\x1b[31m']) == '$["a\\"\\n\\u001b[31m"]'
    assert format_path([None]) == "$"
