"""A case: worker x snapshot x limit x settings."""

import itertools
from collections.abc import Collection, Sequence

import msgspec

from harness.core.command import placeholders
from harness.core.scenario import Scenario, Setting, Worker


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON file with its size and SHA-256; `label` is what people call it: ``200MB``."""

    label: str
    path: str
    bytes: int
    sha256: str
    shape: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, its snapshot, a limit in bytes (None: unlimited), settings.

    `more_snapshots` follow the first where one process gets several in order.
    """

    worker: str
    snapshot: Snapshot
    memory_limit_bytes: int | None
    memory_limit_label: str
    settings: dict[str, Setting] = {}
    more_snapshots: tuple[Snapshot, ...] = ()

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """All snapshots of the case, in order."""
        return (self.snapshot, *self.more_snapshots)

    @property
    def snapshot_label(self) -> str:
        """The snapshots' names together: ``5MB, 50MB``, and ``5MB x 6`` for six passes."""
        passes = self._passes
        labels = [snapshot.label for snapshot in self.snapshots[: len(self.snapshots) // passes]]
        return ", ".join(labels) + (f" x {passes}" if passes > 1 else "")

    @property
    def _passes(self) -> int:
        """How many times over the snapshots are the same list."""
        whole = self.snapshots
        periods = (n for n in range(1, len(whole)) if len(whole) % n == 0 and whole[n] == whole[0])
        period = next((n for n in periods if whole == whole[:n] * (len(whole) // n)), len(whole))
        return len(whole) // period

    @property
    def input_bytes(self) -> int:
        """The size of all snapshots of the case, in bytes."""
        return sum(snapshot.bytes for snapshot in self.snapshots)

    @property
    def name(self) -> str:
        """The case in one line, the same from run to run."""
        return f"{self.variant} · {self.snapshot_label} · {self.memory_limit_label}"

    @property
    def variant(self) -> str:
        """The worker with its settings: ``full-parse[batch_size=100, parser=json]``."""
        if not self.settings:
            return self.worker
        pairs = ", ".join(f"{key}={value}" for key, value in sorted(self.settings.items()))
        return f"{self.worker}[{pairs}]"


def cases_of(
    scenario: Scenario, snapshots: Sequence[Snapshot], only: Collection[str] = ()
) -> tuple[Case, ...]:
    """Return every case of a scenario: worker x snapshot x limit x settings, in the file's order.

    A worker whose command has ``{snapshots}`` gets all of them in one case. `only` names the
    workers wanted; empty wants all.
    """
    return tuple(
        Case(
            worker=worker.name,
            snapshot=group[0],
            more_snapshots=group[1:],
            memory_limit_bytes=limit.bytes,
            memory_limit_label=limit.text,
            settings=dict(zip(worker.sweep, values, strict=True)),
        )
        for worker in scenario.worker
        if not only or worker.name in only
        for group in _groups(worker, tuple(snapshots))
        for limit in scenario.limits.memory
        for values in itertools.product(*worker.sweep.values())
    )


def _groups(worker: Worker, snapshots: tuple[Snapshot, ...]) -> tuple[tuple[Snapshot, ...], ...]:
    if "snapshots" in placeholders(worker.command_line()):
        return (snapshots * worker.passes,)
    return tuple((snapshot,) for snapshot in snapshots)
