"""Who still works in a folder of results: what a killed harness let its workers write is removed.

A claim is a file that its process holds locked, so that it counts for nothing once that has ended,
however it did.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import weakref
from pathlib import Path
from typing import Final

OUTPUT: Final = "output"
_CLAIM: Final = ".running"


def claim(folder: Path, owner: object) -> None:
    """Claim a folder for this process, for as long as `owner` is there.

    Where locks cannot be had, as on some network drives, nothing is claimed, nor ever removed.
    """
    path = folder / _CLAIM
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _give_up(path, fd)
            raise
        weakref.finalize(owner, _give_up, path, fd)


def _give_up(path: Path, fd: int) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(fd)


def remove_outputs(root: Path) -> None:
    """Remove what workers wrote below claims of processes that are gone.

    `root` holds a folder for each scenario, which holds one for each invocation.
    """
    for path in root.glob(f"*/*/{_CLAIM}"):
        if path.parent.is_symlink():
            continue
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for output in path.parent.glob(f"runs/*/{OUTPUT}"):
                    remove_tree(output)
                path.unlink()
            finally:
                os.close(fd)


def remove_tree(folder: Path) -> None:
    """Remove a folder that a worker wrote to, whatever it has left there."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        # Folders nested deeper than Python's stack; rm knows no such end.
        subprocess.run(["rm", "-rf", "--", folder], capture_output=True, check=False)
