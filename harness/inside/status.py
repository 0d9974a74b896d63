"""What a profiled process says of itself, at once, in a small file: it may be killed any time."""

from __future__ import annotations

import os
import sys
import time

from .words import publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ENDING = ".status.json"
_KIBIBYTE = 1024


class Status:
    """The status file of this process, written anew at each change."""

    def __init__(self, folder: str, base_bytes: int) -> None:
        """Describe this process, which held `base_bytes` before us; nothing is written yet."""
        self._folder = folder
        self._stem = _free_stem(folder)
        self._reasons: list[str] = []
        self._fields: dict[str, Any] = {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "python": ".".join(map(str, sys.version_info[:3])),
            "executable": sys.executable or "",
            "began_s": time.time(),
            "base_bytes": base_bytes,
            "reasons": self._reasons,
        }

    @property
    def python(self) -> str:
        """The version of this interpreter."""
        return str(self._fields["python"])

    @property
    def base_bytes(self) -> int:
        """What the process held before any profiler, in bytes."""
        return int(self._fields["base_bytes"])

    def path(self, ending: str) -> str:
        """Return the path of a file of this process."""
        return os.path.join(self._folder, self._stem + ending)

    def add_reason(self, reason: str) -> None:
        """Say why a profiler was not taken."""
        self._reasons.append(reason)

    def write(self, **fields: object) -> None:
        """Take in `fields` and write the file; what cannot be written stops nobody."""
        self._fields.update(fields)
        try:
            publish(self.path(ENDING), self._fields)
        except OSError:
            pass

    def fork(self, capture: str | None, profiler_bytes: int = 0) -> None:
        """Become the status of a process that was forked a moment ago.

        What it shares with its parent is charged to the parent, so its base is nothing, and its
        profiler costs what a fork adds.
        """
        self._stem = _free_stem(self._folder)
        self._fields.pop("ended", None)
        self.write(
            pid=os.getpid(),
            parent=os.getppid(),
            began_s=time.time(),
            base_bytes=0,
            profiler_bytes=profiler_bytes,
            forked=True,
            capture=capture or os.path.basename(self.path(".json")),
        )


def _free_stem(folder: str) -> str:
    """Return a name that no other process has taken: a program may replace itself by another."""
    number = 0
    while True:
        stem = f"process-{os.getpid()}" + (f"-{number}" if number else "")
        if not os.path.exists(os.path.join(folder, stem + ENDING)):
            return stem
        number += 1


def resident_bytes() -> int:
    """Return the anonymous and shared memory that this process holds, in bytes; 0 if unknown."""
    try:
        with open("/proc/self/status", "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return 0
    wanted = (b"RssAnon:", b"RssShmem:")
    return sum(int(line.split()[1]) for line in lines if line.startswith(wanted)) * _KIBIBYTE
