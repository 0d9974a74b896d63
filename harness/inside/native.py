"""memray in this process: started, followed into forks, and kept below its cap."""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import time

from .lent import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .status import Status

_LOOK_EVERY_S = 0.05
_ONLY_ERRORS = 40
# Measured on four idle children: what memray begins anew, and a thread with its stack.
_FORK_BYTES = 1_400_000


def start(status: Status, lent: str | None, cap_bytes: int) -> dict[str, object]:
    """Start memray; return what the status is to say of it."""
    if any(os.path.basename(word) == "memray" for word in getattr(sys, "orig_argv", ())):
        raise RuntimeError("the worker runs under memray itself, which can be started once only")
    memray = load(lent)
    memray.set_log_level(_ONLY_ERRORS)  # its warnings would stand among the worker's own words
    path = status.path(".memray")
    # Never aggregated: what a killed process wrote until then can be read.
    destination = memray.FileDestination(path, overwrite=False, compress_on_exit=False)
    tracker = memray.Tracker(destination=destination, follow_fork=True)
    _enter(tracker)
    _Watch(tracker, status, path, cap_bytes).start()
    return {"version": memray.__version__, "capture": os.path.basename(path)}


def _enter(tracker: Any) -> None:
    """Start `tracker` from a thread that has no frames.

    memray leaves as many frames out of each of a thread's stacks as the thread that starts it has
    then, for it expects to be started below the program. Here the program's frames come later.
    """
    done = _thread.allocate_lock()
    errors: list[BaseException] = []

    def enter() -> None:
        try:
            tracker.__enter__()
        except BaseException as error:
            errors.append(error)
        finally:
            done.release()

    done.acquire()
    _thread.start_new_thread(enter, ())
    done.acquire()
    if errors:
        raise errors[0]


class _Watch:
    """Ends a capture that reaches its cap, and says how the process ended."""

    def __init__(self, tracker: Any, status: Status, path: str, cap_bytes: int) -> None:
        self._tracker = tracker
        self._status = status
        self._root = self._path = path
        self._cap_bytes = cap_bytes
        self._lock = _thread.allocate_lock()
        self._is_open = True

    def start(self) -> None:
        """Watch from now on, in forked children too."""
        # Through _thread: a worker that lists its threads does not find this one.
        _thread.start_new_thread(self._watch, ())
        atexit.register(self._end)
        os.register_at_fork(after_in_child=self._in_child)

    def _in_child(self) -> None:
        try:
            self._lock = _thread.allocate_lock()
            # memray names the capture of a forked child itself.
            self._path = f"{self._root}.{os.getpid()}"
            self._status.fork(os.path.basename(self._path), _FORK_BYTES)
            if self._is_open:
                _thread.start_new_thread(self._watch, ())
        except Exception:
            pass

    def _watch(self) -> None:
        try:
            while self._is_open and os.stat(self._path).st_size < self._cap_bytes:
                time.sleep(_LOOK_EVERY_S)
            self._close(cut_s=time.time())
        except Exception:
            pass

    def _end(self) -> None:
        try:
            self._close(ended=True)
        except Exception:
            pass

    def _close(self, **fields: object) -> None:
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._tracker.__exit__(None, None, None)
                self._status.write(**fields)
            elif "ended" in fields:
                self._status.write(**fields)
