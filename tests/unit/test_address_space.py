"""A child that has no memory of its own yet is not counted, on real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.sandbox import address_space
from harness.sandbox.address_space import is_shared
from harness.sandbox.tree import Tree

MIB = 2**20
HELD_MIB = 60
# The child opens the pipe after vfork and before exec, and so waits in its parent's memory.
SPAWNER = """
import os, sys
held = bytearray(b"x") * (int(sys.argv[2]) << 20)
action = (os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)
print("holds", flush=True)
pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {}, file_actions=[action])
print("spawned", flush=True)
os.waitpid(pid, 0)
"""
FORKER = """
import os, sys, time
held = bytearray(b"x") * (int(sys.argv[2]) << 20)
if os.fork() == 0:
    held[::4096] = held[::4096]
    print("forked", flush=True)
time.sleep(60)
"""


class Parent:
    """A process that starts another, and where its child is to wait."""

    def __init__(self, program: str, pipe: Path) -> None:
        self.pipe = pipe
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(pipe), str(HELD_MIB)],
            stdout=subprocess.PIPE,
            env={"OOMPROOF_RUN": "x"},
        )
        self.tree = Tree(self.process.pid, "x")

    def says(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def child(self) -> int:
        end_s = time.monotonic() + 10
        while time.monotonic() < end_s:
            pids = self.tree.pids()
            if len(pids) > 1:
                return pids[1]
            time.sleep(0.01)
        raise TimeoutError("it has no child")


@pytest.fixture
def spawner(tmp_path: Path) -> Iterator[Parent]:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    yield from parent_of(SPAWNER, pipe)


@pytest.fixture
def forker(tmp_path: Path) -> Iterator[Parent]:
    yield from parent_of(FORKER, tmp_path / "none")


def parent_of(program: str, pipe: Path) -> Iterator[Parent]:
    parent = Parent(program, pipe)
    try:
        yield parent
    finally:
        assert parent.tree.kill()
        parent.process.communicate()


def refuse(*_: int) -> int:
    raise PermissionError("as in a container")


@pytest.mark.parametrize("may_compare", [True, False])
def test_between_vfork_and_exec_memory_counts_once(
    spawner: Parent, monkeypatch: pytest.MonkeyPatch, *, may_compare: bool
) -> None:
    if not may_compare:
        monkeypatch.setattr(address_space, "_kcmp", refuse)
    assert spawner.says() == b"holds"
    child = spawner.child()
    assert is_shared(spawner.process.pid, child)
    memory = spawner.tree.memory()
    assert memory.processes == 1
    assert HELD_MIB <= memory.anon_bytes / MIB < 1.5 * HELD_MIB
    assert HELD_MIB <= spawner.tree.share_bytes() / MIB < 1.5 * HELD_MIB
    with spawner.pipe.open("wb"):
        assert spawner.says() == b"spawned"
        assert not is_shared(spawner.process.pid, child)
        memory = spawner.tree.memory()
    assert memory.processes == 2
    assert memory.anon_bytes / MIB < 1.5 * HELD_MIB


def test_after_a_fork_each_has_its_own(forker: Parent) -> None:
    assert forker.says() == b"forked"
    child = forker.child()
    assert not is_shared(forker.process.pid, child)
    memory = forker.tree.memory()
    assert memory.processes == 2
    assert memory.anon_bytes / MIB >= 2 * HELD_MIB


def test_what_is_gone_shares_nothing(forker: Parent) -> None:
    assert forker.says() == b"forked"
    child = forker.child()
    assert forker.tree.kill()
    assert not is_shared(os.getpid(), child)
