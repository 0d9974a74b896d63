"""Who made a sandbox, told from its name: so that what a killed harness left can be removed.

A name holds the PID namespace, the PID and the start time of the harness. A sandbox is a leftover
when that process is gone; one of another PID namespace cannot be judged from here and is left.
"""

import itertools
import os
import re
from pathlib import Path
from typing import Final

import msgspec

from harness.sandbox.files import read_text
from harness.sandbox.kernel import process_stat

PREFIX: Final = "oomproof-"
# A dash in the name of a systemd slice means another level, so there it is an underscore.
PREFIXES: Final = (PREFIX, "oomproof_")
LABEL: Final = "oomproof.sandbox"
_NAME: Final = re.compile(r"oomproof[-_](\d+)[-_](\d+)[-_](\d+)[-_]\d+")
_numbers = itertools.count(1)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The harness that made a sandbox."""

    namespace: int
    pid: int
    started_ticks: int


def owner() -> Owner:
    """Return this harness."""
    return Owner(
        namespace=Path("/proc/self/ns/pid").stat().st_ino,
        pid=os.getpid(),
        started_ticks=process_stat(Path("/proc/self/stat").read_text("utf-8")).started_ticks,
    )


def new_name() -> str:
    """Return a name for a sandbox that no other has, whatever harness runs beside this one."""
    mine = owner()
    return f"{PREFIX}{mine.namespace}-{mine.pid}-{mine.started_ticks}-{next(_numbers)}"


def is_leftover(name: str) -> bool:
    """Whether `name` (or a path that ends in it) is a sandbox whose harness is gone."""
    match = _NAME.search(name)
    if match is None:
        return False
    namespace, pid, started_ticks = (int(number) for number in match.groups())
    if namespace != owner().namespace:
        return False
    stat = read_text(Path(f"/proc/{pid}/stat"))
    if stat is None:
        return not _exists(pid)
    # A zombie holds its PID, but runs nothing and can clean nothing up.
    seen = process_stat(stat)
    return seen.started_ticks != started_ticks or seen.state in {"Z", "X"}


def _exists(pid: int) -> bool:
    """Whether there is such a process, also where /proc hides those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
