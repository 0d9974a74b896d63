"""Where on this machine a run's groups can be made, told from the mounted hierarchies."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

from harness.core.errors import SandboxError
from harness.sandbox.files import read_text, write_text
from harness.sandbox.kernel import Mount, cgroup_mounts, group_paths


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The group below which a run's own groups are made, in each hierarchy that a run uses.

    Attributes:
        version: of the memory controller's hierarchy, 1 or 2.
        memory: where memory groups are made.
        mount: the top of that hierarchy here.
        freezer: v1 only: where a run's processes can be stopped, or None.
        unified: v1 only: the v2 hierarchy beside it, for pressure, or None.
        cpu: v1 only: where processor time is limited, or None.

    """

    version: int
    memory: Path
    mount: Path
    freezer: Path | None = None
    unified: Path | None = None
    cpu: Path | None = None


class Hierarchies(msgspec.Struct, frozen=True, kw_only=True):
    """The mounted hierarchies, and the groups that this process is in."""

    mounts: tuple[Mount, ...]
    groups: dict[str, str]

    def with_controller(self, name: str) -> Mount | None:
        """Return the v1 hierarchy of a controller, or None."""
        return next((m for m in self.mounts if m.version == 1 and name in m.options), None)

    @property
    def unified(self) -> Mount | None:
        """The v2 hierarchy, or None."""
        return next((mount for mount in self.mounts if mount.version == 2), None)

    @property
    def memory_version(self) -> int | None:
        """Which version the memory controller is of here: 1, 2, or None where it is in neither."""
        if self.with_controller("memory") is not None:
            return 1
        if self.unified is None:
            return None
        controllers = read_text(Path(self.unified.point) / "cgroup.controllers") or ""
        return 2 if "memory" in controllers.split() else None


def hierarchies(pid: int | str = "self") -> Hierarchies:
    """Return what is mounted here, and the groups of a process.

    Raises:
        SandboxError: /proc cannot be read.

    """
    mountinfo = read_text(Path("/proc/self/mountinfo"))
    groups = read_text(Path(f"/proc/{pid}/cgroup"))
    if mountinfo is None or groups is None:
        raise SandboxError("/proc/self/mountinfo and /proc/PID/cgroup cannot be read")
    return Hierarchies(mounts=cgroup_mounts(mountinfo), groups=group_paths(groups))


def hierarchy_tops() -> tuple[Path, ...]:
    """Return the tops of the hierarchies in which groups can be made here."""
    return tuple(Path(mount.point) for mount in hierarchies().mounts if mount.writable)


def group_in(mount: Mount, group: str) -> Path:
    """Return the folder of `group` in a mounted hierarchy.

    A container may see only a part of the hierarchy, below the group that `mount.root` names; a
    group that lies outside is not to be seen, and the top of the part is taken for it.
    """
    path = PurePosixPath(group)
    if mount.root != "/" and path.is_relative_to(mount.root):
        path = path.relative_to(mount.root)
    folder = Path(mount.point) / str(path).lstrip("/")
    return folder if folder.is_dir() else Path(mount.point)


def find_place(*, cpus: bool = False, parent: Path | None = None) -> Place:
    """Return where a run's groups can be made: below this process's own group where possible.

    So the limits that this process is under hold for its workers too. `parent` names another group
    in the memory controller's hierarchy.

    Raises:
        SandboxError: there is no such place for this user; the message says why.

    """
    seen = hierarchies()
    match seen.memory_version:
        case 1:
            return _place_v1(seen, parent)
        case 2:
            return _place_v2(seen, parent, ("memory", "cpu") if cpus else ("memory",))
        case _:
            raise SandboxError("no cgroup hierarchy with the memory controller is mounted here")


def _place_v1(seen: Hierarchies, parent: Path | None) -> Place:
    mount = seen.with_controller("memory")
    if mount is None:  # pragma: no cover  (memory_version says there is one)
        raise SandboxError("the memory controller is not mounted")
    memory = parent or group_in(mount, seen.groups.get("memory", "/"))
    if not mount.writable or not os.access(memory, os.W_OK):
        raise SandboxError(f"{memory} is not writable for this user")
    return Place(
        version=1,
        memory=memory,
        mount=Path(mount.point),
        freezer=_writable(seen.with_controller("freezer"), seen.groups.get("freezer", "/")),
        unified=_writable(seen.unified, seen.groups.get("", "/")),
        cpu=_writable(seen.with_controller("cpu"), seen.groups.get("cpu", "/")),
    )


def _writable(mount: Mount | None, group: str) -> Path | None:
    if mount is None or not mount.writable:
        return None
    folder = group_in(mount, group)
    return folder if os.access(folder, os.W_OK) else None


def _place_v2(seen: Hierarchies, parent: Path | None, controllers: tuple[str, ...]) -> Place:
    mount = seen.unified
    if mount is None:  # pragma: no cover  (memory_version says there is one)
        raise SandboxError("the v2 hierarchy is not mounted")
    top = Path(mount.point)
    own = group_in(mount, seen.groups.get("", "/"))
    reasons: list[str] = []
    for candidate in (parent,) if parent else _own_and_parent(own, top):
        reason = _enable(candidate, controllers) if mount.writable else "mounted read-only"
        if reason is None:
            return Place(version=2, memory=candidate, mount=top)
        reasons.append(f"{candidate}: {reason}")
    raise SandboxError("no group can be made here: " + "; ".join(reasons))


def _own_and_parent(own: Path, top: Path) -> Iterable[Path]:
    """Yield the own group and the one above: v2 lets a group hold processes or groups, not both."""
    yield own
    if own != top:
        yield own.parent


def _enable(group: Path, controllers: tuple[str, ...]) -> str | None:
    """Enable controllers for the groups below `group`; return why that failed, or None."""
    if not os.access(group, os.W_OK):
        return "not writable for this user"
    if not os.access(group / "cgroup.procs", os.W_OK):
        return "this user may not move processes into it"
    enabled = (read_text(group / "cgroup.subtree_control") or "").split()
    for controller in controllers:
        if controller in enabled:
            continue
        try:
            write_text(group / "cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            return f"the {controller} controller cannot be enabled below it ({error.strerror})"
    return None
