"""Making every process of a sandbox stand still, and letting it go on.

Nothing of a frozen worker is changed: it notices only that time has passed. A freezer of groups
stops all processes together, those being born included; see freezer-subsystem.rst (v1) and
"cgroup.freeze" in cgroup-v2.rst. A harness that is killed meanwhile leaves a frozen group, which
the next start thaws, kills and removes with the rest.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from harness.core.errors import SandboxError
from harness.sandbox.files import read_text, write_text
from harness.sandbox.kernel import flat_keyed, process_stat

# A process inside a system call stops only when that is over: reading gigabytes takes its time.
FREEZE_S: Final = 5.0
_PAUSE_S: Final = 0.0002


class Freezer(Protocol):
    """Stops and starts all processes of one sandbox."""

    approximate: bool

    def freeze(self) -> None:
        """Stop every process; raise SandboxError where not all stand in time."""

    def thaw(self) -> None:
        """Let every process go on; no harm where none is frozen."""


class FreezerV1:
    """The freezer of a v1 group."""

    approximate = False

    def __init__(self, group: Path) -> None:
        """Freeze `group`, in the freezer's hierarchy."""
        self._state = group / "freezer.state"

    def freeze(self) -> None:
        """Stop every process of the group."""
        _write(self._state, "FROZEN")
        # Reading the state makes the kernel look again, and finish what was FREEZING.
        _until(lambda: (read_text(self._state) or "").strip() == "FROZEN")

    def thaw(self) -> None:
        """Let every process of the group go on."""
        with contextlib.suppress(FileNotFoundError):
            write_text(self._state, "THAWED")


class FreezerV2:
    """The freezer of a v2 group, Linux 5.2 and later."""

    approximate = False

    def __init__(self, group: Path) -> None:
        """Freeze `group`."""
        self._group = group

    def freeze(self) -> None:
        """Stop every process of the group."""
        _write(self._group / "cgroup.freeze", "1")
        _until(self._is_frozen)

    def _is_frozen(self) -> bool:
        return flat_keyed(read_text(self._group / "cgroup.events") or "").get("frozen") == 1

    def thaw(self) -> None:
        """Let every process of the group go on."""
        with contextlib.suppress(FileNotFoundError):
            write_text(self._group / "cgroup.freeze", "0")


class FreezerBySignal:
    """SIGSTOP for each process of a tree, until none runs: where there are no groups."""

    approximate = True

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        """Stop the processes that `pids` returns."""
        self._pids = pids

    def freeze(self) -> None:
        """Stop every process of the tree."""
        _until(self._stop_all)

    def _stop_all(self) -> bool:
        running = [pid for pid in self._pids() if not _stands(pid)]
        for pid in running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP)
        return not running

    def thaw(self) -> None:
        """Let every process of the tree go on."""
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGCONT)


def _stands(pid: int) -> bool:
    """Whether every thread of a process stands still; one that is gone does."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return True
    states = (process_stat(text).state for t in threads if (text := read_text(t / "stat")))
    return all(state in {"T", "t", "Z", "X"} for state in states)


def _write(file: Path, word: str) -> None:
    try:
        write_text(file, word)
    except OSError as error:
        raise SandboxError(f"{file} cannot be written: {error.strerror}") from error


def _until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + FREEZE_S
    while not holds():
        if time.monotonic() > end_s:
            raise SandboxError(f"the worker did not stand still within {FREEZE_S:g} s")
        time.sleep(_PAUSE_S)


@contextlib.contextmanager
def frozen(freezer: Freezer, *, seconds: float) -> Iterator[Callable[[], bool]]:
    """Hold a worker frozen, and let it go on whatever happens meanwhile, after `seconds` at most.

    Gives what tells whether it still stands: reading /proc can hang, and a worker may not.
    """
    ran_out = threading.Event()

    def let_go() -> None:
        ran_out.set()
        freezer.thaw()

    timer = threading.Timer(seconds, let_go)
    timer.daemon = True
    try:
        freezer.freeze()
        timer.start()
        yield lambda: not ran_out.is_set()
    finally:
        timer.cancel()
        freezer.thaw()
