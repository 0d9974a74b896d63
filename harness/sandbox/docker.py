"""The Docker sandbox: a new container for each run, observed through this machine's own cgroups."""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from harness.core.errors import OomproofError, SandboxError
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.container import ContainerSpec
from harness.sandbox.container_groups import parent_for
from harness.sandbox.container_run import ContainerRun
from harness.sandbox.container_view import ContainerView, GroupsView, StatsView
from harness.sandbox.contract import Availability, Order
from harness.sandbox.engine import (
    HOST_IMAGE,
    Engine,
    connect,
    describe,
    find_image,
    remove_leftovers,
)
from harness.sandbox.groups import sweep_groups
from harness.sandbox.identity import new_name
from harness.sandbox.machine import machine_memory_bytes
from harness.sandbox.places import hierarchy_tops

if TYPE_CHECKING:
    from docker import APIClient

_REMEDY: Final = (
    "start Docker (`systemctl start docker`, or `dockerd` as root) and let this user reach its "
    "socket (`usermod -aG docker $USER`)"
)


def _user_of(engine: Engine) -> str:
    """Return who a worker is in its container, as numbers: the caller.

    In a container of an engine without root that is root, and every other number is a stranger.
    """
    return "0:0" if engine.is_rootless else f"{os.getuid()}:{os.getgid()}"


def _remedy() -> str:
    """Return what would let an engine answer."""
    address = os.environ.get("DOCKER_HOST")
    if not address:
        return _REMEDY
    more = "; for ssh, pip install paramiko" if address.startswith("ssh:") else ""
    return f"check DOCKER_HOST, or unset it to use this machine's own engine{more}"


class _Connection(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that answered, and the image to run."""

    client: "APIClient"
    engine: Engine
    tag: str
    digest: str


def _remove(run: ContainerRun, view: ContainerView) -> None:
    """Remove a container, and the group above it."""
    run.remove()
    # What was measured counts more than what cannot be removed: the next start tries again.
    with contextlib.suppress(SandboxError, OSError):
        view.remove()


class DockerSandbox:
    """Runs a worker in a container of its own, with no network and nothing writable but output."""

    kind = SandboxKind.DOCKER

    def __init__(self, *, image: str = HOST_IMAGE, above: str = "", remote: bool = False) -> None:
        """Run `image`; nothing is asked of the engine yet.

        `above` is a group below which the runs' groups are made, the top by default. With `remote`,
        the engine is taken to be on another machine, so that only its own figures are used.
        """
        self._image = image
        self._above = above
        self._remote = remote
        self._connection: _Connection | None = None

    @property
    def description(self) -> dict[str, str]:
        """The engine, its version of cgroups, and the image with its digest."""
        found = self._connected()
        image = HOST_IMAGE if self._image == HOST_IMAGE else f"{self._image}@{found.digest}"
        return {
            "engine": found.engine.version,
            "cgroup": f"v{found.engine.cgroup_version}",
            "driver": found.engine.cgroup_driver,
            "image": image,
        }

    def _connected(self) -> _Connection:
        if self._connection is None:
            client = connect()
            engine = describe(client)
            if self._remote:
                engine = msgspec.structs.replace(engine, is_local=False)
            tag, digest = find_image(client, self._image)
            self._connection = _Connection(client=client, engine=engine, tag=tag, digest=digest)
        return self._connection

    def availability(self) -> Availability:
        """Say whether an engine answers."""
        try:
            with contextlib.closing(connect(timeout_s=10)) as client:
                engine = describe(client)
        except SandboxError as error:
            return Availability(works=False, reason=str(error), remedy=_remedy())
        where = "here" if engine.is_local else "on another machine, so results are approximate"
        if not engine.is_local and self._image == HOST_IMAGE:
            return Availability(
                works=False,
                reason=f"{engine.version} runs {where}, and the image `host` shows this machine",
                remedy='name an image with the worker in it: [sandbox] image = "..."',
            )
        return Availability(
            works=True,
            reason=f"{engine.version} answers {where}, with cgroup v{engine.cgroup_version} and "
            f"the {engine.cgroup_driver} driver",
        )

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run one command in a new container; see `contract.Sandbox.run`."""
        found = self._connected()
        name = new_name()
        parent = parent_for(name, found.engine, self._above)
        view: ContainerView = (
            GroupsView(found.engine, parent) if found.engine.is_local else StatsView(found.client)
        )
        spec = ContainerSpec(
            name=name,
            image=self._image,
            tag=found.tag,
            parent=parent.argument if parent else None,
            shared_memory_bytes=order.memory_limit_bytes or machine_memory_bytes(),
            user=_user_of(found.engine),
        )
        run = ContainerRun(found.client, found.engine, view, spec)
        try:
            seen = run.observe(order, stop)
        except BaseException:
            _remove(run, view)
            raise
        # It has ended; that the engine takes its time to remove it need not hold up what was seen.
        # No daemon: this process does not end before it is done.
        threading.Thread(target=_remove, args=(run, view), name=name).start()
        return seen

    def sweep(self) -> tuple[str, ...]:
        """Remove the containers that killed harnesses left, and the groups above them.

        The groups come first: an engine waits in vain for the end of a container that is frozen.
        """
        groups = sweep_groups(hierarchy_tops())
        try:
            names = remove_leftovers(self._connected().client)
        except OomproofError:
            names = ()
        return tuple(dict.fromkeys((*names, *groups)))
