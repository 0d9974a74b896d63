"""Where groups and processes are: texts of mountinfo, /proc/PID/cgroup and /proc/PID/stat."""

import pytest

from harness.sandbox.kernel import Mount, cgroup_mounts, group_paths, process_stat

HYBRID = """\
22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 22 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
36 30 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:15 - cgroup cgroup rw,memory
37 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
38 30 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
"""
CONTAINER_V1 = (
    "700 690 0:31 /docker/0123abc /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime "
    "master:15 - cgroup cgroup rw,memory\n"
)
CONTAINER_V2 = (
    "701 690 0:27 /../../system.slice /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"
)


def test_the_hierarchies_of_a_hybrid_system() -> None:
    mounts = cgroup_mounts(HYBRID)
    assert [(mount.version, mount.point) for mount in mounts] == [
        (2, "/sys/fs/cgroup/unified"),
        (1, "/sys/fs/cgroup/memory"),
        (1, "/sys/fs/cgroup/cpu,cpuacct"),
        (1, "/sys/fs/cgroup/systemd"),
    ]
    assert mounts[1] == Mount(
        point="/sys/fs/cgroup/memory",
        root="/",
        version=1,
        options=frozenset({"rw", "memory"}),
        writable=True,
    )
    assert {"cpu", "cpuacct"} <= mounts[2].options


@pytest.mark.parametrize(
    ("text", "version", "root"),
    [(CONTAINER_V1, 1, "/docker/0123abc"), (CONTAINER_V2, 2, "/../../system.slice")],
)
def test_a_container_sees_a_part_that_it_may_not_write(text: str, version: int, root: str) -> None:
    (mount,) = cgroup_mounts(text)
    assert (mount.version, mount.root, mount.writable) == (version, root, False)


def test_what_is_mounted_read_only_is_not_writable() -> None:
    assert not cgroup_mounts("31 30 0:27 / /c rw,nosuid - cgroup2 cgroup2 ro\n")[0].writable
    assert not cgroup_mounts("31 30 0:27 / /c ro,nosuid - cgroup2 cgroup2 rw\n")[0].writable


def test_names_with_spaces_are_escaped() -> None:
    line = (
        r"31 30 0:27 /a\040b\134c /sys/fs/my\040groups\011x rw shared:1 master:2 - cgroup2 none rw"
    )
    (mount,) = cgroup_mounts(line)
    assert (mount.root, mount.point) == ("/a b\\c", "/sys/fs/my groups\tx")


@pytest.mark.parametrize("text", ["", "\n", "31 30 0:27", "a b c d e f - ", "a b - cgroup2 x rw"])
def test_other_lines_are_no_hierarchies(text: str) -> None:
    assert cgroup_mounts(text) == ()


def test_groups_by_controller() -> None:
    text = "12:cpu,cpuacct:/user\n5:memory:/docker/a:b\n1:name=systemd:/init\n0::/user.slice/a\n"
    assert group_paths(text) == {
        "cpu": "/user",
        "cpuacct": "/user",
        "memory": "/docker/a:b",
        "name=systemd": "/init",
        "": "/user.slice/a",
    }
    assert group_paths("0::/\n") == {"": "/"}


@pytest.mark.parametrize("name", ["python3", "a b", "a) R 1 1 1 (b", ")", "((", "a\nb"])
def test_the_name_of_a_process_may_hold_anything(name: str) -> None:
    rest = " ".join(str(number) for number in range(8, 53))
    stat = process_stat(f"4242 ({name}) S 17 18 19 {rest}\n")
    assert (stat.state, stat.parent, stat.group, stat.session) == ("S", 17, 18, 19)
    # The 22nd field of the line, see proc_pid_stat(5).
    assert stat.started_ticks == 8 + 22 - 7
