"""Files: written at once or not at all, checked before work is done for them, named for people.

A file is written beside its place and then renamed into it, so that a kill at any moment leaves
either the old one or the new one.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from harness.core.errors import InputError, NoVerdictError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once it is whole: nobody ever sees half of it.

    Links, devices and pipes, such as ``/dev/stdout``, keep their place and are written to.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        with path.open("wb") as file:
            yield file
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def publish(path: Path, data: bytes | bytearray) -> None:
    """Write `data` to `path` at once; see `replacing`.

    Raises:
        NoVerdictError: it could not be written, for want of space or of the right.

    """
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise NoVerdictError(f"{path} cannot be written: {error.strerror}") from error


def check_writable(path: Path, *, option: str) -> None:
    """Check, before any work is done for it, that the file `path` can be written or made.

    Raises:
        InputError: it cannot; `option` names what the user is to change.

    """
    above = path.absolute()
    while not os.path.lexists(above):
        above = above.parent
    is_taken = above == path.absolute()
    if is_taken and above.is_dir():
        raise InputError(f"{option}: {path} is a folder; name a file")
    if not is_taken and not above.is_dir():
        raise InputError(f"{option}: {path} cannot be made, because {above} is no folder")
    # A plain file is not written to but replaced, which its folder must allow.
    place = above.parent if is_taken and above.is_file() and not above.is_symlink() else above
    if not os.access(place, os.W_OK, effective_ids=True):
        raise InputError(
            f"{option}: {path} cannot be written, because {place} is not writable for this user"
        )


def shown(path: Path) -> str:
    """Return a path as people would type it from here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
