"""The loop that watches one worker: its streams drained, its memory sampled, its time kept."""

import enum
import os
import selectors
import time
from collections.abc import Callable
from typing import Final, Protocol

from harness.core.errors import SandboxError
from harness.core.peaks import Sample, Timeline
from harness.sandbox.crowd import Crowd
from harness.sandbox.group import Meter
from harness.sandbox.kernel import MemoryParts
from harness.sandbox.offset import OffsetReader

GRACE_S: Final = 2.0
_DYING_S: Final = 30.0
_GRACE_EVERY_S: Final = 0.05
_CHUNK_BYTES: Final = 256 * 1024
_LONGEST_WAIT_S: Final = 0.1
_HURRY: Final = 5
_LEAP_BYTES: Final = 1024 * 1024
# A parser that takes half a gigabyte a second rises by this share of its peak in a usual interval.
_LEAP_SHARE: Final = 0.002
_USUAL_S: Final = 0.01


class Stopped(enum.Enum):
    """Why the loop stopped the worker, if it did."""

    DEADLINE = "deadline"
    REQUEST = "request"
    OVER_LIMIT = "over limit"
    AT_TRAP = "at trap"
    AFTER_KILL = "after kill"


class Worker(Protocol):
    """What the loop can do to a worker."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it and all that it started."""


