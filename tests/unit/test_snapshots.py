import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.core.case import Snapshot
from harness.core.errors import InputError, InterruptedRunError, NoVerdictError
from harness.core.quantity import Size
from harness.core.scenario import SnapshotSource
from harness.core.units import parse_size
from harness.generating import write_snapshot
from harness.snapshots import resolve_snapshots, sweep_cache, warm
from synthetic import built_in

HERO_SNAPSHOT = built_in("hero_snapshot")


def silent(what: str, done: int, total: int) -> None:
    """Hear of the progress and say nothing."""


@pytest.fixture
def resolve(tmp_path: Path) -> Callable[..., tuple[Snapshot, ...]]:
    """Return what finds files below a folder ``files``."""
    folder = tmp_path / "files"
    folder.mkdir()

    def resolve_(*files: str) -> tuple[Snapshot, ...]:
        source = SnapshotSource(files=files)
        return resolve_snapshots(source, folder=folder, cache=tmp_path / "cache", progress=silent)

    return resolve_


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., None]:
    """Return what writes files of a few bytes below ``files``."""

    def write(*names: str) -> None:
        for name in names:
            path = tmp_path / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{{"name": "{name}"}}')

    return write


Resolve = Callable[..., tuple[Snapshot, ...]]
Files = Callable[..., None]


def test_a_file_is_measured_and_hashed(resolve: Resolve, files: Files, tmp_path: Path) -> None:
    files("a.json")
    (snapshot,) = resolve("a.json")
    data = (tmp_path / "files" / "a.json").read_bytes()
    assert snapshot == Snapshot(
        label="a.json",
        path=str(tmp_path / "files" / "a.json"),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def test_patterns_are_expanded_in_order_and_files_taken_once(
    resolve: Resolve, files: Files, tmp_path: Path
) -> None:
    files("b.json", "a.json", "deep/er/c.json", "d.txt")
    labels = [snapshot.label for snapshot in resolve("*.json", "a.json", "./b.json", "**/c.json")]
    assert labels == ["a.json", "b.json", "c.json"]
    absolute = str(tmp_path / "files" / "*.txt")
    assert [snapshot.label for snapshot in resolve(absolute)] == ["d.txt"]


def test_files_of_one_name_are_told_apart(resolve: Resolve, files: Files) -> None:
    files("monday/x.json", "tuesday/x.json", "y.json")
    labels = [snapshot.label for snapshot in resolve("*/x.json", "y.json")]
    assert labels == ["monday/x.json", "tuesday/x.json", "y.json"]


@pytest.mark.parametrize("name", ["export[1].json", "what?.json", "a*b.json", "x [copy].json"])
def test_a_name_may_hold_what_is_special_in_a_pattern(
    name: str, resolve: Resolve, files: Files
) -> None:
    files(name)
    assert [snapshot.label for snapshot in resolve(name)] == [name]


def test_a_link_is_a_file(resolve: Resolve, files: Files, tmp_path: Path) -> None:
    files("a.json")
    (tmp_path / "files" / "link.json").symlink_to("a.json")
    assert [snapshot.label for snapshot in resolve("link.json")] == ["link.json"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.json", "is not there"),
        ("dangling.json", "is not there"),
        ("dangl*.json", "is not there"),
        ("empty.json", "is empty"),
        ("folder", "is a folder"),
        ("pipe", "a device or a pipe"),
        ("a.json/b.json", "cannot be read: Not a directory"),
        ("loop.json", "cannot be read: Too many levels"),
        ("x" * 300, "cannot be read: File name too long"),
        ("bad\nname.json", "cannot be shown"),
        ("\udcff.json", "cannot be shown"),
        ("\x1b(0.json", "cannot be shown"),
        ("*.jsn", 'nothing matches "*.jsn"'),
        ("fold*", 'nothing matches "fold*"'),
        ("a**b", "cannot be looked for"),
    ],
)
def test_what_cannot_be_replayed_is_bad_input(
    name: str, words: str, resolve: Resolve, files: Files, tmp_path: Path
) -> None:
    files("a.json", "folder/x.json")
    folder = tmp_path / "files"
    (folder / "empty.json").touch()
    (folder / "dangling.json").symlink_to("nowhere")
    (folder / "loop.json").symlink_to("loop.json")
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError) as caught:
        resolve("a.json", name)
    assert words in str(caught.value)


@pytest.mark.usefixtures("ordinary_user")
def test_what_this_user_may_not_read_is_bad_input() -> None:
    source, folder = SnapshotSource(files=("/etc/shadow",)), Path("/")
    with pytest.raises(InputError, match=r"/etc/shadow cannot be read: Permission denied"):
        resolve_snapshots(source, folder=folder, cache=folder, progress=silent)


