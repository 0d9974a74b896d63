"""A machine that is short of memory kills whom it likes: that is never the worker's own limit.

Only an emulated machine is made to do so: there nobody else can be hit.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.ending import Ending, conclude
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox

MIB = 2**20
# Page cache brings the worker to its limit first, as a writer's does.
WORKER = """
import time
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("1000")
with open("cached", "wb") as file:
    for _ in range(150):
        file.write(bytes(1 << 20))
data = bytearray(20 << 20)
open("holding", "w").close()
time.sleep(120)
"""


def kill_whom_the_machine_likes(holding: Path) -> None:
    """Let the kernel kill as it does when memory runs out; see sysrq.rst, "f"."""
    end_s = time.monotonic() + 120
    while time.monotonic() < end_s:
        if holding.exists():
            Path("/proc/sysrq-trigger").write_text("f")
            return
        time.sleep(0.05)


if os.environ.get("OOMPROOF_TEST_EMULATED") and not os.environ.get("OOMPROOF_TEST_SCOPE"):

    @pytest.mark.parametrize(
        "kind",
        [
            pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
            pytest.param(SandboxKind.CGROUP, marks=pytest.mark.cgroup),
        ],
    )
    def test_a_kill_of_the_machine_is_from_outside(
        kind: SandboxKind,
        sandbox_for: Callable[[SandboxKind], Sandbox],
        folder: Path,
        python: str,
    ) -> None:
        sandbox = sandbox_for(kind)
        (folder / "tmp").mkdir()
        killer = threading.Thread(target=kill_whom_the_machine_likes, args=(folder / "holding",))
        killer.start()
        asked = Order(
            command=(python, "-c", WORKER),
            environment={"PATH": os.environ["PATH"]},
            working_folder=folder,
            output_folder=folder,
            snapshots=(),
            memory_limit_bytes=64 * MIB,
            timeout_s=300,
        )
        seen = sandbox.run(asked, lambda: False)
        killer.join()
        assert seen.exit.oom_kills == 1, (seen.exit, seen.output.stderr_tail)
        assert conclude(seen.exit).ending is Ending.KILLED_FROM_OUTSIDE, seen.exit
