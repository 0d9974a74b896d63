import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.sandbox.identity import PREFIX, is_leftover, new_name, owner
from harness.sandbox.kernel import process_stat


@pytest.fixture(scope="module")
def dead_pid() -> int:
    """Return the number of a process that has ended and been waited for."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def name_of(
    *, namespace: int | None = None, pid: int | None = None, ticks: int | None = None
) -> str:
    mine = owner()
    parts = (
        mine.namespace if namespace is None else namespace,
        mine.pid if pid is None else pid,
        mine.started_ticks if ticks is None else ticks,
    )
    return PREFIX + "-".join(map(str, parts)) + "-1"


def test_a_name_says_who_made_the_sandbox() -> None:
    assert owner().pid == os.getpid()
    assert new_name().startswith(name_of().removesuffix("1"))


def test_no_two_names_are_the_same() -> None:
    assert len({new_name() for _ in range(100)}) == 100


def test_the_sandbox_of_the_living_is_no_leftover() -> None:
    assert not is_leftover(new_name())
    parent = process_stat(Path(f"/proc/{os.getppid()}/stat").read_text("utf-8"))
    assert not is_leftover(name_of(pid=os.getppid(), ticks=parent.started_ticks))


def test_the_sandbox_of_the_dead_is_a_leftover(dead_pid: int) -> None:
    assert is_leftover(name_of(pid=dead_pid))


def test_a_number_that_another_process_has_now_is_not_its_owner() -> None:
    assert is_leftover(name_of(ticks=owner().started_ticks + 1))


def test_another_pid_namespace_cannot_be_judged_from_here(dead_pid: int) -> None:
    assert not is_leftover(name_of(namespace=owner().namespace + 1, pid=dead_pid))


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "/sys/fs/cgroup/memory/above/{}",
        "above-{}.slice",
        "{}.scope",
    ],
)
def test_names_are_known_in_every_form(form: str, dead_pid: int) -> None:
    for name in (name_of(pid=dead_pid), name_of(pid=dead_pid).replace("-", "_")):
        assert is_leftover(form.format(name))
    assert not is_leftover(form.format(name_of()))
    assert not is_leftover(form.format(name_of().replace("-", "_")))


@pytest.mark.parametrize("name", ["", "docker", "oomproof-", "oomproof-1-2-3", "oomproof-a-b-c-d"])
def test_other_names_are_nobodys(name: str) -> None:
    assert not is_leftover(name)
