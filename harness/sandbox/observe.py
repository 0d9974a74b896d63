"""Watching a launched worker from its start to its end: what cgroup and process have in common."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from harness.core.autopsy import Autopsy
from harness.core.ending import ExitFacts, LimitReached
from harness.core.errors import InterruptedRunError, SandboxError
from harness.core.peaks import Timeline
from harness.core.run import Output
from harness.sandbox.capture import Capture
from harness.sandbox.contract import Order
from harness.sandbox.crowd import Crowd
from harness.sandbox.freeze import Freezer
from harness.sandbox.group import Meter
from harness.sandbox.kills import Kills
from harness.sandbox.launch import Ended, Launched
from harness.sandbox.offset import OffsetReader
from harness.sandbox.trap import Lookout
from harness.sandbox.watch import Grace, Sampler, Stopped, Watch, Worker

_DRAIN_S: Final = 5.0
_HELD_EVERY_S: Final = 0.05
NO_KILLS: Final = Kills(count=0, limit_reached=LimitReached.UNKNOWN)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a launched worker; `stopped` says why the loop ended it, if it did."""

    ended: Ended
    stopped: Stopped | None
    timeline: Timeline
    wall_seconds: float
    output: Output
    autopsy: Autopsy | None = None
    notes: tuple[str, ...] = ()

    def facts(self, kills: Kills = NO_KILLS) -> ExitFacts:
        """Return the facts of the end, with the kernel's kills."""
        return ExitFacts(
            exit_code=self.ended.exit_code,
            signal=self.ended.signal,
            oom_kills=kills.count,
            limit_reached=kills.limit_reached,
            killed_over_limit=self.stopped in {Stopped.OVER_LIMIT, Stopped.AT_TRAP},
            stopped_after_kill=self.stopped is Stopped.AFTER_KILL,
            hit_deadline=self.stopped is Stopped.DEADLINE,
            stderr_tail=self.output.stderr_tail,
        )


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that waits to begin, and what is needed to watch it.

    Attributes:
        launched: the process.
        handle: how it, and all it starts, is asked to end and killed.
        meter: what reads its memory.
        pids: its processes, to look for the snapshot among their files.
        groups: what it joins before it begins.
        freezer: what makes it stand still.
        pressure: the text of its pressure files, by name.
        slab_share: of its page cache, which is taken to be reclaimable kernel memory.
        kills: how many of its processes the kernel has killed for memory.
        is_over: whether the harness must kill it now, where no kernel does.
        is_held: whether the worker is still in the groups that it joined, if it has not ended.

    """

    launched: Launched
    handle: Worker
    meter: Meter
    pids: Callable[[], tuple[int, ...]]
    freezer: Freezer
    pressure: Callable[[], dict[str, str]] = dict
    slab_share: float = 0.0
    groups: tuple[Path, ...] = ()
    kills: Callable[[], int] = int
    is_over: Callable[[], bool] = lambda: False
    is_held: Callable[[], bool] = lambda: True


class _Leash:
    """Sees to it that a worker stays where its limit holds it."""

    def __init__(self, is_held: Callable[[], bool]) -> None:
        """Ask `is_held` now and then."""
        self._is_held = is_held
        self._next_s = 0.0

    def tick(self) -> None:
        """Raise SandboxError where the worker is elsewhere."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _HELD_EVERY_S
        if not self._is_held():
            raise SandboxError(
                "the worker was moved out of its group, where no limit holds it, and was killed; "
                "commands such as `su -l`, `runuser -l` and `systemd-run` do so: name the program "
                "itself, or use the docker sandbox"
            )


def observe(order: Order, watched: Watched, stop: Callable[[], bool]) -> Seen:
    """Let the worker begin, watch it to its end, and kill what it leaves behind.

    Raises:
        InterruptedRunError: `stop` became true.
        SandboxError: it could not enter its groups, or does not die.

    """
    capture, watch = Capture(), Watch()
    offset = OffsetReader([Path(snapshot.path) for snapshot in order.snapshots], watched.pids)
    with contextlib.closing(watch), contextlib.closing(watched.meter):
        out, err = watched.launched.streams
        watch.add_stream(out, capture.stdout.feed)
        watch.add_stream(err, capture.stderr.feed)
        watch.add_end(watched.launched.pidfd)
        watched.launched.join(watched.groups)
        sampler = Sampler(watched.meter, offset, crowd=Crowd(watched.pids))
        sampler.listen(watch)
        grace, leash = Grace(order.grace_s, watched.kills), _Leash(watched.is_held)
        lookout = Lookout(order.trap, watched, sampler, watch, usual_s=order.interval_s)

        def tick() -> Stopped | None:
            leash.tick()
            wanted = lookout.tick()
            return Stopped.OVER_LIMIT if watched.is_over() else wanted or grace.tick()

        stopped = watch.until_ended(
            watched.handle,
            tick=tick,
            interval_s=lookout.interval_s,
            timeout_s=order.timeout_s,
            stop=stop,
        )
        wall_seconds = sampler.elapsed_s()
        watched.handle.kill()
        watch.drain(seconds=_DRAIN_S)
    ended = watched.launched.wait()
    if stopped is Stopped.REQUEST:
        raise InterruptedRunError("the run was stopped before its end")
    return Seen(
        ended=ended,
        stopped=stopped,
        timeline=sampler.timeline,
        wall_seconds=wall_seconds,
        output=capture.output(),
        autopsy=lookout.autopsy,
        notes=lookout.notes,
    )
