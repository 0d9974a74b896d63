"""The counters of a container's own group, read before they go: the engine removes it at its end.

Between the end of a container's first process and the removal of its group lie some milliseconds,
in which its counters are final. That end is heard at once, so they are mostly caught. So is each
kill on v2, in which a shell may have nothing left to do but to end.
"""

import contextlib
import os
import select
from collections.abc import Iterable
from pathlib import Path

from harness.sandbox.files import read_text
from harness.sandbox.group import high_water_bytes, pids_of
from harness.sandbox.kernel import flat_keyed, namespace_pid
from harness.sandbox.kills import EventsNotice, listen
from harness.sandbox.watch import Watch


class Counters:
    """What the kernel has counted in one container's group so far.

    Attributes:
        oom_kills: kills by the kernel's OOM killer.
        events: the text of v2's ``memory.events``; empty on v1.
        high_water_bytes: the high-water counter of memory; None where the kernel has none.
        noticed: v1: how often the group, or one above it, ran out of memory; None where this user
            may not listen.
        are_final: they were read after the container's end.

    """

    def __init__(self, group: Path, version: int) -> None:
        """Count in `group`."""
        self._group = group
        self._version = version
        self._notice = listen(group) if version == 1 else None
        self._news = _news_of(group) if version == 2 else None
        self._end: int | None = None
        self._watch: Watch | None = None
        self.oom_kills = 0
        self.events = ""
        self.high_water_bytes: int | None = None
        self.noticed: int | None = None if self._notice is None else 0
        self.are_final = False

    def listen(self, watch: Watch) -> None:
        """Let `watch` hear of kills and of the end, so that the counters are read at once."""
        self._watch = watch
        if self._news is not None:
            watch.add_wake(self._news.fd, self.read)
        if self._end is not None and not self._has_ended():
            watch.add_once(self._end, self.read)

    def read(self) -> None:
        """Read them, unless the group is gone."""
        self._find_end()
        ended = self._has_ended()
        noticed = self._notice.count() if self._notice is not None else None
        text = self._text()
        if text is None:
            return  # and what was noticed may be the removal itself
        self.oom_kills = max(self.oom_kills, flat_keyed(text).get("oom_kill", 0))
        self.events = text if self._version == 2 else ""
        self.noticed = noticed
        mark_bytes = high_water_bytes(self._group, self._version)
        if mark_bytes is None and self._version == 1:
            return
        self.high_water_bytes = mark_bytes
        self.are_final = self.are_final or ended

    def _text(self) -> str | None:
        """Return what the kernel has counted of kills, as text."""
        if self._news is not None:
            return self._news.text()
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        return read_text(self._group / name)

    def _find_end(self) -> None:
        if self._end is not None:
            return
        first = _first_process(pids_of(self._group))
        if first is None:
            return
        with contextlib.suppress(OSError):
            self._end = os.pidfd_open(first)
            if self._watch is not None:
                self._watch.add_once(self._end, self.read)

    def _has_ended(self) -> bool:
        return self._end is not None and bool(select.select([self._end], [], [], 0)[0])

    def close(self) -> None:
        """Listen no more."""
        for listening in (self._notice, self._news):
            if listening is not None:
                listening.close()
        self._notice = self._news = None
        if self._end is not None:
            os.close(self._end)
            self._end = None


def _news_of(group: Path) -> EventsNotice | None:
    """Return what hears of `group`, a v2 group, or None where it has no such counters."""
    try:
        return EventsNotice(group)
    except OSError:
        return None


def _first_process(pids: Iterable[int]) -> int | None:
    """Return the process that is number 1 in a namespace of its own, and ends last."""
    for pid in pids:
        text = read_text(Path(f"/proc/{pid}/status"))
        if text is not None and namespace_pid(text) == 1:
            return pid
    return None