class Grace:
    """Ends a worker some time after the kernel killed a process of it: its ending is settled."""

    def __init__(
        self,
        seconds: float | None,
        kills: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Let it go on for `seconds` after `kills` rose above zero; None for ever."""
        self._seconds = seconds
        self._kills = kills
        self._clock = clock
        self._killed_at_s: float | None = None
        self._next_s = 0.0

    def tick(self) -> Stopped | None:
        """Say whether the worker is to be ended now."""
        now_s = self._clock()
        if self._seconds is None or now_s < self._next_s:
            return None
        self._next_s = now_s + _GRACE_EVERY_S
        if self._killed_at_s is None and self._kills():
            self._killed_at_s = now_s
        is_over = self._killed_at_s is not None and now_s - self._killed_at_s >= self._seconds
        return Stopped.AFTER_KILL if is_over else None


class Sampler:
    """Takes samples of one sandbox and keeps them in a timeline."""

    def __init__(
        self,
        meter: Meter,
        offset: OffsetReader | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        crowd: Crowd | None = None,
    ) -> None:
        """Sample `meter`, `offset` and `crowd`; times count from now."""
        self._meter = meter
        self._offset = offset
        self._crowd = crowd
        self._clock = clock
        self._started_s = clock()
        self._leapt = False
        self._resident_bytes = 0
        self._sampled_at_s = 0.0
        self.timeline = Timeline()

    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self._started_s

    @property
    def has_seen_snapshot(self) -> bool:
        """Whether the worker was ever seen with its snapshot open; true where none is sought."""
        return self._offset is None or self._offset.has_seen_snapshot

    def hold(self, seconds: float) -> None:
        """Leave `seconds` out of the time: the worker stood still."""
        self._started_s += seconds

    def parts(self) -> MemoryParts | None:
        """Return the memory now, without taking a sample; None once the group is gone."""
        try:
            return self._meter.parts()
        except OSError:
            return None

    def listen(self, watch: "Watch") -> None:
        """Sample also at the moment in which the worker opens one of several snapshots.

        Then the one before is done with, and what is held now was kept of it.
        """
        opens = self._offset.opens if self._offset else None
        if opens is None:
            return

        def opened() -> None:
            opens.index()  # heard, whether or not a sample can still be taken
            self.sample()

        watch.add_wake(opens.fd, opened)

    def interval_s(self, usual_s: float) -> float:
        """Return the seconds until the next sample: a few where memory rises in leaps.

        Between two samples a worker can rise and die unseen; looking five times as often costs
        little, because no worker leaps for long.
        """
        return usual_s / _HURRY if self._leapt else usual_s

    def sample(self, *, thorough: bool = False) -> Sample | None:
        """Take one sample; None once the group is gone.

        A thorough one spares no cost to find the open snapshot.
        """
        at_s = self.elapsed_s()
        # Before memory: read late, it may hold what the next job has read, but never show as kept
        # less than was.
        opens = self._offset.opens if self._offset else None
        snapshot_index = opens.index() if opens else None
        try:
            parts = self._meter.parts()
            stalled_us = self._meter.stalled_us()
        except OSError:
            return None
        sample = Sample(
            at_s=round(at_s, 4),
            anon_bytes=parts.anon_bytes,
            shmem_bytes=parts.shmem_bytes,
            kernel_bytes=parts.kernel_bytes,
            file_bytes=parts.file_bytes,
            rss_bytes=parts.rss_bytes,
            offset_bytes=self._offset.read(now=thorough) if self._offset else None,
            stalled_us=stalled_us,
            snapshot_index=snapshot_index,
        )
        top_bytes = self.timeline.top.unreclaimable_bytes if self.timeline.top else 0
        passed_s = max(at_s - self._sampled_at_s, 1e-4)
        self._leapt = _leaps(sample.unreclaimable_bytes, top_bytes, passed_s) or _leaps(
            sample.rss_bytes, self._resident_bytes, passed_s
        )
        self._resident_bytes = max(self._resident_bytes, sample.rss_bytes)
        self._sampled_at_s = at_s
        self.timeline.add(sample)
        self.timeline.note_reclaimable(parts.file_bytes + parts.slab_bytes)
        if self._crowd is not None and self.timeline.top is sample:
            self.timeline.processes = self._crowd.count()
        return sample


def _leaps(now_bytes: int, before_bytes: int, passed_s: float) -> bool:
    """Whether memory rises so fast that a usual interval would miss a part of the peak."""
    rise_bytes = (now_bytes - before_bytes) * _USUAL_S / passed_s
    return rise_bytes > max(_LEAP_BYTES, int(before_bytes * _LEAP_SHARE))


class Watch:
    """Waits for one worker's end, in one thread and without ever blocking on its streams."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing to wait for."""
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._open_streams = 0
        self._held_s = 0.0
        self.ended = False

    def hold(self, seconds: float) -> None:
        """Give the worker `seconds` more: it stood still for so long."""
        self._held_s += seconds

    def add_stream(self, fd: int, feed: Callable[[bytes], None], *, is_end: bool = False) -> None:
        """Drain `fd` into `feed` until it ends; with `is_end`, the worker has ended then too."""
        os.set_blocking(fd, False)

        def drain() -> None:
            chunk = self._read(fd)
            if chunk is None:
                return
            if chunk:
                feed(chunk)
            else:
                self._selector.unregister(fd)
                self._open_streams -= 1
                self.ended = self.ended or is_end

        self._selector.register(fd, selectors.EVENT_READ, drain)
        self._open_streams += 1

    @staticmethod
    def _read(fd: int) -> bytes | None:
        try:
            return os.read(fd, _CHUNK_BYTES)
        except BlockingIOError:
            return None
        except OSError:  # the other side went away
            return b""

    def add_end(self, fd: int, ended: Callable[[], bool] = lambda: True) -> None:
        """Take the worker as ended once `fd` is readable and `ended` agrees."""

        def check() -> None:
            if ended():
                self._selector.unregister(fd)
                self.ended = True

        self._selector.register(fd, selectors.EVENT_READ, check)

    def add_wake(self, fd: int, call: Callable[[], None]) -> None:
        """Call `call`, which must read `fd`, whenever there is something to read."""
        self._selector.register(fd, selectors.EVENT_READ, call)

    def add_once(self, fd: int, call: Callable[[], None]) -> None:
        """Call `call` once `fd` is readable, and forget it then."""

        def hear() -> None:
            self._selector.unregister(fd)
            call()

        self._selector.register(fd, selectors.EVENT_READ, hear)

    def until_ended(
        self,
        worker: Worker,
        *,
        tick: Callable[[], Stopped | None],
        interval_s: Callable[[], float],
        timeout_s: float,
        stop: Callable[[], bool],
    ) -> Stopped | None:
        """Call `tick` at each interval until the worker has ended; stop it when it must be.

        At its deadline a worker is asked to end, and killed `GRACE_S` later. Returns why the worker
        was stopped, or None where it ended by itself.

        Raises:
            SandboxError: a killed worker does not die.

        """
        stopped: Stopped | None = None
        deadline_s = self._clock() + timeout_s
        kill_at_s = die_at_s = float("inf")
        next_tick_s = self._clock()
        while not self.ended:
            now_s = self._clock()
            if now_s >= next_tick_s:
                wanted = tick()
                next_tick_s = max(next_tick_s + interval_s(), self._clock())
                if stopped is None and (wanted is not None or stop()):
                    stopped = wanted or Stopped.REQUEST
                    kill_at_s = now_s
            if stopped is None and now_s >= deadline_s + self._held_s:
                stopped = Stopped.DEADLINE
                worker.terminate()
                kill_at_s = now_s + GRACE_S
            if now_s >= kill_at_s:
                worker.kill()
                kill_at_s, die_at_s = float("inf"), now_s + _DYING_S
            if now_s >= die_at_s:
                raise SandboxError("the worker was killed, but does not die")
            self._wait(next_tick_s)
        return stopped

    def _wait(self, until_s: float) -> None:
        timeout_s = min(max(0.0, until_s - self._clock()), _LONGEST_WAIT_S)
        for key, _ in self._selector.select(timeout_s):
            key.data()

    def drain(self, *, seconds: float) -> None:
        """Read what the streams still hold, until they end or `seconds` have passed."""
        end_s = self._clock() + seconds
        while self._open_streams and self._clock() < end_s:
            self._wait(end_s)

    def close(self) -> None:
        """Forget all that was waited for."""
        self._selector.close()
