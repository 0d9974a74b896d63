import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

ROWS = [{"id": number, "name": "n" * (number % 20), "on": number % 2 == 0} for number in range(500)]


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(ROWS), "utf-8")
    return path


def test_a_shape_is_written_where_it_is_wanted(
    oomproof: Command, snapshot: Path, tmp_path: Path
) -> None:
    done = oomproof("learn", "export.json", "-o", "new/shape.json")
    assert done.code == 0
    assert "new/shape.json" in done.out
    shape = json.loads((tmp_path / "new" / "shape.json").read_text("utf-8"))
    assert shape["bytes"] == snapshot.stat().st_size
    assert shape["root"]["arrays"]["elements"]["objects"]["count"] == 500


@pytest.mark.usefixtures("snapshot")
def test_machines_are_told_the_sizes(oomproof: Command, tmp_path: Path) -> None:
    document = oomproof("learn", "export.json", "-o", "shape.json", "--json").document()
    assert document == {
        "shape": "shape.json",
        "shape_bytes": (tmp_path / "shape.json").stat().st_size,
        "snapshot_bytes": (tmp_path / "export.json").stat().st_size,
    }


@pytest.mark.usefixtures("snapshot")
def test_a_shape_is_printed(oomproof: Command, tmp_path: Path) -> None:
    oomproof("learn", "export.json", "-o", "shape.json")
    done = oomproof("learn", "export.json", "-o", "-")
    assert (done.code, done.out) == (0, (tmp_path / "shape.json").read_text("utf-8"))
    assert oomproof("learn", "export.json", "-o", "-", "--json").code == 2


@pytest.mark.usefixtures("snapshot")
def test_keys_are_replaced_where_that_is_wanted(oomproof: Command) -> None:
    kept = oomproof("learn", "export.json", "-o", "-").out
    replaced = oomproof("learn", "export.json", "-o", "-", "--rename-keys").out
    assert '"key": "name"' in kept
    assert '"key": "name"' not in replaced
    assert len(replaced) == len(kept)


def test_a_packed_snapshot_has_the_shape_of_the_plain_one(
    oomproof: Command, snapshot: Path, tmp_path: Path
) -> None:
    text = snapshot.read_bytes()
    packed = gzip.compress(text[:5000]) + gzip.compress(text[5000:]) + bytes(8)
    (tmp_path / "export.json.gz").write_bytes(packed)
    plain = oomproof("learn", "export.json", "-o", "-").out
    assert oomproof("learn", "export.json.gz", "-o", "-").out == plain
    (tmp_path / "cut.gz").write_bytes(packed[:300])
    done = oomproof("learn", "cut.gz", "-o", "-")
    assert done.code == 2
    assert "cut.gz cannot be unpacked" in done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a":NaN}', "byte 5: 'NaN' is no JSON value"),
        (b'{"a":[1,2', "byte 9: the text ends inside an array"),
        (b'{"a":1} x', "byte 8: more follows the end of the value"),
        (b"", "byte 0: the text holds no value"),
        (b'["\xff"]', "byte 2: the text is not UTF-8"),
    ],
)
def test_what_is_no_json_is_one_line_with_the_byte(
    oomproof: Command, tmp_path: Path, text: bytes, words: str
) -> None:
    (tmp_path / "bad.json").write_bytes(text)
    done = oomproof("learn", "bad.json", "-o", "shape.json")
    assert done.code == 2
    assert done.err == f"oomproof: bad.json is no JSON: {words}\n"
    assert not (tmp_path / "shape.json").exists()


def test_what_cannot_be_read_is_one_line(oomproof: Command, tmp_path: Path) -> None:
    for name in (".", "none.json"):
        done = oomproof("learn", name, "-o", "shape.json")
        assert done.code == 2
        assert "cannot be read" in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "shape.json").exists()
