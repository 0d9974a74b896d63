"""Snapshots: found or generated, measured and hashed, warmed before a run, checked after one."""

import contextlib
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import ijson
import msgspec

from harness.core.case import Snapshot
from harness.core.errors import InputError, InterruptedRunError, NoVerdictError
from harness.core.scenario import SnapshotSource
from harness.core.units import format_megabytes
from harness.generating import generator_of, write_snapshot
from harness.reading import ByteProgress
from synthetic import Generator

_CHUNK_BYTES: Final = 1024 * 1024
_CHECK_BYTES: Final = 64 * 1024
_STALE_S: Final = 86_400
# As `replacing` and `ProbeMaker` call them.
_MADE_BY: Final = re.compile(r"\..+\.json\.(?P<pid>\d+)|probe-(?P<probe>\d+)-.+\.json")


def resolve_snapshots(
    source: SnapshotSource,
    *,
    folder: Path,
    cache: Path,
    progress: ByteProgress,
) -> tuple[Snapshot, ...]:
    """Return the snapshots that a scenario names, generated ones made where they are missing.

    `folder` is what relative paths start from; `cache` keeps generated snapshots. `progress` is
    told what is being done, the bytes done and the bytes in all.

    Raises:
        InputError: a file is missing, unreadable or empty; a shape is unknown or too small.
        NoVerdictError: a snapshot could not be written.

    """
    if source.shape is not None:
        return tuple(_generated(source, folder, cache, progress))
    return tuple(_from_files(source.files, folder, progress))


def _generated(
    source: SnapshotSource, folder: Path, cache: Path, progress: ByteProgress
) -> Iterator[Snapshot]:
    generator = _generator(source, folder)
    sweep_cache(cache)
    for index, size in enumerate(source.sizes):
        name = f"{generator.identity}-{size.bytes}-seed{source.seed}.json"
        path = cache / name
        try:
            if not _is_whole(path, size.bytes):
                write_snapshot(
                    path, generator, size_bytes=size.bytes, seed=source.seed, progress=progress
                )
        except InputError as error:
            raise InputError(f"snapshots.sizes[{index}]: {error}") from error
        except InterruptedRunError:
            raise
        except NoVerdictError as error:
            raise NoVerdictError(f"{error}; XDG_CACHE_HOME can name another place") from error
        yield _snapshot(path, size.text, progress, shape=f"{generator.name} seed {source.seed}")


def _generator(source: SnapshotSource, folder: Path) -> Generator:
    try:
        return generator_of(source.shape or "", folder=folder)
    except InputError as error:
        raise InputError(f"snapshots.shape: {error}") from error


def _is_whole(path: Path, size_bytes: int) -> bool:
    """Whether a generated snapshot is there, not cut short by a loss of power or by hand."""
    return path.is_file() and path.stat().st_size == size_bytes


class ProbeMaker:
    """Makes snapshots like a scenario's own synthetic ones in any size, each for one run only."""

    def __init__(
        self, source: SnapshotSource, *, folder: Path, cache: Path, progress: ByteProgress
    ) -> None:
        """Make snapshots of `source`, which has a shape; `cache` holds each while it is used.

        `folder` is what the path of a shape starts from.

        Raises:
            InputError: the shape is unknown, or none.

        """
        self._generator = _generator(source, folder)
        self._seed = source.seed
        self._cache = cache
        self._progress = progress

    @contextlib.contextmanager
    def snapshot(self, size_bytes: int) -> Iterator[Snapshot]:
        """Hold a snapshot of `size_bytes`.

        Raises:
            InputError: the size is too small for the shape.
            NoVerdictError: it could not be written.

        """
        generator, seed = self._generator, self._seed
        name = f"probe-{os.getpid()}-{generator.identity}-{size_bytes}-seed{seed}.json"
        path = self._cache / name
        try:
            made = write_snapshot(
                path, generator, size_bytes=size_bytes, seed=seed, progress=self._progress
            )
            yield msgspec.structs.replace(
                made, label=format_megabytes(size_bytes), shape=f"{generator.name} seed {seed}"
            )
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def sweep_cache(cache: Path) -> None:
    """Remove the files that killed oomproofs left half made, or made for one run only.

    A process of that number may live in another container that shares the cache, so only what
    nobody has written to for a day is removed.
    """
    with contextlib.suppress(OSError):  # there may be no cache yet
        for path in cache.iterdir():
            match = _MADE_BY.fullmatch(path.name)
            if match is None or os.path.exists(f"/proc/{match['pid'] or match['probe']}"):  # noqa: PTH110  (never raises)
                continue
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()


def _from_files(
    patterns: Iterable[str], folder: Path, progress: ByteProgress
) -> Iterator[Snapshot]:
    paths = dict.fromkeys(path for pattern in patterns for path in _matches(pattern, folder))
    names = [path.name for path in paths]
    for path in paths:
        # Files of the same name in different folders are told apart by their folders.
        label = path.name if names.count(path.name) == 1 else os.path.relpath(path, folder)
        yield _snapshot(path, label, progress)


