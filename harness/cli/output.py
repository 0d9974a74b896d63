"""What becomes of output that nobody reads any more, or that a terminal cannot show."""

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Print what nobody may listen to any more, as in ``oomproof report | head -3``.

    The exit code is the verdict's all the same; also where the terminal is gone.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        hush(1, 2)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        hush(1, 2)


def print_schema(schema: dict[str, Any]) -> None:
    """Print a JSON Schema that is published."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2))


def hush(*numbers: int) -> None:
    """Let further output go nowhere; the interpreter would complain of what it cannot write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in numbers:
        os.dup2(nowhere, number)
    os.close(nowhere)


def prepare_streams() -> None:
    """Let output that cannot be shown cost no verdict.

    What the encoding lacks is spelled out. Streams that are closed, as under some schedulers, are
    opened to nowhere: the next file to be opened would become one of them. What is said to people
    on stderr is lost where that cannot be written, as on a full disk, and nothing else is.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr = unfailing(2, encoding=sys.stderr.encoding)


def unfailing(fd: int, *, encoding: str) -> TextIO:
    """Return a text stream to `fd` that drops what cannot be written."""
    raw = io.BufferedWriter(_Unfailing(fd))
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)


class _Unfailing(io.RawIOBase):
    """Writes to a file descriptor, and never fails."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:  # somebody who shares it, such as Node.js, made it so
            select.select((), (self._fd,), ())
            return 0
        except OSError:
            return memoryview(data).nbytes


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def width_of(*, err: bool) -> int:
    """Return the columns of the terminal that is printed to; a hundred where there is none."""
    stream = sys.stderr if err else sys.stdout
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 100
