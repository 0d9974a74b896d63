import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.scan.paths import DEEPER_NODE, DEEPEST, PathTree
from synthetic.scan.scanner import Scanner

keys = st.sampled_from(
    ["a", "b", "key", "a_key_longer_than_a_word", "a_key_longer_than_a_ward", "é"]
)
values = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=30,
)


def path_of(tree: PathTree, node: int) -> str:
    steps = []
    while node > 0:
        steps.append("[*]" if tree.nodes[node].key is None else f".{tree.nodes[node].key}")
        node = tree.nodes[node].parent
    return "$" + "".join(reversed(steps))


def counted(text: bytes, size: int) -> tuple[PathTree, Counter[int]]:
    tree = PathTree()
    counts: Counter[int] = Counter()
    for block in Scanner().blocks(text[at : at + size] for at in range(0, len(text), size)):
        found = tree.values_of(block)
        counts.update(found.nodes.tolist())
    return tree, counts


def expected(value: object) -> Counter[str]:
    found: Counter[str] = Counter()
    waiting = [("$", value)]
    while waiting:
        path, value = waiting.pop()
        found[path] += 1
        match value:
            case dict() as members:
                waiting.extend((f"{path}.{key}", member) for key, member in members.items())
            case list() as elements:
                waiting.extend((f"{path}[*]", element) for element in elements)
            case _:
                pass
    return found


@settings(max_examples=300, deadline=None)
@given(value=values, size=st.sampled_from([1, 5, 40, 1000]), indent=st.sampled_from([None, 2]))
def test_each_value_is_counted_at_its_path(value: object, size: int, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    tree, counts = counted(text, size)
    assert Counter({path_of(tree, node): n for node, n in counts.items()}) == expected(value)


def test_the_same_path_has_the_same_node_in_every_block() -> None:
    rows = [{"id": number, "tags": ["x"] * (number % 3)} for number in range(5000)]
    tree, counts = counted(json.dumps({"rows": rows}).encode(), 700)
    by_path = {path_of(tree, node): n for node, n in counts.items()}
    assert len(by_path) == len(counts)
    assert by_path["$.rows[*].id"] == 5000
    assert by_path["$.rows[*].tags[*]"] == sum(number % 3 for number in range(5000))


@pytest.mark.parametrize("size", [500, 1_000_000])
def test_an_object_with_very_many_keys_is_a_map(size: int) -> None:
    cities = {f"city-{number}": {"name": "x"} for number in range(3000)}
    tree, counts = counted(json.dumps({"cities": cities, "n": 1}).encode(), size)
    cities_node = tree.children(0)["cities"]
    assert tree.is_map(cities_node)
    assert not tree.is_map(0)
    assert len(tree) < 1000
    any_city = tree.map_values(cities_node)
    assert any_city is not None
    assert counts[any_city] >= 3000 - 256
    before = sum(counts[node] for node in tree.children(cities_node).values())
    assert before + counts[any_city] == 3000


def test_arrays_and_maps_in_one_place_are_told_apart() -> None:
    big = {f"key-{number}": number for number in range(600)}
    text = json.dumps([[1, 2, 3], big, [4], big]).encode()
    tree, counts = counted(text, 100_000)
    place = tree.elements(0)
    assert place is not None
    elements, values = tree.elements(place), tree.map_values(place)
    assert elements is not None
    assert values is not None
    assert (counts[elements], counts[values]) == (4, 1200)


def test_values_very_deep_share_a_node() -> None:
    depth = 1000
    tree, counts = counted(b"[" * depth + b"1" + b"]" * depth, 64)
    assert len(tree) <= DEEPEST + 3
    assert counts[DEEPER_NODE] == depth + 1 - DEEPEST
