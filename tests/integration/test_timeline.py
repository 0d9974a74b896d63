"""What a timeline shows beside memory: how far the snapshot was read, and stalls for memory."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.case import Snapshot
from harness.core.ending import Ending, conclude
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.process import ProcessSandbox

MIB = 2**20
READER = """
import sys, time
with open(sys.argv[1], "rb", buffering=0) as file:
    while file.read(1 << 20):
        time.sleep(0.05)
"""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
        pytest.param(SandboxKind.CGROUP, marks=pytest.mark.cgroup),
        SandboxKind.PROCESS,
    ],
)
def test_read_offset_follows_the_snapshot(
    kind: SandboxKind, folder: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    found = sandbox_for(kind)
    # As the same user: another's open files are hidden from an ordinary user.
    sandbox = ProcessSandbox() if kind == SandboxKind.PROCESS else found
    snapshot = folder / "snapshot.json"
    snapshot.write_bytes(b" " * 10 * MIB)
    (folder / "tmp").mkdir()
    order = Order(
        command=(sys.executable, "-c", READER, str(snapshot)),
        environment={"PATH": os.environ["PATH"]},
        working_folder=folder,
        output_folder=folder,
        snapshots=(Snapshot(label="10MiB", path=str(snapshot), bytes=10 * MIB, sha256=""),),
        memory_limit_bytes=64 * MIB,
        timeout_s=120,
    )
    seen = sandbox.run(order, lambda: False)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    samples = seen.timeline.samples()
    offsets = [s.offset_bytes for s in samples if s.offset_bytes is not None]
    assert offsets == sorted(offsets)
    assert offsets[-1] == 10 * MIB
    assert len(set(offsets)) >= 5, "the offset moves with the reading"
    times = [sample.at_s for sample in samples]
    assert times == sorted(times)
    if kind == SandboxKind.CGROUP and Path("/proc/pressure/memory").exists():
        assert samples[-1].stalled_us is not None
