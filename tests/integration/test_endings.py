"""Every ending, for real, in every sandbox where it makes sense.

On this machine that is Docker, a bare cgroup, and a process as an ordinary user; the same file runs
in the machines with a cgroup v2 kernel (see test_other_kernels.py).
"""

import dataclasses
import os
import shutil
import signal
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.ending import Ending, Killed, conclude
from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox

MIB = 2**20
DOCKER, CGROUP, PROCESS = SandboxKind.DOCKER, SandboxKind.CGROUP, SandboxKind.PROCESS

_TAKE = "data = bytearray({mib} << 20)"
_NODE = "const a = []; while (true) a.push(new Array(1000).fill(a.length));"
# An emulated machine, ten to thirty times slower, would need minutes for each gigabyte.
PRINTED = 10**8 if os.environ.get("OOMPROOF_TEST_EMULATED") else 10**9
_NO_SEEING_TMPFS = "files in a tmpfs belong to no process, so a poll of processes cannot see them"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: what runs, under which limit, and how it must end."""

    name: str
    ending: Ending
    python: str = ""
    shell: str = ""
    command: tuple[str, ...] = ()
    limit_mib: int = 128
    timeout_s: float = 300
    killed: Killed | None = None
    exit_code: int | None = None
    peak_mib: tuple[float, float] | None = None
    left_out: dict[SandboxKind, str] = dataclasses.field(default_factory=dict)

    def words(self, python: str) -> tuple[str, ...]:
        """Return the command; in a shell line, ``$PYTHON`` and ``$TAKE`` stand ready."""
        if self.command:
            return self.command
        if self.python:
            return (python, "-c", textwrap.dedent(self.python))
        take = f'{python} -c "{_TAKE.format(mib=300)}"'
        return ("/bin/sh", "-c", self.shell.replace("$TAKE", take))


ROWS = (
    Row(
        name="completes",
        ending=Ending.COMPLETED,
        python="import time; data = bytearray(60 << 20); time.sleep(0.3)",
        exit_code=0,
        peak_mib=(60, 80),
    ),
    Row(
        name="killed at the limit",
        ending=Ending.OOM_KILLED,
        python=_TAKE.format(mib=300),
        killed=Killed.MAIN,
        exit_code=137,
    ),
    Row(
        name="child killed, parent exits 0",
        ending=Ending.OOM_KILLED,
        shell="$TAKE; exit 0",
        killed=Killed.CHILD,
        exit_code=0,
        left_out={PROCESS: "the harness kills the whole tree, so no parent is left to exit"},
    ),
    Row(
        name="child killed, parent exits 3",
        ending=Ending.OOM_KILLED,
        shell="$TAKE; exit 3",
        killed=Killed.CHILD,
        exit_code=3,
        left_out={PROCESS: "the harness kills the whole tree, so no parent is left to exit"},
    ),
    Row(name="tree over the limit", ending=Ending.OOM_KILLED, shell="$TAKE; exit 0"),
    Row(
        name="shell wrapper that hides it",
        ending=Ending.OOM_KILLED,
        shell="sh -c '$TAKE || true' >/dev/null 2>&1; echo fine",
    ),
    Row(
        name="exit 137 without any kill",
        ending=Ending.CRASHED,
        shell="exit 137",
        exit_code=137,
    ),
    Row(
        name="MemoryError uncaught",
        ending=Ending.MEMORY_ERROR,
        python="data = bytearray(1 << 60)",
        exit_code=1,
    ),
    Row(
        name="MemoryError caught and survived",
        ending=Ending.COMPLETED,
        python="""
            import sys, traceback
            try:
                data = bytearray(1 << 60)
            except MemoryError:
                traceback.print_exc()
        """,
        exit_code=0,
    ),
    Row(
        name="heap of Node exhausted",
        ending=Ending.HEAP_EXHAUSTED,
        command=("node", "--max-old-space-size=64", "-e", _NODE),
        limit_mib=1024,
    ),
    Row(name="abort", ending=Ending.CRASHED, python="import os; os.abort()", exit_code=134),
    Row(
        name="segfault",
        ending=Ending.CRASHED,
        python="import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        exit_code=139,
    ),
    Row(name="timeout", ending=Ending.TIMED_OUT, shell="exec sleep 600", timeout_s=1.5),
    Row(
        name="ignores SIGTERM",
        ending=Ending.TIMED_OUT,
        shell="trap '' TERM; while :; do sleep 1; done",
        timeout_s=1.5,
        exit_code=137,
    ),
    Row(
        name="forks 1,000 children",
        ending=Ending.COMPLETED,
        limit_mib=1024,
        python="""
            import os
            read, write = os.pipe()
            children = []
            for _ in range(1000):
                child = os.fork()
                if child == 0:
                    os.close(write)
                    os.read(read, 1)
                    os._exit(0)
                children.append(child)
            os.close(write)
            for child in children:
                os.waitpid(child, 0)
        """,
        exit_code=0,
    ),
    Row(
        name="leaves 50 children behind",
        ending=Ending.COMPLETED,
        shell="for i in $(seq 50); do setsid sleep 600 & done; exit 0",
        exit_code=0,
    ),
    Row(
        name="allocates in 20 small children, over the limit",
        ending=Ending.OOM_KILLED,
        limit_mib=256,
        python="""
            import os, time
            for _ in range(20):
                if os.fork() == 0:
                    data = bytearray(25 << 20)
                    time.sleep(120)
                    os._exit(0)
            os.wait()  # the first that dies; none ends by itself
        """,
    ),
    Row(
        name="allocates in 20 small children, below the limit",
        ending=Ending.COMPLETED,
        limit_mib=512,
        python="""
            import os, time
            ready, told = os.pipe()
            held, release = os.pipe()
            for _ in range(20):
                if os.fork() == 0:
                    os.close(release)
                    data = bytearray(10 << 20)
                    os.write(told, b".")
                    os.read(held, 1)
                    os._exit(0)
            for _ in range(20):
                os.read(ready, 1)
            time.sleep(0.5)  # all hold their memory now
            os.close(release)
            for _ in range(20):
                os.wait()
        """,
        peak_mib=(200, 300),
    ),
    Row(
        name="page cache pressure only",
        ending=Ending.COMPLETED,
        limit_mib=64,
        python="""
            import os
            path = os.path.join(os.environ["OOMPROOF_OUTPUT"], "big")
            block = os.urandom(1 << 20)
            with open(path, "wb") as file:
                for _ in range(320):
                    file.write(block)
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
        """,
        peak_mib=(2, 40),
    ),
    Row(
        name="tmpfs counted",
        ending=Ending.OOM_KILLED,
        shell="head -c 400000000 /dev/zero > /dev/shm/$NAME; rm -f /dev/shm/$NAME",
        left_out={PROCESS: _NO_SEEING_TMPFS},
    ),
    Row(
        name="shared memory counted",
        ending=Ending.OOM_KILLED,
        python="""
            import mmap, time
            shared = mmap.mmap(-1, 300 << 20)
            for page in range(0, len(shared), 4096):
                shared[page] = 1
            time.sleep(1)
        """,
    ),
    Row(
        name="mmap of a file not counted",
        ending=Ending.COMPLETED,
        limit_mib=128,
        python="""
            import mmap, os, time
            path = os.path.join(os.environ["OOMPROOF_OUTPUT"], "mapped")
            with open(path, "wb") as file:
                for _ in range(300):
                    file.write(bytes(1 << 20))
            file = open(path, "rb")
            whole = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            total = sum(whole[page] for page in range(0, len(whole), 4096))
            time.sleep(0.1)
        """,
        peak_mib=(2, 40),
    ),
    Row(name="guard exit 75", ending=Ending.REFUSED, shell="exit 75", exit_code=75),
    Row(
        name="prints 1 GB",
        ending=Ending.COMPLETED,
        shell=f"head -c {PRINTED} /dev/zero",
        peak_mib=(0, 40),
    ),
    Row(
        name="prints without end and is stopped",
        ending=Ending.TIMED_OUT,
        shell="exec yes",
        timeout_s=1.5,
    ),
)
TABLE = [
    pytest.param(
        kind,
        row,
        id=f"{kind}-{row.name}",
        marks=[getattr(pytest.mark, kind)] if kind != PROCESS else [],
    )
    for row in ROWS
    for kind in (DOCKER, CGROUP, PROCESS)
    if kind not in row.left_out
]


def order_for(
    words: tuple[str, ...],
    folder: Path,
    *,
    limit_mib: int | None = 128,
    timeout_s: float = 300,
    mark: str = "",
) -> Order:
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "tmp").chmod(0o777)
    return Order(
        command=words,
        environment={
            "PATH": os.environ["PATH"],
            "OOMPROOF_OUTPUT": str(folder),
            "NAME": f"oomproof-test-{os.getpid()}",
            "OOMPROOF_TEST_MARK": mark,
        },
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=None if limit_mib is None else limit_mib * MIB,
        timeout_s=timeout_s,
    )


def never() -> bool:
    return False


@pytest.mark.parametrize(("kind", "row"), TABLE)
def test_ending(
    kind: SandboxKind,
    row: Row,
    sandbox_for: Callable[[SandboxKind], Sandbox],
    folder: Path,
    python: str,
) -> None:
    sandbox = sandbox_for(kind)
    if row.command and shutil.which(row.command[0]) is None:
        pytest.skip(f"{row.command[0]} is not installed here")
    order = order_for(row.words(python), folder, limit_mib=row.limit_mib, timeout_s=row.timeout_s)
    seen = sandbox.run(order, never)
    conclusion = conclude(seen.exit)
    told = f"{conclusion.reason} | {seen.exit} | {seen.output.stderr_tail[-500:]}"
    assert conclusion.ending is row.ending, told
    if row.killed is not None and kind != PROCESS:
        assert conclusion.killed is row.killed, told
    if row.exit_code is not None:
        assert seen.exit.exit_code == row.exit_code, told
    if row.peak_mib is not None:
        assert row.peak_mib[0] <= peak_mib(seen) <= row.peak_mib[1], told
    if row.name == "prints 1 GB":
        assert seen.output.stdout_bytes == PRINTED
        assert len(seen.output.stdout_tail) == MIB
    assert seen.approximate is (kind == PROCESS)
    # A container that has ended is removed while the next things are done.
    end_s = time.monotonic() + 10
    while leftovers() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert leftovers() == []


def peak_mib(seen: Observation) -> float:
    assert seen.timeline.top is not None
    return seen.timeline.top.unreclaimable_bytes / MIB


def leftovers() -> list[str]:
    """Return the groups of this program that are still there."""
    own = str(os.getpid())
    found = [path for path, _, _ in os.walk("/sys/fs/cgroup") if f"-{own}-" in path]
    return [path for path in found if "oomproof" in path]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(DOCKER, marks=pytest.mark.docker),
        pytest.param(CGROUP, marks=pytest.mark.cgroup),
        PROCESS,
    ],
)
def test_sigkill_by_somebody_else(
    kind: SandboxKind, sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> None:
    mark = uuid.uuid4().hex
    order = order_for(("/bin/sh", "-c", "sleep 600; exit 0"), folder, mark=mark)
    killer = threading.Thread(target=kill_marked, args=(mark,))
    killer.start()
    seen = sandbox_for(kind).run(order, never)
    killer.join()
    conclusion = conclude(seen.exit)
    assert conclusion.ending is Ending.KILLED_FROM_OUTSIDE, seen.exit
    assert seen.exit.signal == signal.SIGKILL


def kill_marked(mark: str) -> None:
    """Kill the shell that carries the mark, once it runs: init and children have it too."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and _is_marked_shell(folder, mark):
                os.kill(int(folder.name), signal.SIGKILL)
                return
        time.sleep(0.02)


def _is_marked_shell(folder: Path, mark: str) -> bool:
    try:
        environment = (folder / "environ").read_bytes()
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"OOMPROOF_TEST_MARK={mark}".encode() in environment and words[:3] == [
        b"/bin/sh",
        b"-c",
        b"sleep 600; exit 0",
    ]


def test_ordinary_users_sandbox_runs_as_one(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> None:
    seen = sandbox_for(PROCESS).run(order_for(("/bin/sh", "-c", "id -u"), folder), never)
    assert int(seen.output.stdout_tail) != 0


def test_python_of_the_rows_is_there(python: str) -> None:
    assert Path(python).exists(), sys.version
