"""The table of endings on kernels that this machine does not have.

They are cgroup v2 with and without systemd, as root and as an ordinary user with a delegated scope.
Each row boots a machine (see tests/vm/README.md) and runs the real tests in it; its test reports
theirs.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from junitparser import JUnitXml

from harness.sandbox.machine import available_memory_bytes

REPOSITORY = Path(__file__).parents[2]
MACHINE = REPOSITORY / "tests" / "vm" / "machine.py"
ENDINGS = "tests/integration/test_endings.py"
AUTOPSY = "tests/integration/test_autopsy.py"
# Where the groups lie is what differs with another driver: once each is enough.
FROZEN = (
    f"'{AUTOPSY}::test_frozen_at_the_limit_and_unharmed[fork-docker]' "
    f"'{AUTOPSY}::test_a_worker_that_is_to_die_does_nothing_more_once_it_stood[docker]' "
    f"'{AUTOPSY}::test_a_frozen_worker_of_a_killed_harness_is_gone_after_the_next_start[docker]'"
)
ABOVE = "tests/integration/test_limits_above.py"
PROFILES = "tests/integration/test_profiles.py"
TIMELINE = "tests/integration/test_timeline.py"
# Mounting a full disk takes root, so an ordinary user's scope is left out of this row.
FULL = "tests/integration/test_pipeline.py::test_a_full_output_folder_is_said"
CHANGES = "tests/integration/test_group_changes.py"
MACHINE_MEMORY = "tests/integration/test_machine_memory.py"
DOCKER_USER = "tests/integration/test_docker_user.py"
TRUTH = "tests/integration/test_truth.py"
PYTEST = (
    "OOMPROOF_NO_SKIPS=1 OOMPROOF_TEST_EMULATED=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 "
    "python -m pytest -p pytest_timeout -p no:cacheprovider -q"
)
pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(2400)]
MACHINE_MIB = 6144
SIDE_BY_SIDE = 2


class Row(NamedTuple):
    """What is run in a machine, and whether systemd is its first process."""

    script: str
    systemd: bool = False


ROWS = {
    "v2": Row(
        f"bash tests/vm/docker_up.sh && {PYTEST} {ENDINGS} {ABOVE} "
        f"{AUTOPSY} {FULL} {TIMELINE} {CHANGES} {MACHINE_MEMORY} -m 'docker or cgroup'"
    ),
    "profiles": Row(
        f"bash tests/vm/docker_up.sh && {PYTEST} {PROFILES} "
        "-k 'killed_worker or behind or two_allocators' -m 'docker or cgroup'"
    ),
    "systemd": Row(
        "bash tests/vm/docker_up.sh && docker info -f '{{.CgroupDriver}}' && "
        f"{PYTEST} {ENDINGS} {ABOVE} {DOCKER_USER} {FULL} {FROZEN} -m docker",
        systemd=True,
    ),
    "truth": Row(f"{PYTEST} {TRUTH}"),
    "scope": Row(
        "bash tests/vm/user_up.sh env OOMPROOF_TEST_SCOPE=1 "
        f"{PYTEST} {ENDINGS} {ABOVE} {AUTOPSY} {CHANGES} -m cgroup",
        systemd=True,
    ),
    "v1": Row(
        "umount /sys/fs/cgroup && mount -t tmpfs cgroups /sys/fs/cgroup && "
        "for name in memory freezer cpu; do mkdir /sys/fs/cgroup/$name && "
        "mount -t cgroup -o $name $name /sys/fs/cgroup/$name || exit; done; "
        f"{PYTEST} {ABOVE} {CHANGES} {MACHINE_MEMORY} -m cgroup"
    ),
}


@pytest.fixture(scope="module")
def machines(request: pytest.FixtureRequest) -> Iterator[dict[str, "Future[set[str]]"]]:
    """Start the machines of all rows that are wanted, some side by side; return what they will say.

    One alone keeps hardly more than one processor busy.
    """
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed; apt install qemu-system-x86")
    if os.geteuid() != 0:
        pytest.skip("the machine shows all files of this one, which takes root")
    wanted = [
        str(item.callspec.params["passed"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    ]
    is_room = available_memory_bytes() > (SIDE_BY_SIDE + 1) * MACHINE_MIB << 20
    with ThreadPoolExecutor(SIDE_BY_SIDE if is_room else 1) as pool:
        yield {name: pool.submit(in_machine, ROWS[name]) for name in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def passed(request: pytest.FixtureRequest, machines: dict[str, "Future[set[str]]"]) -> set[str]:
    """Return the tests of a row that passed in its machine; none was left out or failed."""
    return machines[request.param].result()


def in_machine(row: Row) -> set[str]:
    # Not below pytest's own folder, which is closed to the machine's ordinary user.
    with tempfile.TemporaryDirectory(prefix="oomproof-share-") as folder:
        share = Path(folder)
        share.chmod(0o1777)
        xml = share / "results.xml"
        options = ["--systemd"] if row.systemd else []
        options += ["--memory", str(MACHINE_MIB), "--timeout", "2200", "--share", folder]
        done = subprocess.run(
            [sys.executable, str(MACHINE), *options, "--", f"{row.script} --junit-xml={xml}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            errors="replace",
        )
        assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        return results(xml)


def results(path: Path) -> set[str]:
    """Return the names of the tests that passed in the machine; none was left out or failed."""
    found: set[str] = set()
    for suite in JUnitXml.fromfile(str(path)):
        for case in suite:
            assert case.is_passed, f"{case.name}: {case.result}"
            found.add(case.name)
    return found


@pytest.mark.parametrize("passed", ["v2"], indirect=True)
def test_cgroup_v2_with_docker_and_bare(passed: set[str]) -> None:
    assert "test_ending[docker-killed at the limit]" in passed
    assert "test_ending[cgroup-killed at the limit]" in passed
    assert {"test_cgroup", "test_docker"} <= passed
    for kind in ("docker", "cgroup"):
        assert f"test_a_kill_of_the_machine_is_from_outside[{kind}]" in passed
        assert f"test_frozen_at_the_limit_and_unharmed[threads-{kind}]" in passed
    assert len(passed) >= 79


@pytest.mark.parametrize("passed", ["profiles"], indirect=True)
def test_heap_profiles_on_cgroup_v2(passed: set[str]) -> None:
    for kind in ("docker", "cgroup"):
        assert f"test_killed_worker_shows_the_line_that_holds_most[fork-{kind}]" in passed
        assert f"test_order_of_two_allocators_follows_their_sizes[sizes1-{kind}]" in passed
    assert len(passed) >= 28


@pytest.mark.parametrize("passed", ["systemd"], indirect=True)
def test_docker_with_the_systemd_driver(passed: set[str]) -> None:
    assert {"test_ending[docker-killed at the limit]", "test_docker"} <= passed
    assert {"test_killed_at_the_limit[0]", "test_a_full_output_folder_is_said[docker]"} <= passed
    assert "test_frozen_at_the_limit_and_unharmed[fork-docker]" in passed


@pytest.mark.parametrize("passed", ["truth"], indirect=True)
def test_truth_on_cgroup_v2(passed: set[str]) -> None:
    assert len(passed) >= 4


@pytest.mark.parametrize("passed", ["scope"], indirect=True)
def test_ordinary_users_delegated_scope(passed: set[str]) -> None:
    assert "test_ending[cgroup-killed at the limit]" in passed
    assert "test_frozen_at_the_limit_and_unharmed[fork-cgroup]" in passed
    assert len(passed) >= 33


@pytest.mark.parametrize("passed", ["v1"], indirect=True)
def test_kills_on_cgroup_v1_of_another_kernel(passed: set[str]) -> None:
    assert "test_a_kill_of_the_machine_is_from_outside[cgroup]" in passed
    assert "test_page_cache_at_the_own_limit_hides_nothing_in_a_group" in passed
