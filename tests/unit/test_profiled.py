"""How a profiled pass ended, and what is said of it."""

from collections.abc import Callable

import msgspec
import pytest

from harness.core.autopsy import Autopsy, Evidence, Standstill
from harness.core.ending import Ending
from harness.core.peaks import Sample
from harness.core.profiled import PassEnd, disturbed, end_of_pass, note_on_end
from harness.core.run import Output, Run


def caught(size: int = 100) -> Autopsy:
    standstill = Standstill(
        limit_bytes=100,
        crossed_bytes=101,
        crossed_at_s=1.0,
        stood=Sample(at_s=1.0, anon_bytes=size),
        freezing_s=0.001,
    )
    return Autopsy(standstill=standstill, evidence=Evidence(processes=()))


@pytest.mark.parametrize(
    ("ending", "verdict", "is_caught", "end"),
    [
        (Ending.OOM_KILLED, Ending.OOM_KILLED, True, PassEnd.AT_LIMIT),
        (Ending.COMPLETED, Ending.OOM_KILLED, False, PassEnd.COMPLETED),
        (Ending.COMPLETED, Ending.COMPLETED, False, PassEnd.COMPLETED),
        (Ending.HEAP_EXHAUSTED, Ending.HEAP_EXHAUSTED, False, PassEnd.AS_BEFORE),
        (Ending.MEMORY_ERROR, Ending.MEMORY_ERROR, False, PassEnd.AS_BEFORE),
        (Ending.TIMED_OUT, Ending.OOM_KILLED, False, PassEnd.TIMED_OUT),
        (Ending.CRASHED, Ending.OOM_KILLED, False, PassEnd.OTHERWISE),
        (Ending.CRASHED, Ending.COMPLETED, False, PassEnd.OTHERWISE),
        (None, Ending.OOM_KILLED, False, PassEnd.OTHERWISE),
    ],
)
def test_how_it_ended(
    ending: Ending | None,
    verdict: Ending,
    is_caught: bool,
    end: PassEnd,
    make_run: Callable[..., Run],
) -> None:
    found = end_of_pass(
        make_run(ending=ending), make_run(ending=verdict), caught() if is_caught else None
    )
    assert found is end


def test_a_stack_elsewhere_or_none_is_said(make_run: Callable[..., Run]) -> None:
    killed = make_run(ending=Ending.OOM_KILLED)
    assert note_on_end(PassEnd.AT_LIMIT, killed, caught(), same=True) == ""
    assert "in other code" in note_on_end(PassEnd.AT_LIMIT, killed, caught(), same=False)
    assert "cannot be told" in note_on_end(PassEnd.AT_LIMIT, killed, caught(), same=None)


@pytest.mark.parametrize(("size", "words"), [(110, "10 B above"), (80, "20 B below"), (101, "")])
def test_how_far_from_its_limit_it_stood_is_said(
    size: int, words: str, make_run: Callable[..., Run]
) -> None:
    killed = make_run(ending=Ending.OOM_KILLED)
    note = note_on_end(PassEnd.AT_LIMIT, killed, caught(size), same=True)
    assert words in note
    assert bool(note) == bool(words)


def test_a_profile_that_is_not_of_the_death_says_so(make_run: Callable[..., Run]) -> None:
    killed, completed = make_run(ending=Ending.OOM_KILLED), make_run()
    assert "not of its death" in note_on_end(PassEnd.COMPLETED, killed, None, same=None)
    assert "not of its death" in note_on_end(PassEnd.TIMED_OUT, killed, None, same=None)
    assert note_on_end(PassEnd.COMPLETED, completed, None, same=None) == ""


def test_a_worker_that_does_not_bear_a_profiler_is_said_with_its_words(
    make_run: Callable[..., Run],
) -> None:
    output = Output(stderr_tail="Traceback\nRuntimeError: one tracker only\n")
    run = msgspec.structs.replace(make_run(ending=Ending.CRASHED), output=output)
    first = disturbed(run, "memray", goes_on=True)
    assert "RuntimeError: one tracker only" in first
    assert "tracemalloc was tried" in first
    assert "no heap profile" in disturbed(run, "tracemalloc", goes_on=False)
