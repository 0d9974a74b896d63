"""Watching a launched worker from its start to its end: what cgroup and process have in common."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from harness.core.ending import ExitFacts, LimitReached
from harness.core.errors import InterruptedRunError
from harness.core.peaks import Timeline
from harness.core.run import Output
from harness.sandbox.capture import Capture
from harness.sandbox.contract import Order
from harness.sandbox.group import Kills, Meter
from harness.sandbox.launch import Launched, signalled
from harness.sandbox.offset import OffsetReader
from harness.sandbox.watch import Sampler, Stopped, Watch, Worker

_DRAIN_S: Final = 5.0
NO_KILLS: Final = Kills(count=0, limit_reached=LimitReached.UNKNOWN)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a launched worker; `stopped` says why the loop ended it, if it did."""

    exit_code: int
    signal: int | None
    stopped: Stopped | None
    timeline: Timeline
    wall_seconds: float
    output: Output

    def facts(self, kills: Kills = NO_KILLS) -> ExitFacts:
        """Return the facts of the end, with the kernel's kills."""
        return ExitFacts(
            exit_code=self.exit_code,
            signal=self.signal,
            oom_kills=kills.count,
            limit_reached=kills.limit_reached,
            killed_over_limit=self.stopped is Stopped.OVER_LIMIT,
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
        is_over: whether the harness must kill it now, where no kernel does.

    """

    launched: Launched
    handle: Worker
    meter: Meter
    pids: Callable[[], Iterable[int]]
    groups: tuple[Path, ...] = ()
    is_over: Callable[[], bool] = lambda: False


def observe(order: Order, watched: Watched, stop: Callable[[], bool]) -> Seen:
    """Let the worker begin, watch it to its end, and kill what it leaves behind.

    Raises:
        InterruptedRunError: `stop` became true.
        SandboxError: it could not enter its groups, or does not die.

    """
    process = watched.launched.process
    capture, watch = Capture(), Watch()
    offset = OffsetReader([Path(snapshot.path) for snapshot in order.snapshots], watched.pids)
    with contextlib.closing(watch), contextlib.closing(watched.meter):
        if process.stdout is not None and process.stderr is not None:
            watch.add_stream(process.stdout.fileno(), capture.stdout.feed)
            watch.add_stream(process.stderr.fileno(), capture.stderr.feed)
        watch.add_end(watched.launched.pidfd)
        watched.launched.join(watched.groups)
        sampler = Sampler(watched.meter, offset)

        def tick() -> Stopped | None:
            sampler.sample()
            return Stopped.OVER_LIMIT if watched.is_over() else None

        stopped = watch.until_ended(
            watched.handle,
            tick=tick,
            interval_s=lambda: sampler.interval_s(order.interval_s),
            timeout_s=order.timeout_s,
            stop=stop,
        )
        wall_seconds = sampler.elapsed_s()
        watched.handle.kill()
        watch.drain(seconds=_DRAIN_S)
    exit_code, signal = signalled(process.wait())
    if stopped is Stopped.REQUEST:
        raise InterruptedRunError("the run was stopped before its end")
    return Seen(
        exit_code=exit_code,
        signal=signal,
        stopped=stopped,
        timeline=sampler.timeline,
        wall_seconds=wall_seconds,
        output=capture.output(),
    )
