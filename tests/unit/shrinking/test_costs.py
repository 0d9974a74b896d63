"""What values cost a full parse, for each byte of their text."""

import json
import sys
from typing import Any

import pytest

from synthetic.shrinking.costs import TextCosts, pattern_of
from synthetic.shrinking.retained import RetainedCosts, retained_costs
from synthetic.xray.interpreters import interpreter_at

DOCUMENT: dict[str, Any] = {
    "texts": ["x" * 1000 for _ in range(100)],
    "pairs": [[number, number + 1] for number in range(1000, 6000)],
    "odd key": {"inner": ["é" * 50] * 10},
    "map": {f"key {number}": {"a": [[], []]} for number in range(2000)},
}


def costs_of(text: bytes) -> RetainedCosts:
    return retained_costs((text,), interpreter_at(sys.executable).model, "json")


@pytest.fixture(scope="module")
def costs() -> RetainedCosts:
    return costs_of(json.dumps(DOCUMENT, separators=(",", ":")).encode())


def test_many_small_values_cost_more_than_long_texts(costs: RetainedCosts) -> None:
    assert costs.per_byte(("pairs",)) > 5 * costs.per_byte(("texts",))
    assert 0.9 < costs.per_byte(("texts", None)) < 1.3


def test_all_paths_together_cost_what_the_whole_costs(costs: RetainedCosts) -> None:
    size = len(json.dumps(DOCUMENT, separators=(",", ":")))
    parts = sum(
        costs.per_byte((key,)) * len(json.dumps({key: value}, separators=(",", ":")))
        for key, value in DOCUMENT.items()
    )
    assert parts == pytest.approx(costs.per_byte(()) * size, rel=0.02)


def test_any_key_of_a_map_is_one_path(costs: RetainedCosts) -> None:
    assert costs.per_byte(("map", "key 7")) == costs.per_byte(("map", "key 1999"))
    assert costs.per_byte(("map", "key 7", "a")) > 5


def test_what_is_not_known_costs_as_what_it_is_in(costs: RetainedCosts) -> None:
    assert costs.per_byte(("pairs", None, "no such key")) == costs.per_byte(("pairs", None))


def test_values_on_lines_have_the_paths_of_one() -> None:
    line = json.dumps({"pairs": [[1000, 2000]] * 100, "text": "x" * 1000}).encode()
    costs = costs_of(b"\n".join([line] * 20))
    assert costs.per_byte((None, "pairs")) > 3 * costs.per_byte((None, "text"))


def test_text_costs_the_same_everywhere() -> None:
    assert TextCosts().per_byte(("a", None)) == 1.0


def test_indices_make_no_difference() -> None:
    assert pattern_of(("a", 3, "b", 0)) == ("a", None, "b", None)
