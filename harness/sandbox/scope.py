"""A delegated systemd scope for an ordinary user: a part of the v2 hierarchy that is theirs."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

from harness.core.errors import SandboxError
from harness.sandbox.contract import Availability
from harness.sandbox.files import read_text, write_text
from harness.sandbox.kernel import group_paths
from harness.sandbox.launch import Launched
from harness.sandbox.places import Place, group_in, hierarchies

_SETTLE_S: Final = 20.0
_PROBE_S: Final = 20.0
_KEEP: Final = "keep"
_BUS: Final = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")


def command(name: str) -> tuple[str, ...]:
    """Return the prefix that starts a command in a new delegated scope called `name`.

    systemd-run becomes the command, so the process keeps its PID and its pipes.
    """
    user = () if os.geteuid() == 0 else ("--user",)
    return ("systemd-run", *user, "--scope", "--quiet", "--collect", "-p", "Delegate=yes",
            f"--unit={name}", "--")  # fmt: skip


def bus_variables() -> dict[str, str]:
    """Return the variables by which systemd-run finds the user's manager, those that are set."""
    return {name: os.environ[name] for name in _BUS if name in os.environ}


def availability(direct: str) -> Availability:
    """Say whether scopes can be had; `direct` is why groups cannot be made without one."""
    if hierarchies().memory_version != 2:
        return Availability(
            works=False,
            reason=direct,
            remedy="run oomproof as root, or boot with the v2 hierarchy (systemd."
            "unified_cgroup_hierarchy=1) and log in as a user of systemd",
        )
    if shutil.which("systemd-run") is None:
        return Availability(
            works=False, reason=f"{direct}; systemd-run is not here", remedy="run oomproof as root"
        )
    try:
        probe = subprocess.run(
            [*command(f"oomproof-probe-{os.getpid()}"), "true"],
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Availability(works=False, reason=f"{direct}; systemd-run: {error}", remedy=_REMEDY)
    if probe.returncode:
        return Availability(
            works=False, reason=f"{direct}; systemd-run: {probe.stderr.strip()}", remedy=_REMEDY
        )
    return Availability(works=True, reason="systemd gives this user a delegated scope")


_REMEDY: Final = (
    "loginctl enable-linger $USER and export XDG_RUNTIME_DIR=/run/user/$(id -u), or run as root"
)


def settle(name: str, worker: Launched, *, cpus: bool) -> Place:
    """Wait until the worker's shell is in its scope, and return the scope as a place for groups.

    The shell moves to a group of its own below the scope, because a v2 group holds either processes
    or groups with controllers.

    Raises:
        SandboxError: systemd did not make the scope, or did not delegate the controllers.

    """
    own = _wait_for_scope(name, worker)
    try:
        (own / _KEEP).mkdir()
        write_text(own / _KEEP / "cgroup.procs", str(worker.pid))
        for controller in ("memory", "cpu") if cpus else ("memory",):
            write_text(own / "cgroup.subtree_control", f"+{controller}")
    except OSError as error:
        raise SandboxError(
            f"the systemd scope {own} does not let its owner limit memory: {error}; "
            "set Delegate=memory pids cpu for user@.service (systemctl edit user@.service)"
        ) from error
    return Place(version=2, memory=own, mount=own)


def wait_until_gone(place: Place) -> None:
    """Wait until systemd has removed a scope whose last process has just ended, for a while."""
    end_s = time.monotonic() + _SETTLE_S
    while place.memory.exists() and time.monotonic() < end_s:
        time.sleep(0.005)


def _wait_for_scope(name: str, worker: Launched) -> Path:
    mount = hierarchies().unified
    if mount is None:
        raise SandboxError("the v2 hierarchy is not mounted")
    end_s = time.monotonic() + _SETTLE_S
    while time.monotonic() < end_s and not worker.has_ended():
        text = read_text(Path(f"/proc/{worker.pid}/cgroup")) or ""
        with contextlib.suppress(ValueError, KeyError):
            group = group_paths(text)[""]
            # systemd moves the process first and becomes the command afterwards: wait for both.
            if group.endswith(f"{name}.scope") and _is_shell(worker.pid):
                return group_in(mount, group)
        time.sleep(0.005)
    said = worker.said() if worker.has_ended() else "it took too long"
    raise SandboxError(f"systemd made no scope: {said}")


def _is_shell(pid: int) -> bool:
    return (read_text(Path(f"/proc/{pid}/comm")) or "").strip() != "systemd-run"
