"""The configuration of a container: what it may do, what it sees, what it may use."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harness.sandbox.contract import Order
from harness.sandbox.engine import HOST_IMAGE, labels
from harness.sandbox.host_view import host_folders, outermost
from harness.sandbox.init_words import ASK

if TYPE_CHECKING:
    from docker import APIClient

_PIDS: Final = 8192
_NANO: Final = 10**9
_TMP: Final = "/tmp"  # noqa: S108  (a folder of the container: on disk, below the output folder)


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a container is made from.

    Attributes:
        name: of the sandbox.
        image: as the scenario names it, and `tag` as the engine does.
        parent: the group that the container's own is made below; None leaves it to the engine.
        shared_memory_bytes: the size of /dev/shm; it counts as the worker's memory anyway.
        user: the caller's user and group, as numbers.

    """

    name: str
    image: str
    tag: str
    parent: str | None
    shared_memory_bytes: int
    user: str


def create(client: "APIClient", spec: ContainerSpec, order: Order) -> dict[str, Any]:
    """Create the container of a run and return the engine's answer: ``Id`` and ``Warnings``."""
    temporary = order.output_folder / "tmp"
    temporary.mkdir(exist_ok=True)
    answer: dict[str, Any] = client.create_container(
        spec.tag,
        entrypoint=[order.command[0]],
        command=list(order.command[1:]),
        environment={**order.environment, **ASK},
        working_dir=str(order.working_folder),
        user=spec.user,
        labels=labels(spec.name),
        host_config=client.create_host_config(**_host_config(spec, order, temporary)),
    )
    return answer


def _host_config(spec: ContainerSpec, order: Order, temporary: Path) -> dict[str, Any]:
    from docker.types import LogConfig, Ulimit  # noqa: PLC0415  (see engine.connect)

    config: dict[str, Any] = {
        "mounts": list(_mounts(spec, order, temporary)),
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": _PIDS,
        "init": True,
        "shm_size": spec.shared_memory_bytes,
        # The engine keeps nothing of what a worker prints: it is read as it comes.
        "log_config": LogConfig(type="none"),
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
    }
    if order.memory_limit_bytes is not None:
        # The same size for both leaves no swap; the engine's default would allow as much again.
        config["mem_limit"] = config["memswap_limit"] = order.memory_limit_bytes
    if order.cpus is not None:
        config["nano_cpus"] = int(order.cpus * _NANO)
    if spec.parent is not None:
        config["cgroup_parent"] = spec.parent
    return config


def _mounts(spec: ContainerSpec, order: Order, temporary: Path) -> Iterable[Any]:
    """Yield the binds, at the same path as here, so that paths mean the same on both sides."""
    from docker.types import Mount  # noqa: PLC0415  (see engine.connect)

    read_only = [Path(snapshot.path) for snapshot in order.snapshots]
    read_only += [mount.path for mount in order.mounts if not mount.writable]
    # A link inside a bound folder leads to nothing unless what it leads to is bound as well.
    read_only += [path.resolve() for path in read_only]
    if spec.image == HOST_IMAGE:
        read_only += host_folders(order.command, order.environment, order.working_folder)
    elif order.working_folder != Path("/"):
        read_only.append(order.working_folder)
    writable = [mount.path for mount in order.mounts if mount.writable]
    sources = {
        Path(_TMP): (temporary, False),
        **{path: (path, True) for path in outermost(read_only)},
        **{path: (path, False) for path in (order.output_folder, *writable)},
    }
    for target, (source, is_read_only) in sources.items():
        yield Mount(str(target), str(source), type="bind", read_only=is_read_only)
