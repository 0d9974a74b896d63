"""The table of endings on kernels that this machine does not have.

They are cgroup v2 with and without systemd, as root and as an ordinary user with a delegated scope.
Each test boots a machine (see tests/vm/README.md), runs the real tests in it, and reports theirs.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from junitparser import JUnitXml

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


@pytest.fixture
def share() -> Iterator[Path]:
    """Return a folder that the machine writes its results to."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed; apt install qemu-system-x86")
    if os.geteuid() != 0:
        pytest.skip("the machine shows all files of this one, which takes root")
    # Not below pytest's own folder, which is closed to the machine's ordinary user.
    folder = Path(tempfile.mkdtemp(prefix="oomproof-share-"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def run_in_machine(share: Path, script: str, *, systemd: bool = False) -> None:
    options = ["--systemd"] if systemd else []
    machine = [sys.executable, str(MACHINE), *options, "--memory", "6144", "--timeout", "2200"]
    done = subprocess.run(
        [*machine, "--share", str(share), "--", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        errors="replace",
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def results(path: Path) -> set[str]:
    """Return the names of the tests that passed in the machine; none was left out or failed."""
    passed: set[str] = set()
    for suite in JUnitXml.fromfile(str(path)):
        for case in suite:
            assert case.is_passed, f"{case.name}: {case.result}"
            passed.add(case.name)
    return passed


def test_cgroup_v2_with_docker_and_bare(share: Path) -> None:
    xml = share / "v2.xml"
    run_in_machine(
        share,
        f"bash tests/vm/docker_up.sh && {PYTEST} {ENDINGS} {ABOVE} "
        f"{AUTOPSY} {FULL} {TIMELINE} {CHANGES} {MACHINE_MEMORY} -m 'docker or cgroup' "
        f"--junit-xml={xml}",
    )
    passed = results(xml)
    assert "test_ending[docker-killed at the limit]" in passed
    assert "test_ending[cgroup-killed at the limit]" in passed
    assert {"test_cgroup", "test_docker"} <= passed
    for kind in ("docker", "cgroup"):
        assert f"test_a_kill_of_the_machine_is_from_outside[{kind}]" in passed
        assert f"test_frozen_at_the_limit_and_unharmed[threads-{kind}]" in passed
    assert len(passed) >= 79


def test_heap_profiles_on_cgroup_v2(share: Path) -> None:
    xml = share / "profiles.xml"
    run_in_machine(
        share,
        f"bash tests/vm/docker_up.sh && {PYTEST} {PROFILES} "
        "-k 'killed_worker or behind or two_allocators' -m 'docker or cgroup' "
        f"--junit-xml={xml}",
    )
    passed = results(xml)
    for kind in ("docker", "cgroup"):
        assert f"test_killed_worker_shows_the_line_that_holds_most[fork-{kind}]" in passed
        assert f"test_order_of_two_allocators_follows_their_sizes[sizes1-{kind}]" in passed
    assert len(passed) >= 28


def test_docker_with_the_systemd_driver(share: Path) -> None:
    xml = share / "systemd.xml"
    run_in_machine(
        share,
        f"bash tests/vm/docker_up.sh && docker info -f '{{{{.CgroupDriver}}}}' && "
        f"{PYTEST} {ENDINGS} {ABOVE} {DOCKER_USER} {FULL} {FROZEN} -m docker --junit-xml={xml}",
        systemd=True,
    )
    passed = results(xml)
    assert {"test_ending[docker-killed at the limit]", "test_docker"} <= passed
    assert {"test_killed_at_the_limit[0]", "test_a_full_output_folder_is_said[docker]"} <= passed
    assert "test_frozen_at_the_limit_and_unharmed[fork-docker]" in passed


def test_ordinary_users_delegated_scope(share: Path) -> None:
    xml = share / "scope.xml"
    run_in_machine(
        share,
        "bash tests/vm/user_up.sh env OOMPROOF_TEST_SCOPE=1 "
        f"{PYTEST} {ENDINGS} {ABOVE} {AUTOPSY} {CHANGES} -m cgroup --junit-xml={xml}",
        systemd=True,
    )
    passed = results(xml)
    assert "test_ending[cgroup-killed at the limit]" in passed
    assert "test_frozen_at_the_limit_and_unharmed[fork-cgroup]" in passed
    assert len(passed) >= 33


def test_kills_on_cgroup_v1_of_another_kernel(share: Path) -> None:
    xml = share / "v1.xml"
    run_in_machine(
        share,
        "umount /sys/fs/cgroup && mount -t tmpfs cgroups /sys/fs/cgroup && "
        "for name in memory freezer cpu; do mkdir /sys/fs/cgroup/$name && "
        "mount -t cgroup -o $name $name /sys/fs/cgroup/$name || exit; done; "
        f"{PYTEST} {ABOVE} {CHANGES} {MACHINE_MEMORY} -m cgroup --junit-xml={xml}",
    )
    passed = results(xml)
    assert "test_a_kill_of_the_machine_is_from_outside[cgroup]" in passed
    assert "test_page_cache_at_the_own_limit_hides_nothing_in_a_group" in passed


def test_truth_on_cgroup_v2(share: Path) -> None:
    xml = share / "truth.xml"
    run_in_machine(share, f"{PYTEST} {TRUTH} --junit-xml={xml}")
    assert len(results(xml)) >= 4
