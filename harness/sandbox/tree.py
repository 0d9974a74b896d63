"""The processes of a run where no group holds them: found through /proc, measured one by one."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Final

import msgspec

from harness.sandbox.files import read_text
from harness.sandbox.kernel import process_stat, pss_bytes, status_bytes

MARK: Final = "OOMPROOF_RUN"
_PR_SET_CHILD_SUBREAPER: Final = 36
_PSS_SHARE: Final = 0.01
_HURRIED_SHARE: Final = 0.2
_STRAYS_EVERY_S: Final = 0.05


class TreeMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of a tree of processes now, in bytes.

    Attributes:
        anon_bytes: resident anonymous memory, added up: pages shared after a fork count often.
        shmem_bytes: resident shared memory, added up likewise.
        page_table_bytes: the page tables, the only kernel memory that can be seen here.
        resident_bytes: all resident memory, mapped files included, added up.
        high_water_bytes: the processes' own high-water marks of resident memory, added up.
        processes: how many there were.

    """

    anon_bytes: int = 0
    shmem_bytes: int = 0
    page_table_bytes: int = 0
    resident_bytes: int = 0
    high_water_bytes: int = 0
    processes: int = 0

    @property
    def unreclaimable_bytes(self) -> int:
        """Memory that must fit, each page counted as often as it is mapped, in bytes."""
        return self.anon_bytes + self.shmem_bytes + self.page_table_bytes


def become_subreaper() -> None:
    """Become the parent of orphaned grandchildren, so that a worker's daemons stay in sight.

    See prctl(2), PR_SET_CHILD_SUBREAPER.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Tree:
    """The processes that descend from a worker, orphans included."""

    def __init__(self, pid: int, mark: str) -> None:
        """Follow the worker `pid`; its orphans are known by the variable MARK being `mark`."""
        self._pid = pid
        self._mark = f"{MARK}={mark}".encode()
        self._strays: frozenset[int] = frozenset()
        self._next_strays_s = 0.0

    def pids(self) -> tuple[int, ...]:
        """Return the living processes, the worker first."""
        seen = dict.fromkeys((self._pid, *self._orphans()))
        waiting = list(seen)
        while waiting:
            for child in _children(waiting.pop()):
                if child not in seen:
                    seen[child] = None
                    waiting.append(child)
        return tuple(seen)

    def _orphans(self) -> frozenset[int]:
        """Return children of this process that carry the run's mark: its adopted orphans."""
        now_s = time.monotonic()
        if now_s >= self._next_strays_s:
            self._next_strays_s = now_s + _STRAYS_EVERY_S
            self._strays = frozenset(
                child
                for child in _children(os.getpid())
                if child != self._pid and self._is_marked(child)
            )
        return self._strays

    def _is_marked(self, pid: int) -> bool:
        try:
            return self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def memory(self) -> TreeMemory:
        """Return the memory now, from ``/proc/PID/status`` of each process."""
        texts = (read_text(Path(f"/proc/{pid}/status")) for pid in self.pids())
        sizes = [size for text in texts if text and "RssAnon" in (size := status_bytes(text))]
        return TreeMemory(
            anon_bytes=sum(size["RssAnon"] for size in sizes),
            shmem_bytes=sum(size.get("RssShmem", 0) for size in sizes),
            page_table_bytes=sum(size.get("VmPTE", 0) for size in sizes),
            resident_bytes=sum(size.get("VmRSS", 0) for size in sizes),
            high_water_bytes=sum(size.get("VmHWM", 0) for size in sizes),
            processes=len(sizes),
        )

    def share_bytes(self) -> int:
        """Return anonymous and shared memory with each page counted once (PSS), in bytes.

        It walks every page: 20 ms for a gigabyte.
        """
        texts = (read_text(Path(f"/proc/{pid}/smaps_rollup")) for pid in self.pids())
        return sum(pss_bytes(text) for text in texts if text)

    def kill(self, *, deadline_s: float = 10.0) -> bool:
        """Kill every process again and again; return whether none was left in time."""
        end_s = time.monotonic() + deadline_s
        while True:
            self._next_strays_s = 0.0
            alive = [pid for pid in self.pids() if _is_alive(pid)]
            if not alive:
                return True
            if time.monotonic() > end_s:
                return False
            # Stopped first, so that none forks away between the look and the kill.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in alive:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
            time.sleep(0.001)
            self._reap()

    def _reap(self) -> None:
        """Take leave of adopted orphans, which would stay zombies otherwise."""
        for pid in self._orphans():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _children(pid: int) -> tuple[int, ...]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            text = read_text(thread / "children") or ""
            children.extend(int(word) for word in text.split())
    return tuple(children)


def _is_alive(pid: int) -> bool:
    text = read_text(Path(f"/proc/{pid}/stat"))
    return text is not None and process_stat(text).state not in {"Z", "X"}


class ShareClock:
    """Says when the costly PSS may be read: so that it takes at most 1 % of the time.

    Where a decision hangs on it, it may take a fifth.
    """

    def __init__(self) -> None:
        """Allow the first reading at once."""
        self._read_at_s = float("-inf")
        self._cost_s = 0.0

    def is_due(self, *, hurried: bool) -> bool:
        """Whether it may be read now."""
        share = _HURRIED_SHARE if hurried else _PSS_SHARE
        return time.monotonic() >= self._read_at_s + self._cost_s / share

    def read(self, tree: Tree) -> int:
        """Read it, in bytes, and remember what it cost."""
        started_s = time.monotonic()
        share_bytes = tree.share_bytes()
        self._read_at_s = time.monotonic()
        self._cost_s = self._read_at_s - started_s
        return share_bytes