def shape(*sizes: str, name: str = "hero_snapshot", seed: int = 7) -> SnapshotSource:
    return SnapshotSource(
        shape=name,
        sizes=tuple(Size(text=size, bytes_=parse_size(size)) for size in sizes),
        seed=seed,
    )


def test_snapshots_are_generated_once(tmp_path: Path) -> None:
    told: list[str] = []
    source = shape("20kB", "30kB")
    for times in (1, 2):
        snapshots = resolve_snapshots(
            source,
            folder=tmp_path,
            cache=tmp_path / "new" / "cache",
            progress=lambda what, _done, _total: told.append(what),
        )
        assert [(found.label, found.bytes) for found in snapshots] == [
            ("20kB", 20_000),
            ("30kB", 30_000),
        ]
        assert snapshots[0].shape == "hero_snapshot seed 7"
        assert sum(words.startswith("Generating") for words in told) >= 2
        generated = len([words for words in told if words.startswith("Generating")])
        if times == 1:
            before = generated
    assert generated == before


def test_a_generated_snapshot_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    def resolve_it() -> Snapshot:
        return resolve_snapshots(shape("20kB"), folder=tmp_path, cache=tmp_path, progress=silent)[0]

    whole = resolve_it()
    path = Path(whole.path)
    for broken in (b"", path.read_bytes()[:-1]):
        path.write_bytes(broken)
        assert resolve_it() == whole


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            shape("5MB", name="hero"),
            'snapshots.shape: "hero" is neither a file nor built in; there are hero_',
        ),
        (shape("20kB", "5B"), "snapshots.sizes[1]: 5 is too small"),
    ],
)
def test_what_cannot_be_generated_is_bad_input(
    source: SnapshotSource, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        resolve_snapshots(source, folder=tmp_path, cache=tmp_path, progress=silent)
    assert str(caught.value).startswith(words)


def test_a_size_beyond_the_disk_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(NoVerdictError, match=r"No space left on device; 909.5 TiB are needed"):
        write_snapshot(
            tmp_path / "a.json", HERO_SNAPSHOT, size_bytes=10**15, seed=0, progress=silent
        )
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoVerdictError, match="XDG_CACHE_HOME can name another place"):
        resolve_snapshots(shape("20kB"), folder=tmp_path, cache=tmp_path / "file", progress=silent)


def test_stopping_leaves_no_half_snapshot(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        raise InterruptedRunError(f"{what} {done} {total}")

    with pytest.raises(InterruptedRunError):
        resolve_snapshots(shape("20kB"), folder=tmp_path, cache=tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_not_replaced() -> None:
    written = write_snapshot(
        Path(os.devnull), HERO_SNAPSHOT, size_bytes=20_000, seed=0, progress=silent
    )
    assert written.bytes == 20_000
    assert Path(os.devnull).is_char_device()


def test_warming_notices_what_has_changed(resolve: Resolve, files: Files, tmp_path: Path) -> None:
    files("a.json")
    (snapshot,) = resolve("a.json")
    warm([snapshot])
    with pytest.raises(NoVerdictError, match="has changed since the start"):
        warm([msgspec.structs.replace(snapshot, sha256="0" * 64)])
    path = tmp_path / "files" / "a.json"
    path.write_bytes(b"7" * len(path.read_bytes()))
    with pytest.raises(NoVerdictError, match="has changed since the start"):
        warm([snapshot])
    path.unlink()
    with pytest.raises(NoVerdictError, match="cannot be read any more"):
        warm([snapshot])


def test_warming_can_be_stopped(resolve: Resolve, files: Files) -> None:
    files("a.json")
    with pytest.raises(InterruptedRunError, match="before the run began"):
        warm(resolve("a.json"), lambda: True)


def test_what_a_killed_oomproof_left_half_made_is_removed_a_day_later(tmp_path: Path) -> None:
    dead, alive = 2**22 + 1, os.getpid()  # no process has a number above 2^22
    old = [
        f".hero_snapshot-5-seed0-v1.json.{dead}",
        f"probe-{dead}-hero_snapshot-5-seed0.json",
        f".probe-{dead}-hero_snapshot-5-seed0.json.{dead}",
    ]
    kept = [
        "hero_snapshot-5-seed0-v1.json",
        f".hero_snapshot-5-seed0-v1.json.{alive}",
        f"probe-{alive}-hero_snapshot-5-seed0.json",
        f"notes.{dead}",
    ]
    new = f".hero_snapshot-6-seed0-v1.json.{dead}"
    for name in (*old, *kept, new):
        (tmp_path / name).write_text("[")
    for name in (*old, *kept):
        os.utime(tmp_path / name, (0, 0))
    sweep_cache(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, new}
    sweep_cache(tmp_path / "missing")
