"""What becomes of output that nobody reads any more, or that a terminal cannot show."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Print what nobody may listen to any more, as in ``oomproof report | head -3``.

    The exit code is the verdict's all the same.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        hush(1, 2)


def hush(*numbers: int) -> None:
    """Let further output go nowhere; the interpreter would complain of what it cannot write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in numbers:
        os.dup2(nowhere, number)
    os.close(nowhere)


def prepare_streams() -> None:
    """Let output that cannot be shown cost no verdict.

    What the encoding lacks is spelled out. Streams that are closed, as under some schedulers, are
    opened to nowhere: the next file to be opened would become one of them.
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


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
