import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

Command = Callable[..., Any]
GENERATE = ("generate", "hero_snapshot", "--size", "20kB", "--seed", "7")


def test_a_snapshot_is_written_where_it_is_wanted(oomproof: Command, tmp_path: Path) -> None:
    done = oomproof(*GENERATE, "-o", "new/snapshot.json")
    data = (tmp_path / "new" / "snapshot.json").read_bytes()
    assert done.code == 0
    assert len(data) == 20_000
    assert hashlib.sha256(data).hexdigest() in done.out
    assert json.loads(data)


def test_what_was_written_is_told_to_machines(oomproof: Command, tmp_path: Path) -> None:
    document = oomproof(*GENERATE, "-o", "snapshot.json", "--json").document()
    data = (tmp_path / "snapshot.json").read_bytes()
    assert (document["bytes"], document["sha256"]) == (20_000, hashlib.sha256(data).hexdigest())


def test_a_snapshot_is_printed(oomproof: Command, tmp_path: Path) -> None:
    oomproof(*GENERATE, "-o", "snapshot.json")
    done = oomproof(*GENERATE, "-o", "-")
    assert (done.code, done.out) == (0, (tmp_path / "snapshot.json").read_text("utf-8"))


def test_a_device_is_not_replaced(oomproof: Command) -> None:
    assert oomproof(*GENERATE, "-o", os.devnull).code == 0
    assert Path(os.devnull).is_char_device()


def test_a_disk_without_room_is_no_verdict(oomproof: Command, tmp_path: Path) -> None:
    done = oomproof("generate", "hero_snapshot", "--size", "900TB", "-o", "x.json")
    assert done.code == 3
    assert "No space left on device" in done.err
    assert not (tmp_path / "x.json").exists()


def shape_file(folder: Path, **changes: Any) -> Path:
    """Write the shape of an array of numbers."""
    count = 1000
    numbers = {"integers": [{"characters": 7, "limbs": 1, "count": count}]}
    lengths = [{"low": count, "high": count, "count": 1, "total": count}]
    elements = {"count": count, "numbers": numbers}
    root = {"count": 1, "arrays": {"lengths": lengths, "elements": elements}}
    path = folder / "shape.json"
    path.write_text(json.dumps({"schema": 1, "bytes": 8001, "root": root} | changes))
    return path


def test_a_shape_file_gives_documents_of_any_size_and_of_its_own(
    oomproof: Command, tmp_path: Path
) -> None:
    shape_file(tmp_path)
    assert oomproof("generate", "shape.json", "--like-original", "-o", "a.json").code == 0
    assert oomproof("generate", "shape.json", "--size", "50kB", "-o", "b.json").code == 0
    twin, larger = ((tmp_path / name).read_bytes() for name in ("a.json", "b.json"))
    assert (len(twin), len(json.loads(twin))) == (8001, 1000)
    assert len(larger) == 50_000
    assert abs(len(json.loads(larger)) - 6249) <= 1


def test_a_snapshot_is_packed_by_its_name(oomproof: Command, tmp_path: Path) -> None:
    shape_file(tmp_path)
    for name in ("a.json", "a.json.gz", "b.json.gz", "a.json.zst"):
        assert oomproof("generate", "shape.json", "--size", "50kB", "-o", name).code == 0
    plain, packed, again, zstandard_ = (
        (tmp_path / name).read_bytes()
        for name in ("a.json", "a.json.gz", "b.json.gz", "a.json.zst")
    )
    assert gzip.decompress(packed) == plain
    assert packed == again
    assert zstandard.ZstdDecompressor().decompressobj().decompress(zstandard_) == plain
    assert max(len(packed), len(zstandard_)) < 0.7 * len(plain)


def test_what_cannot_be_generated_is_bad_input(oomproof: Command, tmp_path: Path) -> None:
    shape_file(tmp_path, schema=2)
    (tmp_path / "export.json").write_text('[{"id": 1}]')
    for words, shape, *options in (
        ("shape shape.json: schema: 2 is not known here", "shape.json", "--size", "1MB"),
        ("shape export.json: not a shape: Expected `object`", "export.json", "--size", "1MB"),
        ("shape gone.json cannot be read: No such file", "gone.json", "--size", "1MB"),
        ('"hero" is neither a file nor built in; there are hero_', "hero", "--size", "1MB"),
        ("give either --size, such as --size 200MB, or --like", "giant_array"),
        ("--like-original: giant_array is built in; give", "giant_array", "--like-original"),
        ("1 bytes are too small for this shape", "giant_array", "--size", "1B"),
    ):
        done = oomproof("generate", shape, *options, "-o", "out.json")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert words in done.err
        assert not (tmp_path / "out.json").exists()


def test_a_scenario_may_name_a_shape_file_beside_it(oomproof: Command, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    shape_file(tmp_path / "folder")
    (tmp_path / "folder" / "scenario.toml").write_text(
        """
        schema = 1
        name = "twins"
        [snapshots]
        shape = "shape.json"
        sizes = ["20kB"]
        [sandbox]
        kind = "process"
        [[worker]]
        name = "reader"
        command = ["{python}", "-c", "import json, sys; assert len(json.load(open(sys.argv[1])))",
                   "{snapshot}"]
        """
    )
    done = oomproof("run", "folder/scenario.toml", "--json")
    assert done.code == 0, done.err
    (run,) = done.document()["runs"]
    snapshot = run["case"]["snapshot"]
    assert (snapshot["bytes"], snapshot["shape"]) == (20_000, "shape.json seed 0")
