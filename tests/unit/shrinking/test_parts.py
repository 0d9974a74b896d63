"""The parts of a snapshot: they cover it, and split down to its elements."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthetic.shrinking.outline import Form
from synthetic.shrinking.parts import Part, Tree, Value
from synthetic.shrinking.source import Source

TEXTS = st.text(max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXTS, inner, max_size=8),
    max_leaves=60,
)  # fmt: skip
STYLES: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {"indent": 2},
    {"separators": (" ,\n", "\t: "), "ensure_ascii": False},
]


def rebuilt(tree: Tree, value: Value) -> Any:
    """Return a value as it is read from its parts alone, each split down to one element."""
    read = tree.source.read
    match value.form:
        case Form.ARRAY | Form.ROOT:
            return [rebuilt(tree, inner) for inner in singles(tree, value)]
        case Form.OBJECT:
            return {tree.key(inner): rebuilt(tree, inner) for inner in singles(tree, value)}
        case Form.STRING | Form.SCALAR:
            return json.loads(read(value.start, value.end))


def singles(tree: Tree, value: Value) -> list[Value]:
    while any(part.count > 1 for part in tree.parts(value)):
        for part in list(tree.parts(value)):
            tree.split(part)
    found = [tree.look(part) for part in tree.parts(value)]
    assert [part.index for part in tree.parts(value)] == list(range(len(found)))
    assert None not in found
    return [inner for inner in found if inner is not None]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=DOCUMENTS, style=st.sampled_from(STYLES), times=st.sampled_from([1, 3, 50]))
def test_parts_are_the_elements(
    document: Any, style: dict[str, Any], times: int, tmp_path: Path
) -> None:
    whole = [document] * times
    path = tmp_path / "parts.json"
    path.write_text(json.dumps(whole, **style), "utf-8")
    source = Source(path)
    try:
        tree = Tree(source)
        assert rebuilt(tree, tree.root) == [whole]
    finally:
        source.close()


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=20))
def test_values_on_lines_are_the_elements_of_the_text(documents: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "lines.json"
    path.write_text("\n".join(json.dumps(document) for document in documents), "utf-8")
    source = Source(path)
    try:
        tree = Tree(source)
        assert rebuilt(tree, tree.root) == documents
    finally:
        source.close()


def opened(tmp_path: Path, text: bytes) -> Tree:
    path = tmp_path / "text.json"
    path.write_bytes(text)
    return Tree(Source(path))


def value_at(tree: Tree, *steps: int) -> Value:
    value = tree.root
    for step in steps:
        found = tree.look(singles(tree, value)[step].part or pytest.fail("no part"))
        assert found is not None
        value = found
    return value


def test_paths_name_keys_and_indices(tmp_path: Path) -> None:
    tree = opened(tmp_path, b'{"a": [1, {"b c": [0, 7]}]}')
    value = value_at(tree, 0, 0, 1, 0, 1)
    assert tree.source.read(value.start, value.end) == b"7"
    assert tree.path(value) == ("a", 1, "b c", 1)


def test_of_values_on_lines_the_line_is_named(tmp_path: Path) -> None:
    tree = opened(tmp_path, b'{"a":1}\n{"a":2}\n')
    assert tree.path(value_at(tree, 1, 0)) == (1, "a")


def test_an_outline_is_as_coarse_as_the_text_is_long(tmp_path: Path) -> None:
    count = 300_000
    tree = opened(tmp_path, b"[" + b",".join([b"[1]"] * count) + b"]")
    root = value_at(tree, 0)
    assert 1000 < len(tree.parts(root)) < 5000
    assert sum(part.count for part in tree.parts(root)) == count


def test_a_giant_among_small_elements_is_a_part_of_its_own(tmp_path: Path) -> None:
    giant = json.dumps([list(range(100))] * 2000).encode()
    small = b",".join([b'{"a":1}'] * 3000)
    tree = opened(tmp_path, b"[" + small + b"," + giant + b"," + small + b"]")
    root = value_at_root(tree)
    largest = max(tree.parts(root), key=lambda part: part.bytes)
    assert largest.count == 1
    assert largest.index == 3000
    assert largest.value is not None
    assert largest.value.form is Form.ARRAY
    assert len(tree.parts(largest.value)) > 1


def value_at_root(tree: Tree) -> Value:
    only: Part = tree.parts(tree.root)[0]
    value = tree.look(only)
    assert value is not None
    return value
