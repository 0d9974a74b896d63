"""A kill for the limit of a group above is not the worker's own, in every sandbox with groups."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from harness.core.ending import Ending, conclude
from harness.core.scenario import SandboxKind
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.group import remove_group
from harness.sandbox.places import find_place, hierarchy_tops

MIB = 2**20
ABOVE_MIB, OWN_MIB = 100, 500
# Page cache brings the worker to its own limit; a process beside it has the limit above hit.
CACHING_MIB, HOLDING_MIB = 100, 160
CACHING = """
import os, time
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("1000")  # whoever is to be killed for the limit above, it is this one
with open("cached", "wb") as file:
    for _ in range(200):
        file.write(bytes(1 << 20))
data = bytearray(60 << 20)
open("holding", "w").close()
time.sleep(120)
"""
GREEDY = """
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
time.sleep(0.5)
data = bytearray(120 << 20)
time.sleep(120)
"""
# In a delegated scope no group above the run's own belongs to the user, so none can be limited:
# there the row is left out, and the root's groups of the same kernel show it.
IN_SCOPE = bool(os.environ.get("OOMPROOF_TEST_SCOPE"))


@contextlib.contextmanager
def limited(group: Path, mib: int = ABOVE_MIB) -> Iterator[Path]:
    """Make a group with a limit, and remove it again."""
    group.mkdir()
    try:
        for name, value in (
            ("memory.limit_in_bytes", mib * MIB),
            ("memory.memsw.limit_in_bytes", mib * MIB),
            ("memory.max", mib * MIB),
            ("memory.swap.max", 0),
        ):
            if (group / name).exists():
                (group / name).write_text(str(value))
        yield group
    finally:
        for top in hierarchy_tops():
            remove_group(top / group.name)
        remove_group(group)


@contextlib.contextmanager
def limited_slice(name: str) -> Iterator[str]:
    """Make a slice with a limit, and stop it again."""
    limits = [f"MemoryMax={ABOVE_MIB}M", "MemorySwapMax=0"]
    subprocess.run(["systemctl", "start", name], check=True)
    subprocess.run(["systemctl", "set-property", "--runtime", name, *limits], check=True)
    try:
        yield name
    finally:
        subprocess.run(["systemctl", "stop", name], check=True)


@contextlib.contextmanager
def greedy(group: Path, python: str, folder: Path) -> Iterator[None]:
    """Let a process of `group` take most of its memory once the worker holds some of it."""
    beside = group / "beside"  # v2: a group holds processes or groups
    beside.mkdir()
    line = f'echo $$ > {beside}/cgroup.procs; exec {python} -c "$0" {folder}/holding'
    with subprocess.Popen(["/bin/sh", "-c", line, GREEDY]) as taker:
        try:
            yield
        finally:
            taker.kill()
            taker.wait()
            remove_group(beside)


def order(folder: Path, python: str, mib: int) -> Order:
    (folder / "tmp").mkdir()
    return Order(
        command=(python, "-c", f"data = bytearray({mib} << 20)"),
        environment={"PATH": os.environ["PATH"]},
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=OWN_MIB * MIB,
        timeout_s=300,
    )


def check(sandbox: Sandbox, folder: Path, python: str) -> None:
    seen = sandbox.run(order(folder, python, 300), lambda: False)
    assert conclude(seen.exit).ending is Ending.KILLED_FROM_OUTSIDE, seen.exit
    assert seen.exit.oom_kills >= 1


def check_caching(sandbox: Sandbox, group: Path, folder: Path, python: str) -> None:
    asked = order(folder, python, 0)
    command = (python, "-c", CACHING)
    limit_bytes = CACHING_MIB * MIB
    asked = msgspec.structs.replace(asked, command=command, memory_limit_bytes=limit_bytes)
    with greedy(group, python, folder):
        seen = sandbox.run(asked, lambda: False)
    assert seen.exit.oom_kills >= 1, (seen.exit, seen.output.stderr_tail)
    assert seen.high_water_bytes is None or seen.high_water_bytes >= limit_bytes - MIB
    assert conclude(seen.exit).ending is Ending.KILLED_FROM_OUTSIDE, seen.exit


if not IN_SCOPE:

    @pytest.mark.cgroup
    def test_cgroup(
        sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
    ) -> None:
        sandbox_for(SandboxKind.CGROUP)
        with limited(find_place().memory / f"limited-{os.getpid()}") as group:
            check(CgroupSandbox(parent=group), folder, python)

    @pytest.mark.docker
    def test_docker(
        sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
    ) -> None:
        docker = sandbox_for(SandboxKind.DOCKER)
        if docker.description["driver"] == "systemd":
            with limited_slice("limited.slice") as name:
                check(DockerSandbox(above=name), folder, python)
        else:
            place = find_place()
            top = place.mount
            with limited(top / f"limited-{os.getpid()}") as group:
                check(DockerSandbox(above=group.name), folder, python)

    @pytest.mark.cgroup
    def test_page_cache_at_the_own_limit_hides_nothing_in_a_group(
        sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
    ) -> None:
        sandbox_for(SandboxKind.CGROUP)
        with limited(find_place().memory / f"limited-{os.getpid()}", HOLDING_MIB) as group:
            check_caching(CgroupSandbox(parent=group), group, folder, python)

    @pytest.mark.docker
    def test_page_cache_at_the_own_limit_hides_nothing_in_docker(
        sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
    ) -> None:
        docker = sandbox_for(SandboxKind.DOCKER)
        if docker.description["driver"] == "systemd":
            return  # shown with the other driver, by the same counters of the same kernel
        with limited(find_place().mount / f"limited-{os.getpid()}", HOLDING_MIB) as group:
            check_caching(DockerSandbox(above=group.name), group, folder, python)


@pytest.mark.cgroup
def test_own_limit_below_a_higher_one_is_the_workers(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, python: str
) -> None:
    seen = sandbox_for(SandboxKind.CGROUP).run(order(folder, python, 600), lambda: False)
    assert conclude(seen.exit).ending is Ending.OOM_KILLED
