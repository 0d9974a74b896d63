"""What polls of a worker's processes leave open, from scripted polls."""

from collections.abc import Callable, Iterable

import pytest

from harness.sandbox.launch import Ended
from harness.sandbox.process import TreeMeter
from harness.sandbox.tree import Tree, TreeMemory

MIB = 2**20
Measure = Callable[..., int]


class ScriptedTree(Tree):
    """A tree whose memory is as the script says, poll by poll."""

    def __init__(self, polls: Iterable[TreeMemory]) -> None:
        self._polls = iter(polls)

    def memory(self) -> TreeMemory:
        return next(self._polls)

    def share_bytes(self) -> int:
        return 0


def poll(anon: int, file: int, mark: int, processes: int = 1) -> TreeMemory:
    """Return what one poll sees, from sizes in MiB."""
    return TreeMemory(
        anon_bytes=anon * MIB,
        resident_bytes=(anon + file) * MIB,
        high_water_bytes=mark * MIB,
        processes=processes,
    )


@pytest.fixture
def upper_mib() -> Measure:
    def measure(*polls: TreeMemory, end: int) -> int:
        meter = TreeMeter(ScriptedTree(polls), None)
        for _ in polls:
            meter.parts()
        ended = Ended(exit_code=0, signal=None, resident_bytes=end * MIB)
        return meter.upper_bytes(ended) // MIB

    return measure


def test_what_was_seen_all_the_while_has_no_upper_end_of_its_own(upper_mib: Measure) -> None:
    assert upper_mib(poll(5, 2, 7), poll(50, 2, 52), poll(90, 2, 92), end=92) == 90


def test_a_burst_between_two_polls_was_unseen(upper_mib: Measure) -> None:
    assert upper_mib(poll(5, 2, 7), poll(10, 2, 212), end=212) == 210


def test_a_burst_after_the_last_poll_was_unseen(upper_mib: Measure) -> None:
    assert upper_mib(poll(5, 2, 7), end=207) == 205


def test_a_worker_that_was_never_polled_is_known_by_its_end(upper_mib: Measure) -> None:
    assert upper_mib(end=9) == 9


def test_mapped_files_that_were_seen_are_not_meant(upper_mib: Measure) -> None:
    mapped = [poll(5, 2, 7), poll(5, 200, 205), poll(5, 400, 405), poll(65, 400, 465)]
    assert upper_mib(*mapped, end=465) == 65
    unmapped = [*mapped, poll(20, 2, 465), poll(20, 2, 465)]
    assert upper_mib(*unmapped, end=465) == 20 + 60, "no more than it was ever seen to rise"


def test_of_several_the_marks_are_added_up(upper_mib: Measure) -> None:
    polls = [poll(5, 2, 7), poll(40, 4, 44, processes=2), poll(50, 4, 154, processes=2)]
    assert upper_mib(*polls, end=7) == 150
