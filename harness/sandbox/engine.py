"""The container engine: found, asked what it is, and cleared of what killed harnesses left."""

import contextlib
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harness.core.errors import InputError, SandboxError
from harness.sandbox.files import read_text
from harness.sandbox.identity import LABEL, is_leftover

if TYPE_CHECKING:
    from docker import APIClient

HOST_LABEL: Final = "oomproof.host"
HOST_IMAGE: Final = "host"
_HOST_TAG: Final = "oomproof-host:1"
_EMPTY_TAR: Final = bytes(10240)
_TIMEOUT_S: Final = 120
_CONNECT_S: Final = 5


# What code meets that takes another program's word for good.
_OF_NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says of itself.

    Attributes:
        version: its name and version.
        cgroup_version: 1 or 2.
        cgroup_driver: ``cgroupfs`` or ``systemd``.
        is_local: its containers' groups can be read here.
        init_speaks: its init tells an exit with 137 from a death by signal 9.
        is_rootless: it is an ordinary user's own, who is root in its containers.

    """

    version: str
    cgroup_version: int
    cgroup_driver: str
    is_local: bool
    init_speaks: bool
    is_rootless: bool = False


class _Info(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What is needed of the engine's ``/info``."""

    name: str | None = None
    server_version: str | None = None
    kernel_version: str | None = None
    cgroup_version: str | int | None = None
    cgroup_driver: str | None = None
    init_binary: str | None = None
    security_options: tuple[str, ...] | None = None


class _Component(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A part of the engine, by its name."""

    name: str = "Engine"


class _Version(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What is needed of the engine's ``/version``."""

    components: tuple[_Component, ...] | None = None


def connect(*, timeout_s: int = _TIMEOUT_S) -> "APIClient":
    """Return a client of the engine that the environment names.

    Raises:
        SandboxError: no engine answers.

    """
    import docker  # noqa: PLC0415  (a quarter of a second, needed by this sandbox only)
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    try:
        settings = kwargs_from_env()
        _knock(settings.get("base_url", docker.constants.DEFAULT_UNIX_SOCKET))
        client = docker.APIClient(version="auto", timeout=timeout_s, **settings)
    # What it raises where an address is none, or what answers there is no engine, is told nowhere.
    except (docker.errors.DockerException, OSError, *_OF_NONSENSE) as error:
        raise SandboxError(f"no container engine answers: {_innermost(error)}") from error
    return client


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at `address`; the SDK would leak its socket there."""
    path = address.rpartition("unix://")[2]
    if path.startswith("/"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(path)


def _innermost(error: BaseException) -> str:
    """Return the last cause of an error: the SDK wraps "No such file" into four others."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)


@contextlib.contextmanager
def engine_errors() -> Iterator[None]:
    """Turn what the SDK raises where an engine fails or goes away into a SandboxError."""
    from docker.errors import DockerException  # noqa: PLC0415  (see connect)
    from requests.exceptions import RequestException  # noqa: PLC0415  (docker's own client)

    try:
        yield
    except (DockerException, RequestException) as error:
        raise SandboxError(f"the container engine failed: {error}") from error


def describe(client: "APIClient") -> Engine:
    """Return what the engine says of itself.

    Raises:
        SandboxError: it says nothing.

    """
    with engine_errors():
        answers = client.info(), client.version()
    try:
        info, version = msgspec.convert(answers, tuple[_Info, _Version])
    except msgspec.ValidationError as error:
        raise SandboxError(f"what answers is no container engine: {error}") from error
    versions = {"": 1, "1": 1, "2": 2}
    cgroup_version = versions.get(str(info.cgroup_version or ""))
    if cgroup_version is None:
        raise SandboxError(
            f"the container engine says that it has cgroups of version {info.cgroup_version}, of "
            "which nothing is known here"
        )
    host = os.uname()
    return Engine(
        version=f"{_product(version)} {info.server_version or ''}".strip(),
        cgroup_version=cgroup_version,
        cgroup_driver=info.cgroup_driver or "cgroupfs",
        is_local=str(client.base_url).startswith("http+docker")
        and info.name == host.nodename
        and info.kernel_version == host.release,
        init_speaks=info.init_binary == "docker-init",
        is_rootless="name=rootless" in (info.security_options or ()),
    )


def _product(version: _Version) -> str:
    """Return the engine's name as people know it: its first component's."""
    name = version.components[0].name if version.components else "Engine"
    return "Docker" if name == "Engine" else name.removesuffix(" Engine")


def host_key() -> str:
    """Return what tells this machine from others that use the same engine."""
    parts = (read_text(Path("/etc/machine-id")) or "", os.uname().nodename)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def labels(name: str) -> dict[str, str]:
    """Return the labels of a sandbox called `name`."""
    return {LABEL: name, HOST_LABEL: host_key()}


def find_image(client: "APIClient", image: str) -> tuple[str, str]:
    """Return the engine's name for `image`, and its digest; fetch it where it is not here.

    Raises:
        InputError: the image is neither here nor to be had.
        SandboxError: the engine fails.

    """
    from docker.errors import NotFound  # noqa: PLC0415  (see connect)

    tag = _HOST_TAG if image == HOST_IMAGE else image
    with engine_errors():
        found: dict[str, Any] | None = None
        with contextlib.suppress(NotFound):
            found = client.inspect_image(tag)
        if found is None:
            _fetch(client, image, tag)
            found = client.inspect_image(tag)
    return tag, str(found["Id"])


def _fetch(client: "APIClient", image: str, tag: str) -> None:
    from docker.errors import DockerException  # noqa: PLC0415  (see connect)

    try:
        if image == HOST_IMAGE:
            # With its tag in one word: Podman does not heed one that is given apart.
            client.import_image_from_data(_EMPTY_TAR, repository=tag)
        else:
            client.pull(image)
    except DockerException as error:
        why = getattr(error, "explanation", None) or _innermost(error)
        raise InputError(
            f'sandbox.image: "{image}" is not on this engine and cannot be pulled ({why}); pull or '
            f'import it first, or use the image "{HOST_IMAGE}"'
        ) from error


def remove_leftovers(client: "APIClient") -> tuple[str, ...]:
    """Remove the containers of this machine's harnesses that are gone, and return their names.

    Raises:
        SandboxError: the engine does not say which there are.

    """
    removed: list[str] = []
    with engine_errors():
        containers = client.containers(all=True, filters={"label": LABEL})
    for container in containers:
        marks = container.get("Labels") or {}
        name = str(marks.get(LABEL, ""))
        if marks.get(HOST_LABEL) == host_key() and is_leftover(name):
            with contextlib.suppress(SandboxError), engine_errors():
                client.remove_container(container["Id"], force=True, v=True)
                removed.append(name)
    return tuple(removed)
