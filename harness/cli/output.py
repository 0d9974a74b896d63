"""What becomes of output that nobody reads any more, or that a terminal cannot show."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Print what nobody may listen to any more, as in ``oomproof report | head -3``.

    The exit code is the verdict's all the same.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        hush()


def hush() -> None:
    """Let all further output go nowhere; the interpreter would complain of the closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def spell_what_cannot_be_shown() -> None:
    """Let standard output spell out what its encoding lacks: it costs no verdict."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
