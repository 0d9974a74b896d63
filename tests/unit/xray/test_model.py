"""The tables say what the running interpreter says: its sizes, its tables, its allocator."""

import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from synthetic.xray.costs import Allocator, ContainerCosts, TextCosts
from synthetic.xray.interpreters import UnknownInterpreterError, interpreter_at, tables
from synthetic.xray.model import CostModel

LOADS: dict[str, Callable[[bytes], Any]] = {
    "json": json.loads,
    "orjson": orjson.loads,
    "msgspec": msgspec.json.decode,
}
PARSERS = sorted(LOADS)
POOL_ROUNDING = 0.012


def test_what_is_measured_now_is_in_the_table(measured: CostModel, model: CostModel) -> None:
    assert model.blocks == pytest.approx(measured.blocks, rel=POOL_ROUNDING)
    same_blocks = msgspec.structs.replace(measured, blocks=model.blocks, parsers={})
    assert same_blocks == msgspec.structs.replace(model, parsers={})


@pytest.mark.parametrize("parser", PARSERS)
def test_a_parser_is_as_in_the_table(parser: str, measured: CostModel, model: CostModel) -> None:
    now, known = measured.parsers[parser], model.parsers[parser]
    if now.version != known.version:
        return  # then `interpreter_at` measures it, and the other tests are of what is measured
    # How deep a parser may recurse depends on how deep the caller stands already.
    assert abs(now.deepest - known.deepest) < 200
    assert now.transient_per_escaped == pytest.approx(known.transient_per_escaped, abs=0.2)
    assert (
        msgspec.structs.replace(
            now, deepest=known.deepest, transient_per_escaped=known.transient_per_escaped
        )
        == known
    )


def test_there_is_one_table_for_each_interpreter() -> None:
    known = [(table.implementation, table.python, table.build) for table in tables()]
    assert len(known) == len(set(known)) >= 3
    assert all(set(table.parsers) == set(PARSERS) for table in tables())


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "count", [0, 1, 5, 6, 8, 9, 10, 11, 20, 21, 42, 43, 85, 86, 341, 342, 5000, 20_000, 200_000]
)
def test_a_dict_has_the_table_that_getsizeof_tells(
    parser: str, count: int, model: CostModel
) -> None:
    text = b"{" + b",".join(b'"k%d":0' % number for number in range(count)) + b"}"
    table_bytes = sys.getsizeof(LOADS[parser](text)) - sys.getsizeof({})
    steps = model.parsers[parser].dicts
    assert table_bytes == max(step for step in steps if step[0] <= count)[1]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("count", [0, 1, 4, 5, 16, 17, 65, 1000, 30_000, 300_000])
def test_a_list_has_the_capacity_that_getsizeof_tells(
    parser: str, count: int, model: CostModel
) -> None:
    text = b"[" + b",".join([b"0"] * count) + b"]"
    capacity = (sys.getsizeof(LOADS[parser](text)) - sys.getsizeof([])) // 8
    capacities = model.parsers[parser].lists
    expected = min(c for c in capacities if c >= count) if capacities and count else count
    assert capacity == expected


@pytest.mark.parametrize("character", ["a", "é", "я", "😀"])
@pytest.mark.parametrize("count", [2, 7, 100, 3000])
def test_a_str_has_the_bytes_that_getsizeof_tells(
    character: str, count: int, model: CostModel
) -> None:
    texts = TextCosts(model, Allocator(model))
    width = np.array(["aéя😀".index(character)], np.uint8)
    requested = texts.requested(width, np.array([count], np.intp))
    assert requested.tolist() == [sys.getsizeof(character * count)]


@pytest.mark.parametrize("parser", PARSERS)
def test_what_tracemalloc_counts_is_what_is_predicted_less_the_rounding(
    parser: str, model: CostModel
) -> None:
    wide = 1 << 40  # of 32 bytes, which no block rounds up
    records = [{"a": wide + n, "b": wide + n, "c": [wide, wide, wide]} for n in range(3000)]
    text = json.dumps(records).encode()
    LOADS[parser](text)  # keys that are shared from call to call
    tracemalloc.start()
    value = LOADS[parser](text)
    requested = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(value) == 3000
    allocator = Allocator(model)
    costs = ContainerCosts(model, model.parsers[parser], allocator)
    threes = np.full(3000, 3, np.intp)
    numbers = allocator.resident(np.full(15_000, 32, np.intp)).sum()
    predicted = costs.dicts(threes).sum() + costs.lists(threes).sum() + numbers
    predicted += costs.lists(np.array([3000], np.intp)).sum()
    assert requested <= predicted <= requested * 1.1


def test_this_interpreter_is_known() -> None:
    found = interpreter_at(sys.executable)
    assert set(found.bases) == set(PARSERS)
    assert all(1_000_000 < base < 100_000_000 for base in found.bases.values())


def test_what_is_no_interpreter_is_an_error() -> None:
    with pytest.raises(UnknownInterpreterError, match="/bin/false"):
        interpreter_at("/bin/false")
