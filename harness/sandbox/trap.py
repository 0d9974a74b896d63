"""Catching a worker at a size: polled every millisecond, frozen there, looked at, let go.

A worker that meets a hard limit with the OOM killer off is harmed: on v1 a limit met inside a
system call returns EFAULT or a short read. So the limit is watched from outside instead, below a
larger one that the kernel holds.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from harness.core.autopsy import Autopsy, Evidence, Fate, Standstill
from harness.core.errors import SandboxError
from harness.sandbox.freeze import Freezer, frozen
from harness.sandbox.watch import Sampler, Stopped, Watch

POLL_S: Final = 0.001
_NEAR: Final = 3
_OPENED_S: Final = 2.0
_EXTRA_S: Final = 0.01
_LET_GO: Final = (
    "Looking at the frozen worker took longer than {seconds:g} s, so it was let go on meanwhile: "
    "what was gathered last is not of the moment at the limit."
)
_ENDED: Final = "The worker came to its limit, but ended before it stood still there."


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that stands still, for who looks at it.

    Attributes:
        pids: its processes, as this machine numbers them; none where they are another machine's.
        pressure: text of the kernel's pressure files, by name.
        standstill: how it came to stand.

    """

    pids: tuple[int, ...]
    pressure: dict[str, str]
    standstill: Standstill


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker is to be caught, who looks at it then, and what becomes of it.

    Attributes:
        at_bytes: the unreclaimable memory at which it is frozen.
        look: gathers evidence; bounded in time by itself, for nothing runs meanwhile.
        fate: whether it goes on afterwards.
        extra_bytes: given its processes, what of its memory is not to be counted: a profiler's own.
            It is asked only once the worker is over `at_bytes`.
        hold_s: for how long it may stand at most, in seconds; it goes on then, whoever looks.

    """

    at_bytes: int
    look: Callable[[Frozen], Evidence]
    fate: Fate = Fate.GO_ON
    hold_s: float = 10.0
    extra_bytes: Callable[[tuple[int, ...]], int] = lambda _: 0


class Caught(Protocol):
    """What a trap asks of a sandbox about the worker in it."""

    @property
    def freezer(self) -> Freezer:
        """What freezes it."""

    @property
    def slab_share(self) -> float:
        """Which share of its page cache is taken to be reclaimable kernel memory beside it."""

    @property
    def pids(self) -> Callable[[], tuple[int, ...]]:
        """What returns its processes."""

    @property
    def pressure(self) -> Callable[[], dict[str, str]]:
        """What returns the text of its pressure files, by name."""


class Lookout:
    """Samples one worker, and watches for the moment at which its trap closes, if it has one."""

    def __init__(
        self, trap: Trap | None, caught: Caught, sampler: Sampler, watch: Watch, *, usual_s: float
    ) -> None:
        """Sample through `sampler` every `usual_s`; how long the worker stands is told to both."""
        self._trap = trap
        self._caught = caught
        self._sampler = sampler
        self._watch = watch
        self._usual_s = usual_s
        self._next_sample_s = 0.0
        self._last_s = 0.0
        self._last_bytes = 0
        self._is_near = False
        self._extra_bytes = 0
        self._extra_until_s = 0.0
        self.autopsy: Autopsy | None = None
        self.notes: tuple[str, ...] = ()
        self.held_s = 0.0

    def tick(self) -> Stopped | None:
        """Take a sample where one is due; close the trap where it is crossed."""
        trap = self._trap
        if trap is None:
            self._sampler.sample()
            return None
        now_s = self._sampler.elapsed_s()
        size_bytes = self._size_bytes()
        if size_bytes is not None:
            at_bytes = self._at_bytes(trap, now_s, size_bytes)
            if size_bytes > at_bytes:
                self._trap = None
                closing = msgspec.structs.replace(trap, at_bytes=at_bytes)
                return self._close(closing, now_s, size_bytes)
            self._expect(at_bytes, now_s, size_bytes)
        if now_s >= self._next_sample_s or self._is_waiting_for_snapshot(now_s):
            self._sampler.sample()
            self._next_sample_s = now_s + self._sampler.interval_s(self._usual_s)
        return None

    def interval_s(self) -> float:
        """Return the seconds until the next look: none where the trap may close any moment."""
        if self._trap is None:
            return self._sampler.interval_s(self._usual_s)
        return 0.0 if self._is_near else POLL_S

    def _is_waiting_for_snapshot(self, now_s: float) -> bool:
        """Whether the snapshot is about to be opened: what was held before is worth knowing."""
        return now_s < _OPENED_S and not self._sampler.has_seen_snapshot

    def _size_bytes(self) -> int | None:
        """Return the unreclaimable memory now, in bytes.

        Before the end of a worker v1 cannot tell the slab that goes with its page cache from other
        kernel memory, so a share is assumed; what it really was is measured once it has ended.
        """
        parts = self._sampler.parts()
        if parts is None:
            return None
        slab_bytes = min(parts.kernel_bytes, int(parts.file_bytes * self._caught.slab_share))
        return parts.unreclaimable_bytes - slab_bytes

    def _at_bytes(self, trap: Trap, now_s: float, size_bytes: int) -> int:
        """Return where the trap closes, what is not to be counted included."""
        if size_bytes > trap.at_bytes + self._extra_bytes or now_s > self._extra_until_s:
            is_asked = size_bytes > trap.at_bytes
            self._extra_bytes = trap.extra_bytes(self._caught.pids()) if is_asked else 0
            self._extra_until_s = now_s + _EXTRA_S
        return trap.at_bytes + self._extra_bytes

    def _expect(self, at_bytes: int, now_s: float, size_bytes: int) -> None:
        """Tell from how fast memory rises whether the next pause would be too long."""
        passed_s = max(now_s - self._last_s, 1e-6)
        rise_bytes = (size_bytes - self._last_bytes) / passed_s * POLL_S * _NEAR
        self._is_near = size_bytes + rise_bytes > at_bytes
        self._last_s, self._last_bytes = now_s, size_bytes

    def _close(self, trap: Trap, crossed_at_s: float, crossed_bytes: int) -> Stopped | None:
        # Frozen first: whatever is read before that costs overshoot.
        began_s = time.monotonic()
        try:
            with frozen(self._caught.freezer, seconds=trap.hold_s) as stands:
                freezing_s = time.monotonic() - began_s
                stood = self._sampler.sample(thorough=True)
                if stood is None:
                    self.notes = (_ENDED,)
                    return None
                standstill = Standstill(
                    limit_bytes=trap.at_bytes,
                    crossed_bytes=crossed_bytes,
                    crossed_at_s=round(crossed_at_s, 4),
                    stood=stood,
                    freezing_s=round(freezing_s, 6),
                    approximate=self._caught.freezer.approximate,
                )
                self.autopsy = self._look(trap, standstill)
                if not stands():
                    self.notes = (_LET_GO.format(seconds=trap.hold_s),)
                if trap.fate is Fate.DIE:
                    self._kill()
        except SandboxError as error:
            self.notes = (f"The worker could not be frozen at its limit: {error}.",)
            return None
        finally:
            self.held_s = time.monotonic() - began_s
            self._watch.hold(self.held_s)
            self._sampler.hold(self.held_s)
        return Stopped.AT_TRAP if trap.fate is Fate.DIE else None

    def _kill(self) -> None:
        """Kill the worker where it stands: let go first, it would do more than was looked at.

        Another machine's processes cannot be reached so, and are killed once they go on.
        """
        for pid in self._caught.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _look(self, trap: Trap, standstill: Standstill) -> Autopsy:
        began_s = time.monotonic()
        evidence = trap.look(
            Frozen(
                pids=self._caught.pids(), pressure=self._caught.pressure(), standstill=standstill
            )
        )
        frozen_s = round(time.monotonic() - began_s, 6)
        return Autopsy(
            standstill=msgspec.structs.replace(standstill, frozen_s=frozen_s), evidence=evidence
        )
