"""What every sandbox takes and gives, so that the loop need not know which one it has."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from harness.core.case import Snapshot
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.trap import Trap

SAMPLE_INTERVAL_S = 0.01


class MountRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A folder or file of this machine that the worker sees at the same path."""

    path: Path
    writable: bool = False


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as a sandbox is asked for it.

    Attributes:
        command: the words to execute, placeholders filled.
        environment: all of the worker's variables.
        working_folder: where the command starts, read-only for the worker where that can be held.
        output_folder: the one folder that the worker may write to.
        snapshots: the files to be read; their offset is followed.
        memory_limit_bytes: None for no limit.
        timeout_s: after which the worker is stopped.
        cpus: how many processors it may use at once; None for all.
        mounts: what else the worker sees.
        interval_s: between two samples.
        grace_s: how long the worker may go on after the kernel killed a process of it; None for as
            long as it likes. How it ends is settled then, and a parent may wait for the dead child.
        trap: at what size the worker is frozen and looked at; None for not at all.

    """

    command: tuple[str, ...]
    environment: dict[str, str]
    working_folder: Path
    output_folder: Path
    snapshots: tuple[Snapshot, ...]
    memory_limit_bytes: int | None
    timeout_s: float
    cpus: float | None = None
    mounts: tuple[MountRequest, ...] = ()
    interval_s: float = SAMPLE_INTERVAL_S
    trap: Trap | None = None
    grace_s: float | None = None


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a sandbox works here, why, and the command that would enable it."""

    works: bool
    reason: str
    remedy: str = ""


class Sandbox(Protocol):
    """Enforces a memory limit on one command, and says what it saw."""

    @property
    def kind(self) -> SandboxKind:
        """Which sandbox this is."""

    @property
    def description(self) -> dict[str, str]:
        """The conditions that only the sandbox knows: ``image``, ``engine``, ``cgroup``."""

    def availability(self) -> Availability:
        """Say whether this sandbox works here."""

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run one command to its end and return what was seen.

        Raises:
            SandboxError: the sandbox could not be made, or a limit could not be set.
            InterruptedRunError: `stop` became true; everything of the run has been removed.

        """

    def sweep(self) -> tuple[str, ...]:
        """Remove what a killed harness left, and return the names of what was removed."""
