"""The processes of a run where no group holds them: found through /proc, measured one by one."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from harness.sandbox.address_space import is_shared
from harness.sandbox.files import read_text
from harness.sandbox.kernel import process_stat, pss_bytes, status_bytes
from harness.sandbox.threads import thread_states

MARK: Final = "OOMPROOF_RUN"
_PR_SET_CHILD_SUBREAPER: Final = 36
_PSS_SHARE: Final = 0.01
_HURRIED_SHARE: Final = 0.2
_LENT_S: Final = 0.5
_LEAP: Final = 1.25
_RISE: Final = 1.01
_SETTLED_S: Final = 0.1
_RESTED_S: Final = 1.0
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


# The runs of this harness that have begun. An orphan among this process's children belongs to the
# only one; of several, to the one whose mark it bears.
_begun: set[str] = set()


@contextlib.contextmanager
def begun(mark: str) -> Iterator[None]:
    """Count a run as begun; to be entered before its worker is started."""
    _begun.add(mark)
    try:
        yield
    finally:
        _begun.discard(mark)


class Tree:
    """The processes that descend from a worker, orphans included."""

    def __init__(self, pid: int, mark: str) -> None:
        """Follow the worker `pid`; its orphans are known by the variable MARK being `mark`."""
        self._pid = pid
        self._mark = f"{MARK}={mark}".encode()
        # A process once seen stays the run's own, also when it has lost its parent and the mark.
        self._known: dict[int, int] = {}
        # Those that may have no memory of their own yet, with their parents.
        self._borrowers: dict[int, int] = {}
        self._strays: frozenset[int] = frozenset()
        self._others = frozenset(_children(os.getpid())) - {pid}
        self._next_strays_s = 0.0

    def pids(self) -> tuple[int, ...]:
        """Return the living processes, the worker first."""
        seen = dict.fromkeys((self._pid, *self._orphans(), *self._strangers()))
        waiting = list(seen)
        while waiting:
            parent = waiting.pop()
            for child in _children(parent):
                if child not in seen:
                    seen[child] = None
                    waiting.append(child)
                    self._borrowers[child] = parent
        for pid in seen.keys() - self._known.keys():
            if (started := _started(pid)) is not None:
                self._known[pid] = started
        return tuple(seen)

    def _strangers(self) -> tuple[int, ...]:
        """Return what was seen before and still lives, wherever it is in the tree by now."""
        for pid, started in tuple(self._known.items()):
            if _started(pid) != started:
                del self._known[pid]
        return tuple(self._known)

    def _orphans(self) -> frozenset[int]:
        """Return children of this process that carry the run's mark: its adopted orphans."""
        now_s = time.monotonic()
        if now_s >= self._next_strays_s:
            self._next_strays_s = now_s + _STRAYS_EVERY_S
            self._strays = frozenset(
                child
                for child in _children(os.getpid())
                if child != self._pid
                and child not in self._others
                and (len(_begun) == 1 or self._is_marked(child))
            )
        return self._strays

    def _is_marked(self, pid: int) -> bool:
        try:
            return self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def _owners(self) -> tuple[int, ...]:
        """Return the living processes that have memory of their own."""
        pids = self.pids()
        # Asked before their figures are read: one that leaves its parent's memory then is not
        # counted yet, and never with figures that are its parent's.
        self._borrowers = {
            pid: parent for pid, parent in self._borrowers.items() if is_shared(parent, pid)
        }
        return tuple(pid for pid in pids if pid not in self._borrowers)

    def memory(self) -> TreeMemory:
        """Return the memory now, from ``/proc/PID/status`` of each process."""
        texts = (_status(pid) for pid in self._owners())
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
        texts = (read_text(Path(f"/proc/{pid}/smaps_rollup")) for pid in self._owners())
        return sum(pss_bytes(text) for text in texts if text)

    def kill(self, *, deadline_s: float = 10.0) -> bool:
        """Kill every process again and again; return whether none was left in time."""
        end_s = time.monotonic() + deadline_s
        while True:
            self._next_strays_s = 0.0
            alive = [pid for pid in self.pids() if _is_alive(pid)]
            # Each that was killed leaves its children to this process.
            self._reap()
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

    def _reap(self) -> None:
        """Take leave of adopted orphans, which would stay zombies otherwise.

        A zombie shows its mark no longer, but was known before.
        """
        for pid in {*self._strangers(), *self._orphans()}.intersection(_children(os.getpid())):
            if pid != self._pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def _children(pid: int) -> tuple[int, ...]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            text = read_text(thread / "children") or ""
            children.extend(int(word) for word in text.split())
    return tuple(children)


def _started(pid: int) -> int | None:
    """Return when a process was started, in ticks; None for one that is gone."""
    text = read_text(Path(f"/proc/{pid}/stat"))
    return None if text is None else process_stat(text).started_ticks


def _threads(pid: int) -> tuple[Path, ...]:
    """Return the folders of a process's threads that live: the first may have ended before."""
    states = thread_states(pid)
    return tuple(folder for folder, state in states.items() if state not in {"Z", "X"})


def _status(pid: int) -> str | None:
    """Return the status of a process, as a living thread of it has it."""
    text = read_text(Path(f"/proc/{pid}/status"))
    if text is not None and "RssAnon" not in text:
        for folder in _threads(pid):
            return read_text(folder / "status")
    return text


def _is_alive(pid: int) -> bool:
    return bool(_threads(pid))


class ShareClock:
    """Says when the costly PSS may be read: so that it takes at most 1 % of the time.

    Some time is lent at the start, for short runs. It is spent where memory rises: at each quarter
    more than was ever read, and a little after the last rise. Where a decision hangs on it, reading
    may take a fifth of the time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count the time from now."""
        self._clock = clock
        self._began_s = self._read_at_s = clock()
        self._spent_s = 0.0
        self._highest_bytes = 0

    def is_due(self, sum_bytes: int, *, hurried: bool) -> bool:
        """Whether it may be read now that the processes' sums are `sum_bytes`."""
        now_s = self._clock()
        share = _HURRIED_SHARE if hurried else _PSS_SHARE
        if self._spent_s > _LENT_S + (now_s - self._began_s) * share:
            return False
        rested_s = now_s - self._read_at_s
        leapt = sum_bytes > self._highest_bytes * _LEAP
        settled = sum_bytes > self._highest_bytes * _RISE and rested_s > _SETTLED_S
        return hurried or leapt or settled or rested_s > _RESTED_S

    def read(self, tree: Tree, sum_bytes: int) -> int:
        """Read it, in bytes, and remember what it cost."""
        started_s = self._clock()
        share_bytes = tree.share_bytes()
        self._read_at_s = self._clock()
        self._spent_s += self._read_at_s - started_s
        self._highest_bytes = max(self._highest_bytes, sum_bytes)
        return share_bytes
