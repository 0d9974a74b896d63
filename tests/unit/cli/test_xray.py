import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
ROWS = [{"id": 1000 + number, "name": "x" * 30} for number in range(3000)]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"rows": ROWS, "note": "a"}))
    return path


def test_people_see_the_tree_and_the_arithmetic(oomproof: Command, export: Path) -> None:
    done = oomproof("xray", export)
    assert done.code == 0
    rows = next(line for line in done.out.splitlines() if "3,000 dicts" in line)
    assert rows.split("[*]")[1].strip() == "3,000 dicts of 2 keys x 193 bytes"
    assert "Predicted peak = base + input + transient + retained" in done.out
    assert ".note" not in done.out  # it costs hardly anything


def test_machines_get_a_document(oomproof: Command, export: Path) -> None:
    document = oomproof("xray", export, "--json").document()
    assert document["bytes"] == export.stat().st_size
    assert document["base_bytes"] > 1_000_000
    paths = {path["path"]: path for path in document["paths"]}
    assert paths["$.rows[*].name"]["count"] == 3000
    assert sum(path["share"] for path in document["paths"]) == pytest.approx(1, abs=0.001)
    retained_bytes = sum(path["bytes"] for path in document["paths"])
    assert retained_bytes == document["parsers"]["json"]["retained_bytes"]
    for parser in ("json", "orjson", "msgspec"):
        costs = document["parsers"][parser]
        parts = costs["transient_bytes"] + costs["retained_bytes"]
        assert costs["peak_bytes"] == document["bytes"] + parts


def test_a_parser_and_a_depth_may_be_asked_for(oomproof: Command, export: Path) -> None:
    document = oomproof("xray", export, "--json", "--parser", "orjson", "--depth", "1").document()
    assert document["parser"] == "orjson"
    assert {path["path"] for path in document["paths"]} == {"$", "$.rows", "$.note"}
    total = sum(path["bytes"] for path in document["paths"])
    assert total == document["parsers"]["orjson"]["retained_bytes"]


def test_another_interpreter_may_be_asked_for(oomproof: Command, export: Path) -> None:
    document = oomproof("xray", export, "--json", "--python", sys.executable).document()
    assert document["python"].endswith(".".join(map(str, sys.version_info[:2])))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export.json", "--parser", "yaml"), '"yaml" is none of'),
        (("export.json", "--python", "/bin/false"), "/bin/false cannot be asked"),
        (("missing.json",), "missing.json cannot be read"),
        ((".",), "cannot be read"),
    ],
)
@pytest.mark.usefixtures("export")
def test_what_cannot_be_is_one_line(oomproof: Command, words: tuple[str, ...], said: str) -> None:
    done = oomproof("xray", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": [1, 2', "byte 11"),
        (b'{"a": NaN}', "byte 6"),
        (b'{"a": 1} more', "byte 9"),
        (b"", "byte 0"),
        (b"\xff\xfe{\x00", "byte 0"),
    ],
)
def test_no_json_is_one_line_with_its_byte(
    oomproof: Command, tmp_path: Path, data: bytes, said: str
) -> None:
    (tmp_path / "odd.json").write_bytes(data)
    done = oomproof("xray", "odd.json")
    assert (done.code, done.out) == (2, "")
    assert f"odd.json is no JSON: {said}" in done.err
    assert done.err.count("\n") == 1