def _matches(pattern: str, folder: Path) -> tuple[Path, ...]:
    whole = Path(os.path.abspath(folder / pattern))  # noqa: PTH100  (links are kept)
    # A name may hold what is special in a pattern: export[1].json
    if not any(mark in pattern for mark in "*?[") or os.path.lexists(whole):
        return (whole,)
    start = Path(whole.anchor)
    try:
        found = sorted(start.glob(str(whole.relative_to(start))))
    except (OSError, ValueError) as error:
        raise InputError(f'snapshots.files: "{pattern}" cannot be looked for: {error}') from error
    # What is no file is left for `_snapshot` to name, but folders are not meant.
    files = tuple(path for path in found if not os.path.isdir(path))  # noqa: PTH112  (never raises)
    if not files:
        raise InputError(f'snapshots.files: nothing matches "{pattern}" in {folder}')
    return files


def _snapshot(path: Path, label: str, progress: ByteProgress, shape: str | None = None) -> Snapshot:
    if not str(path).isprintable():
        raise InputError(f"snapshot {str(path)!r} has a name that cannot be shown; rename it")
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no file, but a device or a pipe"
            raise InputError(f"snapshot {path} is {what}; save it as a file first")
        size_bytes = found.st_size
        if size_bytes == 0:
            raise InputError(f"snapshot {path} is empty; there is nothing to replay")
        digest = hashlib.sha256()
        for done, chunk in _chunks(path):
            digest.update(chunk)
            progress(f"Reading {path.name}", done, size_bytes)
    except FileNotFoundError as error:
        raise InputError(f"snapshot {path} is not there") from error
    except OSError as error:
        raise InputError(f"snapshot {path} cannot be read: {error.strerror}") from error
    return Snapshot(
        label=label, path=str(path), bytes=size_bytes, sha256=digest.hexdigest(), shape=shape
    )


def _chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes read so far with each chunk of a file."""
    done = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            done += len(chunk)
            yield done, chunk


def warm(snapshots: Iterable[Snapshot], stop: Callable[[], bool] = lambda: False) -> None:
    """Read each snapshot once, so that its pages are in the cache and charged to no worker.

    Raises:
        NoVerdictError: a snapshot is gone, or holds other bytes than before.
        InterruptedRunError: `stop` became true.

    """
    for snapshot in snapshots:
        digest = hashlib.sha256()
        try:
            for _, chunk in _chunks(Path(snapshot.path)):
                digest.update(chunk)
                if stop():
                    raise InterruptedRunError("stopped before the run began")
        except OSError as error:
            raise NoVerdictError(
                f"snapshot {snapshot.path} cannot be read any more: {error.strerror}"
            ) from error
        if digest.hexdigest() != snapshot.sha256:
            raise NoVerdictError(f"snapshot {snapshot.path} has changed since the start")


def invalid_json_at(path: Path, progress: ByteProgress) -> tuple[int, str] | None:
    """Return the byte at which a file stops being one JSON document, and why; None if it is one.

    The file is read as a stream, and `progress` is told; what that raises ends the check. A parser
    reports an error somewhere in what it was given last, so the piece that failed is given again
    byte by byte: the first byte it refuses is the one.

    JSON sets no bound to a number. One that Python cannot hold is valid, but ends the check.
    """
    try:
        failed = _first_error(path, progress, singly_from=None)
        if failed is None:
            return None
        return _first_error(path, progress, singly_from=failed[0]) or failed
    except (ArithmeticError, SystemError):
        return None


def _first_error(
    path: Path, progress: ByteProgress, *, singly_from: int | None
) -> tuple[int, str] | None:
    """Return the bytes taken before the parser refused some, and why.

    From the byte `singly_from` on it gets them one at a time.
    """
    size_bytes = path.stat().st_size
    events = ijson.sendable_list()
    # Not as floats: yajl calls a whole number of more than 64 bits an error then.
    parser = ijson.basic_parse_coro(events, use_float=False)
    done = 0
    try:
        for piece in _pieces(path, singly_from):
            parser.send(piece)
            events.clear()
            done += len(piece)
            if done % _CHECK_BYTES == 0:  # not at each single byte
                progress(f"Checking {path.name}", done, size_bytes)
        parser.close()
    except ijson.JSONError as error:
        return done, _reason(str(error))
    return None


def _reason(message: str) -> str:
    """Return the first line of the parser's message, which may be a printed bytes object."""
    first = message.removeprefix("b'").removeprefix('b"').partition("\n")[0]
    return first.split("\\n")[0].rstrip(".")


def _pieces(path: Path, singly_from: int | None) -> Iterator[bytes]:
    read = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHECK_BYTES):
            read += len(chunk)
            if singly_from is None or read <= singly_from:
                yield chunk
            else:
                yield from (chunk[index : index + 1] for index in range(len(chunk)))
