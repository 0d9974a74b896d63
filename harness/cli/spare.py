"""Sparing memory, in commands that promise how little they take whatever the size of a snapshot."""

import contextlib
import ctypes
import os
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 400_000


def spare_memory() -> None:
    """Take less memory from now on; to be called before numpy is loaded.

    Linear algebra is not needed, and its threads would take memory and processor time. Arrays that
    grow are given back to the system at once: by itself glibc keeps them as soon as the first one
    was freed, with holes between them (mallopt(3), M_MMAP_THRESHOLD). Other C libraries are left
    alone.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
