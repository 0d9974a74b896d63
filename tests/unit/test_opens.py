"""Which snapshot a worker is at, from the order in which files are opened."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.sandbox.offset import OffsetReader
from harness.sandbox.opens import Opens, Turn


@pytest.mark.parametrize(
    ("files", "opened", "indices"),
    [
        ((7, 8, 9), (7, 8, 9), [0, 1, 2]),
        ((7, 8, 9), (7, 7, 8, 8, 8, 9, 9), [0, 0, 1, 1, 1, 2, 2]),
        ((7, 8, 9), (7, 9), [0, 2]),
        ((7, 8, 9), (7, 8, 7), [0, 1, 0]),
        ((7, 8), (5, 7, 5), [None, 0, 0]),
        ((7, 8, 7, 8), (7, 8, 8, 7, 7, 8, 8), [0, 1, 1, 2, 2, 3, 3]),
        ((7, 7, 7), (7, 7, 7), [0, 1, 2]),
        # Opened twice for each job, it comes to its end too early, and goes back.
        ((7, 7, 7), (7, 7, 7, 7), [0, 1, 2, 0]),
    ],
)
def test_a_turn_follows_the_files(
    files: Sequence[int], opened: Sequence[int], indices: list[int | None]
) -> None:
    turn = Turn(files)
    seen = []
    for file in opened:
        turn.opened(file)
        seen.append(turn.index)
    assert seen == indices


def test_the_kernel_tells_of_opens(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text("{}")
    opens = Opens(paths)
    assert opens.index() is None
    paths[0].read_text()
    assert opens.index() == 0
    paths[1].read_text()
    paths[2].read_text()
    assert opens.index() == 2
    assert opens.index() == 2


def test_a_file_given_again_takes_another_turn(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("{}")
    opens = Opens([path, path, path])
    for expected in (0, 1, 2):
        path.read_text()
        assert opens.index() == expected


def test_only_several_snapshots_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("{}")
    assert OffsetReader([path], lambda: ()).opens is None
    assert OffsetReader([path, path], lambda: ()).opens is not None
    with pytest.raises(OSError, match="No such file"):
        Opens([path, tmp_path / "gone"])
    assert OffsetReader([path, tmp_path / "gone"], lambda: ()).opens is None
