import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
