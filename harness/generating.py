"""Generating: synthetic snapshots of built-in shapes and of shape files, packed if asked."""

import errno
import hashlib
import importlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from harness.core.case import Snapshot
from harness.core.errors import InputError, NoVerdictError
from harness.core.units import format_bytes
from harness.files import replacing
from synthetic import MOST_SHAPE_BYTES, SHAPES, Generator, built_in, of_document

if TYPE_CHECKING:
    from harness.reading import ByteProgress  # not for commands that scan nothing: it is large

_GZIP: Final = 31
"""For zlib: its largest window, in the form of gzip; the time of the file is left out."""
_GZIP_LEVEL: Final = 6


class _Packer(Protocol):
    """Compresses a stream."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def generator_of(shape: str, *, folder: Path) -> Generator:
    """Return what makes documents of a built-in shape, or of a shape file.

    `folder` is what a relative path starts from.

    Raises:
        InputError: there is neither, or the file is no shape.

    """
    if shape in SHAPES:
        return built_in(shape)
    path = folder / shape
    try:
        with path.open("rb") as file:
            text = file.read(MOST_SHAPE_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError | ValueError) and not path.suffix:
            raise InputError(
                f'"{shape}" is neither a file nor built in; there are {", ".join(SHAPES)}'
            ) from None
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"shape {shape} cannot be read: {why}") from error
    try:
        return of_document(text, name=path.name)
    except ValueError as error:
        raise InputError(f"shape {shape}: {error}") from error


def snapshot_chunks(generator: Generator, *, size_bytes: int, seed: int) -> Iterator[bytes]:
    """Return the chunks of a synthetic snapshot.

    Raises:
        InputError: the shape cannot have the size.

    """
    try:
        return generator.chunks(size_bytes=size_bytes, seed=seed)
    except ValueError as error:
        text = str(error).removeprefix("size_bytes: ").removeprefix("size: ")
        raise InputError(text) from error


def write_snapshot(
    path: Path, generator: Generator, *, size_bytes: int, seed: int, progress: "ByteProgress"
) -> Snapshot:
    """Generate a snapshot into `path`, which appears only once it is whole.

    One that ends in ``.gz`` or ``.zst`` is packed; `size_bytes` is what it is unpacked.

    Raises:
        InputError: the shape cannot have the size, or nothing can pack the file.
        NoVerdictError: the file could not be written, or there is no room for it.

    """
    chunks = snapshot_chunks(generator, size_bytes=size_bytes, seed=seed)
    packer = _packer(path)
    told = _told(chunks, lambda done: progress(f"Generating {path.name}", done, size_bytes))
    digest = hashlib.sha256()
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if packer is None:
            _check_room(path, size_bytes)
        with replacing(path) as file:
            for chunk in told if packer is None else _packed(told, packer):
                file.write(chunk)
                digest.update(chunk)
                written += len(chunk)
    except OSError as error:
        raise NoVerdictError(
            f"{path} cannot be written: {error.strerror}; {format_bytes(size_bytes)} are needed"
        ) from error
    return Snapshot(
        label=path.name,
        path=str(path),
        bytes=written,
        sha256=digest.hexdigest(),
        shape=generator.name,
    )


def _told(chunks: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        progress(done)


def _packed(chunks: Iterator[bytes], packer: _Packer) -> Iterator[bytes]:
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def _packer(path: Path) -> _Packer | None:
    """Return what packs a file of that name, or None if nothing is to."""
    match path.suffix:
        case ".gz":
            return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
        case ".zst":
            return _zstandard()
        case _:
            return None


def _zstandard() -> _Packer:
    """Return Python's own packer, which it has from 3.14 on, or that of a package."""
    try:
        own: Callable[[], _Packer] = importlib.import_module("compression.zstd").ZstdCompressor
    except ImportError:
        pass
    else:
        return own()
    try:
        compressor = importlib.import_module("zstandard").ZstdCompressor()
    except ImportError:
        raise InputError(
            "-o: nothing here packs .zst; install zstandard, or write .gz or .json"
        ) from None
    packer: _Packer = compressor.compressobj()
    return packer


def _check_room(path: Path, size_bytes: int) -> None:
    """Raise OSError at once where a disk would otherwise fill for hours: 200TB for 200MB."""
    is_kept = path.is_file() or not path.exists()
    if is_kept and shutil.disk_usage(path.parent).free < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
