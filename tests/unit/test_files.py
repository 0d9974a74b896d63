"""Files that are written at once or not at all."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import InputError, NoVerdictError
from harness.files import check_writable, publish, replacing


@contextlib.contextmanager
def full_disk(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a disk that is full.

    For a moment only: where the tests' own output goes to a file, that is one of them.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    for data in (b"first", b"second", b""):
        publish(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    publish(path, b"old")
    said = r"report\.json cannot be written: File too large"
    with pytest.raises(NoVerdictError, match=said), full_disk(4096):
        publish(path, b"x" * 4097)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_that_is_full_is_no_verdict() -> None:
    with pytest.raises(NoVerdictError, match="No space left on device"):
        publish(Path("/dev/full"), b"x")
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("name", ["missing/report.json", "file/report.json", "folder"])
def test_what_cannot_be_written_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(NoVerdictError, match=f"{name} cannot be written: "):
        publish(tmp_path / name, b"x")


def test_a_device_keeps_its_place(tmp_path: Path) -> None:
    read, write = os.pipe()
    link = tmp_path / "stdout"
    link.symlink_to(f"/proc/self/fd/{write}")
    publish(link, b"to whoever reads")
    assert link.is_symlink()
    assert os.read(read, 100) == b"to whoever reads"
    for descriptor in (read, write):
        os.close(descriptor)
    publish(Path(os.devnull), b"x")
    assert Path(os.devnull).is_char_device()


def test_a_link_keeps_its_place(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old and longer")
    link.symlink_to(target)
    publish(link, b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")


def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with replacing(tmp_path / "snapshot.json") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["new", "new/folder/file", "there"])
def test_what_can_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("")
    check_writable(tmp_path / name, option="-o")
    check_writable(Path(os.devnull), option="-o")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "is a folder"),
        ("file/report.json", "is no folder"),
        ("file/more/report.json", "is no folder"),
    ],
)
def test_what_cannot_be_written_is_said_beforehand(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=rf"^-o: .*{words}"):
        check_writable(tmp_path / name, option="-o")


@pytest.mark.usefixtures("ordinary_user")
@pytest.mark.parametrize("place", ["closed", "closed/report.json", "closed/new/report.json"])
def test_what_this_user_may_not_write(place: str) -> None:
    folder = Path("/" if place == "closed" else "/etc")
    with pytest.raises(InputError, match=r"^--out: .* is not writable for this user"):
        check_writable(folder / place, option="--out")
