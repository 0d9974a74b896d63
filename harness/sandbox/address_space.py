"""Address spaces: whether a child still has that of its parent, and so none of its own memory."""

import ctypes
import errno
import os
import platform
from pathlib import Path
from typing import Final

from harness.sandbox.files import read_text
from harness.sandbox.kernel import status_bytes
from harness.sandbox.threads import thread_states

_KCMP_NUMBERS: Final = {"x86_64": 312, "aarch64": 272}
_KCMP_VM: Final = 1
_WAITS: Final = "D"
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def is_shared(parent: int, child: int) -> bool:
    """Whether a child runs in the memory of its parent, as between vfork and exec.

    All that /proc tells of the child's memory is the parent's then, and counted there. The kernel
    is asked by kcmp(2); containers forbid that, and there a child is taken for such a one while all
    of its figures are the parent's and a thread of the parent waits for it.
    """
    try:
        return _kcmp(parent, child) == 0
    except ProcessLookupError:
        return False
    except OSError:
        return _looks_shared(parent, child)


def _kcmp(parent: int, child: int) -> int:
    """Return 0 if the two processes have one address space."""
    number = _KCMP_NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, "the number of kcmp is not known here")
    words = map(ctypes.c_long, (number, parent, child, _KCMP_VM, 0, 0))
    answer: int = _LIBC.syscall(*words)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def _looks_shared(parent: int, child: int) -> bool:
    texts = [read_text(Path(f"/proc/{pid}/status")) for pid in (parent, child)]
    mine, own = (status_bytes(text) if text else {} for text in texts)
    return bool(own) and own == mine and _WAITS in thread_states(parent).values()
