"""What the machine promises to the tests that run in it; each test boots one (``README.md``)."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MACHINE = [sys.executable, str(HERE / "machine.py"), "--timeout", "500"]
EAT_200_MIB = "/usr/bin/python3 -c 'bytearray(200 << 20)'"

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not installed"),
]


def boot(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MACHINE, *arguments], capture_output=True, text=True, check=False)


def facts(output: str) -> dict[str, str]:
    """Return the ``name=value`` lines of a script's output."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def test_a_command_sees_the_host_and_leaves_only_its_share(tmp_path: Path) -> None:
    share, lost = tmp_path / "share", tmp_path / "lost"
    (tmp_path / "seen").write_text("from the host")
    script = f"""
        echo "cgroup=$(stat -f -c %T /sys/fs/cgroup)"
        echo "scratch=$(stat -f -c %T "$TMPDIR")"
        echo "programs=$(dirname "$(command -v python)")"
        echo "seen=$(cat {tmp_path}/seen)"
        pwd >&2
        echo kept > {share}/kept
        echo lost > {lost}
        exit 7
    """
    ended = boot("--share", str(share), "--", script)
    assert ended.returncode == 7, ended.stderr
    assert facts(ended.stdout) == {
        "cgroup": "cgroup2fs",
        "scratch": "ext2/ext3",
        "programs": str(Path(sys.executable).parent),
        "seen": "from the host",
    }
    assert str(Path.cwd()) in ended.stdout.splitlines()
    assert (share / "kept").read_text() == "kept\n"
    assert not lost.exists()


def test_several_words_are_a_program_and_its_arguments(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    test = tmp_path / "test_nothing.py"
    test.write_text("def test_nothing() -> None: ...\n")
    pytest_words = ["pytest", "-c", os.devnull, "-p", "no:cacheprovider", str(test)]
    ended = boot("--share", str(tmp_path), "--", *pytest_words, f"--junit-xml={junit}")
    assert ended.returncode == 0, ended.stdout
    assert 'failures="0"' in junit.read_text()


def test_a_machine_that_does_not_end_is_an_error_of_its_own(tmp_path: Path) -> None:
    ended = boot("--cache", str(cache_like(tmp_path)), "--timeout", "2", "--", "sleep 1000")
    assert ended.returncode == 125
    assert "did not end within 2 s" in ended.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert str(folder) in ended.stderr
    assert (folder / "console.log").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_the_emulator_never_outlives_its_starter(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    command = [*MACHINE, "--cache", str(cache_like(tmp_path)), "--", "echo begun; sleep 1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"begun\n"
        children = Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split()
        starter.send_signal(number)
        assert starter.wait(30) == status
    assert len(children) == 1
    assert not is_running(int(children[0]))


def cache_like(folder: Path) -> Path:
    """Return ``folder`` as a cache of its own that holds the kernel of the common one."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oomproof-vm"
    for kernel in caches.glob("kernel-*"):
        (folder / kernel.name).symlink_to(kernel)
    return folder


def is_running(pid: int) -> bool:
    """Tell whether the process does anything yet (a zombie does not), waiting 5 s for its end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    with os.fdopen(descriptor) as file:
        return not select.select([file], [], [], 5)[0]


def test_docker_below_the_root_cgroup() -> None:
    ended = boot(
        "--",
        f"""
        bash {HERE}/docker_up.sh || exit
        {container("/parent", EAT_200_MIB)}
        echo "driver=$(docker info --format '{{{{.CgroupDriver}}}}')"
        {kept("/sys/fs/cgroup/parent")}
        """,
    )
    assert ended.returncode == 0, ended.stdout
    assert facts(ended.stdout) == {
        "status": "137",
        "state": "true 137",
        "driver": "cgroupfs",
        "kills": "oom_kill 1",
        "peaked": "yes",
    }


def test_docker_below_systemd_keeps_the_counters_in_the_slice_until_it_is_stopped() -> None:
    ended = boot(
        "--systemd",
        "--",
        f"""
        bash {HERE}/docker_up.sh || exit
        {container("some.slice", EAT_200_MIB)}
        echo "driver=$(docker info --format '{{{{.CgroupDriver}}}}')"
        {kept("/sys/fs/cgroup/some.slice")}
        systemctl stop some.slice
        [ ! -e /sys/fs/cgroup/some.slice ] && echo stopped=gone
        """,
    )
    assert ended.returncode == 0, ended.stdout
    assert facts(ended.stdout) == {
        "status": "137",
        "state": "true 137",
        "driver": "systemd",
        "kills": "oom_kill 1",
        "peaked": "yes",
        "stopped": "gone",
    }


def container(parent: str, command: str) -> str:
    """Return a script that runs ``command`` with 64 MiB in the host's environment."""
    return f"""
        tar -cf - -T /dev/null | docker import - empty > {os.devnull}
        docker run --name one --cgroup-parent {parent} --network none \\
            --memory 64m --memory-swap 64m -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro \\
            empty {command}
        echo "status=$?"
        form='{{{{.State.OOMKilled}}}} {{{{.State.ExitCode}}}}'
        echo "state=$(docker inspect one --format "$form")"
    """


def kept(cgroup: str) -> str:
    """Return a script that says what a cgroup still tells after its container's end."""
    return f"""
        echo "kills=$(grep -w oom_kill {cgroup}/memory.events)"
        (($(cat {cgroup}/memory.peak) >= 64 << 20)) && echo peaked=yes
    """


def test_an_ordinary_user_limits_a_leaf_of_a_delegated_scope(tmp_path: Path) -> None:
    inner = tmp_path / "inner.sh"
    inner.write_text(f"""
        scope=/sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)
        mkdir "$scope/harness" "$scope/run"
        echo $$ > "$scope/harness/cgroup.procs"
        echo +memory > "$scope/cgroup.subtree_control"
        echo $((64 << 20)) > "$scope/run/memory.max"
        echo 0 > "$scope/run/memory.swap.max"
        sh -c "echo \\$\\$ > $scope/run/cgroup.procs; exec {EAT_200_MIB}"
        echo "status=$?"
        echo "user=$(id -un)"
        echo "limits=$(cat "$scope/run/memory.max" "$scope/run/memory.swap.max" | tr '\\n' ' ')"
        echo "kills=$(grep -w oom_kill "$scope/run/memory.events")"
    """)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    ended = boot(
        "--systemd",
        "--",
        f"""
        bash {HERE}/user_up.sh systemd-run --user --scope --quiet -p Delegate=yes -- \\
            sh {inner}
        echo "left=$(find /sys/fs/cgroup/user.slice -name '*.scope' -path '*/app.slice/*' | wc -l)"
        """,
    )
    assert facts(ended.stdout) == {
        "status": "137",
        "user": "machine-user",
        "limits": "67108864 0 ",
        "kills": "oom_kill 1",
        "left": "0",
    }
