"""The cgroup sandbox: a new group for each run, v1 or v2, made directly or in a systemd scope."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.core.ending import ExitFacts
from harness.core.errors import InterruptedRunError, SandboxError
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox import scope
from harness.sandbox.capture import Capture
from harness.sandbox.contract import Availability, Order
from harness.sandbox.groups import GroupWorker, RunGroups, sweep_groups
from harness.sandbox.identity import new_name
from harness.sandbox.launch import Launched, LaunchSpec, signalled
from harness.sandbox.offset import OffsetReader
from harness.sandbox.places import Place, find_place, hierarchies
from harness.sandbox.watch import Sampler, Stopped, Watch

_DRAIN_S: Final = 5.0


class CgroupSandbox:
    """Runs a worker in a group of its own, under the kernel's limit."""

    kind = SandboxKind.CGROUP

    def __init__(self, *, parent: Path | None = None) -> None:
        """Make groups below `parent`, or below this process's own group."""
        self._parent = parent

    @property
    def description(self) -> dict[str, str]:
        """The version of the hierarchy that limits memory."""
        return {"cgroup": f"v{hierarchies().memory_version}"}

    def availability(self) -> Availability:
        """Say whether groups can be made here, directly or through systemd."""
        try:
            place = find_place(parent=self._parent)
        except SandboxError as error:
            return scope.availability(str(error))
        return Availability(works=True, reason=f"groups can be made below {place.memory}")

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run one command in a new group; see `contract.Sandbox.run`."""
        name = new_name()
        try:
            place = find_place(cpus=order.cpus is not None, parent=self._parent)
        except SandboxError as error:
            if not scope.availability(str(error)).works:
                raise
            return self._run_in_scope(name, order, stop)
        return self._run_at(place, name, order, stop)

    def _run_at(
        self, place: Place, name: str, order: Order, stop: Callable[[], bool]
    ) -> Observation:
        with RunGroups(place, name) as groups:
            limits = groups.limit(order.memory_limit_bytes, order.cpus)
            with Launched(_launch(order)) as worker:
                return _observe(order, worker, groups, limits, stop)

    def _run_in_scope(self, name: str, order: Order, stop: Callable[[], bool]) -> Observation:
        spec = _launch(order, prefix=scope.command(name), keep=True)
        with Launched(spec) as worker:
            place = scope.settle(name, worker, cpus=order.cpus is not None)
            with RunGroups(place, name) as groups:
                limits = groups.limit(order.memory_limit_bytes, order.cpus)
                return _observe(order, worker, groups, limits, stop)

    def sweep(self) -> tuple[str, ...]:
        """Remove the groups that killed harnesses left."""
        seen = hierarchies()
        return sweep_groups(Path(mount.point) for mount in seen.mounts if mount.writable)


def _launch(order: Order, *, prefix: tuple[str, ...] = (), keep: bool = False) -> LaunchSpec:
    return LaunchSpec(
        command=order.command,
        environment=order.environment,
        folder=order.working_folder,
        prefix=prefix,
        keep=keep,
    )


def _observe(
    order: Order,
    worker: Launched,
    groups: RunGroups,
    limits: dict[str, str],
    stop: Callable[[], bool],
) -> Observation:
    """Let the worker run in its groups, and gather the facts."""
    capture, watch = Capture(), Watch()
    offset = OffsetReader([Path(snapshot.path) for snapshot in order.snapshots], groups.pids)
    with contextlib.closing(groups.meter()) as meter, contextlib.closing(watch):
        sampler = Sampler(meter, offset)
        for stream, tail in (
            (worker.process.stdout, capture.stdout),
            (worker.process.stderr, capture.stderr),
        ):
            if stream is not None:
                watch.add_stream(stream.fileno(), tail.feed)
        watch.add_end(worker.pidfd)
        failures = groups.failures_above()
        worker.join(groups.folders)
        started_s = time.monotonic()
        sampler.start()

        stopped = watch.until_ended(
            GroupWorker(worker, groups),
            tick=sampler.tick,
            interval_s=order.interval_s,
            timeout_s=order.timeout_s,
            stop=stop,
        )
        wall_seconds = time.monotonic() - started_s
        groups.kill()
        watch.drain(seconds=_DRAIN_S)
    code, signal = signalled(worker.process.wait())
    if stopped is Stopped.REQUEST:
        raise InterruptedRunError("the run was stopped before its end")
    kills = groups.kills(order.memory_limit_bytes, failures)
    output = capture.output()
    return Observation(
        exit=ExitFacts(
            exit_code=code,
            signal=signal,
            oom_kills=kills.count,
            limit_reached=kills.limit_reached,
            hit_deadline=stopped is Stopped.DEADLINE,
            stderr_tail=output.stderr_tail,
        ),
        timeline=sampler.timeline,
        high_water_bytes=groups.high_water_bytes(),
        wall_seconds=wall_seconds,
        output=output,
        limits=limits,
    )
