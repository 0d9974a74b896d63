"""Which processors a worker is bound to where no group shares out their time."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from harness.sandbox.processors import bound, can_bind, least_taken


@pytest.mark.parametrize(
    ("cpus", "can"), [(None, True), (1, True), (2.0, True), (0.5, False), (1.5, False)]
)
def test_only_whole_processors_can_be_bound(cpus: float | None, can: bool) -> None:
    assert can_bind(cpus) is can


def test_those_that_are_least_taken_come_first() -> None:
    taken = Counter({0: 2, 1: 1, 3: 1})
    assert least_taken({0, 1, 2, 3}, taken, 1) == {2}
    assert least_taken({0, 1, 2, 3}, taken, 3) == {1, 2, 3}
    assert least_taken({0, 1}, taken, 9) == {0, 1}
    assert least_taken({5}, Counter(), 1) == {5}


def test_runs_side_by_side_share_a_processor_only_where_they_must() -> None:
    here = os.sched_getaffinity(0)
    if len(here) < 2:
        pytest.skip("this machine has one processor")
    sleep = (sys.executable, "-S", "-c", "input()")
    workers = [subprocess.Popen(sleep, stdin=subprocess.PIPE) for _ in range(2)]
    try:
        with bound(workers[0].pid, 1), bound(workers[1].pid, 1):
            first, second = (os.sched_getaffinity(worker.pid) for worker in workers)
        assert len(first) == len(second) == 1
        assert first != second
        with bound(workers[0].pid, None):
            assert os.sched_getaffinity(workers[0].pid) == first, "nothing was asked"
    finally:
        for worker in workers:
            worker.communicate()
