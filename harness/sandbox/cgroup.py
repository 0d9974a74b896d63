"""The cgroup sandbox: a new group for each run, v1 or v2, made directly or in a systemd scope."""

from collections.abc import Callable
from pathlib import Path

from harness.core.errors import SandboxError
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox import scope
from harness.sandbox.contract import Availability, Order
from harness.sandbox.groups import GroupWorker, RunGroups, sweep_groups
from harness.sandbox.identity import new_name
from harness.sandbox.launch import Launched, LaunchSpec
from harness.sandbox.observe import Watched, observe
from harness.sandbox.places import Place, find_place, hierarchies, hierarchy_tops


class CgroupSandbox:
    """Runs a worker in a group of its own, under the kernel's limit."""

    kind = SandboxKind.CGROUP

    def __init__(self, *, parent: Path | None = None) -> None:
        """Make groups below `parent`, or below this process's own group."""
        self._parent = parent
        self._scopes_work: bool | None = None

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
        except SandboxError:
            if self._scopes_work is None:
                self._scopes_work = self.availability().works
            if not self._scopes_work:
                raise
            return self._run_in_scope(name, order, stop)
        return self._run_at(place, name, order, stop)

    def _run_at(
        self, place: Place, name: str, order: Order, stop: Callable[[], bool]
    ) -> Observation:
        spec = LaunchSpec(
            command=order.command, environment=order.environment, folder=order.working_folder
        )
        with RunGroups(place, name) as groups:
            limits = groups.limit(order.memory_limit_bytes, order.cpus)
            with Launched(spec) as worker:
                return _observe(order, worker, groups, limits, stop)

    def _run_in_scope(self, name: str, order: Order, stop: Callable[[], bool]) -> Observation:
        spec = LaunchSpec(
            command=order.command,
            environment={**order.environment, **scope.bus_variables()},
            folder=order.working_folder,
            prefix=scope.command(name),
            keep=True,
        )
        with Launched(spec) as worker:
            place = scope.settle(name, worker, cpus=order.cpus is not None)
            with RunGroups(place, name) as groups:
                limits = groups.limit(order.memory_limit_bytes, order.cpus)
                seen = _observe(order, worker, groups, limits, stop)
        scope.wait_until_gone(place)
        return seen

    def sweep(self) -> tuple[str, ...]:
        """Remove the groups that killed harnesses left."""
        return sweep_groups(hierarchy_tops())


def _observe(
    order: Order,
    worker: Launched,
    groups: RunGroups,
    limits: dict[str, str],
    stop: Callable[[], bool],
) -> Observation:
    """Let the worker run in its groups, and gather the facts."""
    watched = Watched(
        launched=worker,
        handle=GroupWorker(worker, groups),
        meter=groups.meter(),
        pids=groups.pids,
        freezer=groups.freezer(),
        pressure=groups.pressure,
        kills=groups.oom_kills,
        is_held=lambda: groups.holds(worker.pid) or worker.has_ended(),
        slab_share=groups.assumed_slab_share,
        groups=groups.folders,
    )
    seen = observe(order, watched, stop)
    groups.check_unchanged(limits)
    kills = groups.kills(order.memory_limit_bytes)
    high_water_bytes = groups.high_water_bytes()
    share = groups.slab_share(seen.timeline)
    return Observation(
        exit=seen.facts(kills),
        timeline=seen.timeline.without_slab(share),
        high_water_bytes=high_water_bytes,
        wall_seconds=seen.wall_seconds,
        output=seen.output,
        limits=limits,
        notes=seen.notes,
        autopsy=seen.autopsy.without_slab(share) if seen.autopsy else None,
    )
