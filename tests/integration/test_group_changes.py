"""A worker's group that somebody changes, or takes the worker out of, while it runs."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.ending import Ending, conclude
from harness.core.errors import SandboxError
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.files import read_text
from harness.sandbox.places import find_place

MIB = 2**20
pytestmark = pytest.mark.cgroup
MOVES_OUT = """
import sys, time
with open(sys.argv[1] + "/cgroup.procs", "w") as file:
    file.write("0")
time.sleep(600)
"""
FIRST_THREAD_ENDS = """
import ctypes, os, threading, time
threading.Thread(target=lambda: (time.sleep(1), os._exit(0))).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def order(folder: Path, *command: str) -> Order:
    (folder / "tmp").mkdir()
    return Order(
        command=command,
        environment={"PATH": os.environ["PATH"]},
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=128 * MIB,
        timeout_s=60,
    )


def test_a_limit_that_is_changed_meanwhile_is_no_verdict(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> None:
    sandbox = sandbox_for(SandboxKind.CGROUP)
    changer = threading.Thread(target=raise_limit)
    changer.start()
    with pytest.raises(SandboxError, match="somebody changed"):
        sandbox.run(order(folder, "/bin/sleep", "3"), lambda: False)
    changer.join()


def raise_limit() -> None:
    """Raise the limit of the group in which this program's worker sleeps, once it does."""
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        for path, _, _ in os.walk("/sys/fs/cgroup"):
            group = Path(path)
            if f"-{os.getpid()}-" not in group.name or not has_sleeper(group):
                continue
            for name in ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes", "memory.max"):
                if (group / name).exists():
                    (group / name).write_text(str(256 * MIB))
                    return
        time.sleep(0.02)


def has_sleeper(group: Path) -> bool:
    pids = (read_text(group / "cgroup.procs") or "").split()
    return any((read_text(Path(f"/proc/{pid}/comm")) or "") == "sleep\n" for pid in pids)


if not os.environ.get("OOMPROOF_TEST_SCOPE"):

    def test_a_worker_that_leaves_its_group_is_no_verdict(
        sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
    ) -> None:
        sandbox = sandbox_for(SandboxKind.CGROUP)
        began_s = time.monotonic()
        outside = str(find_place().mount)
        with pytest.raises(SandboxError, match="moved out of its group"):
            sandbox.run(order(folder, python, "-c", MOVES_OUT, outside), lambda: False)
        assert time.monotonic() - began_s < 30, "it is not waited for"


def test_a_worker_whose_first_thread_ends_is_still_in_its_group(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
) -> None:
    sandbox = sandbox_for(SandboxKind.CGROUP)
    seen = sandbox.run(order(folder, python, "-c", FIRST_THREAD_ENDS), lambda: False)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert seen.wall_seconds >= 1
