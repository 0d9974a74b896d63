"""The kernel's kills in a group, and whose limit they were for.

A counter of kills does not say it: it rises alike for the group's own limit, for one above it, and
for a machine that is short of memory. v2 counts beside it at whose limit memory ran out. v1 gives
notice of that instead, to the group and to all below it; see "OOM Control" in
Documentation/admin-guide/cgroup-v1/memory.rst.
"""

import contextlib
import os
import select
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from harness.core.ending import LimitReached
from harness.sandbox.files import KernelFile, read_text, write_text
from harness.sandbox.kernel import flat_keyed, limit_bytes

# v1 charges in batches of 64 pages on each processor, and a failing charge may be a few pages
# above that: a counter this close to the limit was stopped by it.
LIMIT_SLACK_BYTES: Final = 1024 * 1024


class Kills(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel's kills in a group, and whose limit they were for."""

    count: int
    limit_reached: LimitReached


def kills_v2(events: str, local: str | None = None) -> Kills:
    """Return the kills from v2's ``memory.events`` of the run's own group, or of its own parent.

    ``oom`` counts at the group whose limit was hit, and upwards from there: where it stayed 0 here
    while something was killed, the limit was another's. `local` is ``memory.events.local`` of the
    same group where its own limit is the one in question.
    """
    counts = flat_keyed(events)
    ooms = flat_keyed(local).get("oom", 0) if local else counts.get("oom", 0)
    return Kills(
        count=counts.get("oom_kill", 0),
        limit_reached=LimitReached.OWN if ooms else LimitReached.OTHER,
    )


def whose_limit_v1(
    *,
    limit: int | None,
    noticed: int | None,
    noticed_above: int | None,
    high_water_bytes: int | None,
    hit_above: bool,
) -> LimitReached:
    """Return whose limit a kill in a v1 group was for; v1's counter does not say.

    Of each time that a group runs out of memory it gets notice, as do all below it: what comes to
    this group and not to the one above was for its own limit. Where it is not known what came, a
    limit that was hit shows in a high-water mark. Page cache can bring that to the limit too, long
    before a kill for another's, so it speaks only where no limit above can have been hit.

    `noticed` and `noticed_above` are None where nobody listened, `high_water_bytes` where it was
    not read after the kill.
    """
    if limit is None:
        return LimitReached.OTHER
    if noticed is not None and noticed_above is not None:
        if noticed <= noticed_above:
            return LimitReached.OTHER
        return LimitReached.UNKNOWN if noticed_above else LimitReached.OWN
    if high_water_bytes is not None and high_water_bytes < limit - LIMIT_SLACK_BYTES:
        return LimitReached.OTHER
    if high_water_bytes is None and not noticed:
        return LimitReached.UNKNOWN
    return LimitReached.UNKNOWN if hit_above else LimitReached.OWN


class OomNotice:
    """Hears how often a v1 group, or one above it, ran out of the memory that it may have.

    A machine that is short of memory gives no notice, and neither does a group below.
    """

    def __init__(self, group: Path) -> None:
        """Listen to `group`; raises OSError where this user may not, or the kernel gives none."""
        control = os.open(group / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._count = 0
        try:
            write_text(group / "cgroup.event_control", f"{self._fd} {control}")
        except OSError:
            self.close()
            raise
        finally:
            os.close(control)

    def count(self) -> int:
        """Return how often so far; the removal of the group counts as one, too."""
        with contextlib.suppress(BlockingIOError):
            self._count += os.eventfd_read(self._fd)
        return self._count

    def close(self) -> None:
        """Listen no more."""
        os.close(self._fd)


class EventsNotice:
    """Hears of each change of a v2 group's ``memory.events``: the kernel wakes whoever polls it.

    Attributes:
        fd: readable once something is new.

    """

    def __init__(self, group: Path) -> None:
        """Listen to `group`; raises OSError where it is gone."""
        self._file = KernelFile(group / "memory.events")
        self._poll = select.epoll()
        # Not for input: such a file always has some. See "memory.events" in
        # Documentation/admin-guide/cgroup-v2.rst.
        self._poll.register(self._file.fd, select.EPOLLPRI)
        self.fd = self._poll.fileno()

    def text(self) -> str | None:
        """Return the counters and hear the next change; None once the group is gone."""
        try:
            return self._file.read()
        except OSError:  # an open file of a group that is gone always has news
            with contextlib.suppress(OSError):
                self._poll.unregister(self._file.fd)
            return None

    def close(self) -> None:
        """Listen no more; a second time does nothing."""
        self._poll.close()
        self._file.close()


def listen(group: Path) -> OomNotice | None:
    """Return what hears of `group`, or None where that cannot be had."""
    try:
        return OomNotice(group)
    except OSError:
        return None


class LimitsAbove:
    """What is known of the limits of the groups above a v1 group."""

    def __init__(self, group: Path, mount: Path) -> None:
        """Listen to the groups above `group`, in the hierarchy at `mount`."""
        self._above = tuple(_above(group, mount))
        self._notice = listen(self._above[0]) if self._above else None

    def noticed(self) -> int | None:
        """Return how often one of them ran out of memory since; None where nobody listens."""
        if not self._above:
            return 0
        return self._notice.count() if self._notice else None

    def can_have_been_hit(self) -> bool:
        """Whether one of them has ever been at its limit.

        How often that was is not asked: ``memory.failcnt`` was seen to stay 0 on Linux 6.18.
        """
        return any(_was_at_limit(group) for group in self._above)

    def close(self) -> None:
        """Listen no more."""
        if self._notice is not None:
            self._notice.close()
            self._notice = None


def _was_at_limit(group: Path) -> bool:
    limit = read_text(group / "memory.limit_in_bytes")
    held_bytes = limit_bytes(limit) if limit else None
    mark = read_text(group / "memory.max_usage_in_bytes")
    return bool(held_bytes and mark) and int(mark or 0) >= (held_bytes or 0) - LIMIT_SLACK_BYTES


def _above(group: Path, mount: Path) -> Iterable[Path]:
    for above in group.parents:
        if above == mount or mount not in above.parents:
            return
        yield above
