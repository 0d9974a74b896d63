"""Learning: the shape of a snapshot's file, plain or packed with gzip, read once as a stream."""

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.core.errors import InputError, NoVerdictError
from harness.files import publish
from harness.reading import ByteProgress, pieces_of
from synthetic.learning.halves import can_be_halved, read_in_halves
from synthetic.learning.learner import Learner
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.scanner import BLOCK_BYTES

if TYPE_CHECKING:
    from synthetic.shape import Shape

_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
"""For zlib: its largest window, in the form of gzip."""


def learn_file(path: Path, *, rename_keys: bool, progress: ByteProgress) -> "Shape":
    """Return the shape of the snapshot in a file.

    Raises:
        InputError: it cannot be read, or is no JSON; says at which byte and why.

    """
    learner = Learner()
    doing = f"Learning {path.name}"
    try:
        if can_be_halved(path) and not _is_packed(path):
            total = path.stat().st_size
            for done in read_in_halves(learner, path):
                progress(doing, done, total)
        else:
            for _ in learner.read(_even(_unpacked(pieces_of(path, doing, progress)))):
                pass
    except InvalidJsonError as error:
        raise InputError(f"{path} is no JSON: {error}") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return learner.shape(rename_keys=rename_keys)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a text, unpacked where they are packed."""
    first = next(pieces, b"")
    if not first.startswith(_GZIP):
        yield first
        yield from pieces
        return
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    for piece in itertools.chain((first,), pieces):
        rest = piece
        while rest:
            if unpacker.eof:  # several packed texts in a row are one, and zeros may follow
                rest = rest.lstrip(b"\0")
                unpacker = zlib.decompressobj(_GZIP_WINDOW) if rest else unpacker
            if rest:
                yield unpacker.decompress(rest, BLOCK_BYTES)
                rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        raise EOFError("the packed text ends too early")


def _even(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of one size, so that a text has one shape however it comes."""
    waiting, length = [], 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        while length >= BLOCK_BYTES:
            whole = b"".join(waiting)
            yield whole[:BLOCK_BYTES]
            waiting, length = [whole[BLOCK_BYTES:]], length - BLOCK_BYTES
    yield b"".join(waiting)


def write_shape(path: Path, text: bytes | bytearray) -> None:
    """Write the text of a shape, and make its folder.

    Raises:
        NoVerdictError: it could not be written, for want of space or of the right.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoVerdictError(f"{path} cannot be written: {error.strerror}") from error
    publish(path, text)
