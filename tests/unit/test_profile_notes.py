"""Which processes a profile at death is of, and what is said of how it was taken."""

from pathlib import Path

from harness.core.profile import Frame, Moment, Profiler
from harness.profilers.collect import Seen, _at_death, _largest
from harness.profilers.processes import Process
from harness.profilers.reading import Reading
from harness.profilers.telling import notes_on


def seen(  # what a test varies
    pid: int,
    *,
    total: int = 10,
    last_s: float = 100.0,
    ended: bool = False,
    forked: bool = False,
    cut_s: float | None = None,
    peak: int | None = None,
    profiler: Profiler = Profiler.MEMRAY,
    cut_at_bytes: int | None = None,
    began_s: float = 90.0,
) -> Seen:
    process = Process(
        pid=pid, began_s=began_s, profiler=profiler, ended=ended, forked=forked, cut_s=cut_s
    )
    reading = Reading(total_bytes=total, sites=(), last_s=last_s, peak_bytes=peak)
    return Seen(process=process, reading=reading, file=Path("x"), cut_at_bytes=cut_at_bytes)


def pids(chosen: object) -> list[int]:
    assert isinstance(chosen, list)
    return [one.process.pid for one in chosen]


def test_who_came_to_an_end_before_the_kill_holds_nothing() -> None:
    all_ = [
        seen(1, total=5, ended=True),
        seen(2, total=90),
        seen(3, total=50, last_s=95.0),
        seen(4, total=40, last_s=99.9),
    ]
    assert pids(_at_death(all_)) == [2, 4]


def test_where_all_came_to_an_end_the_largest_counts() -> None:
    assert pids(_at_death([seen(1, total=5, ended=True), seen(2, ended=True)])) == [1, 2]


def test_who_was_seen_alive_counts_whatever_its_record_says() -> None:
    all_ = [seen(1, total=90, last_s=95.0), seen(2, total=50, ended=True), seen(3, total=70)]
    assert pids(_at_death(all_, frozenset({1, 2}))) == [1, 2]
    assert pids(_at_death(all_, frozenset({99}))) == [1, 3], "none of these: their records tell"


def test_a_program_that_made_way_for_another_holds_nothing() -> None:
    first, then = seen(7, total=90), seen(7, total=50, began_s=95.0)
    assert _at_death([first, then]) == [then]
    assert _at_death([then, first], frozenset({7})) == [then]
    assert _largest([first, then]) == [first]


def test_a_look_long_ago_is_still_of_a_process_that_was_killed() -> None:
    looked = seen(3, total=5, last_s=1.0, profiler=Profiler.TRACEMALLOC)
    assert pids(_at_death([seen(2, total=90), looked])) == [2, 3]


def test_cuts_are_told_with_their_time() -> None:
    (told,) = notes_on([one := seen(1, cut_s=93.5)], [one], Moment.DEATH)
    assert "process 1 reached its cap after 3.50 s" in told
    (told,) = notes_on([one := seen(1, cut_at_bytes=2**20)], [one], Moment.DEATH)
    assert "cut at 1 MiB, 10.0 s after its start" in told


def test_what_tracemalloc_could_not_look_at_is_told() -> None:
    near = seen(1, total=99, peak=100, profiler=Profiler.TRACEMALLOC)
    assert not list(notes_on([near], [near], Moment.DEATH))
    far = seen(1, total=40 << 20, peak=100 << 20, profiler=Profiler.TRACEMALLOC)
    (told,) = notes_on([far], [far], Moment.DEATH)
    assert "40 MiB of 100 MiB at the peak" in told


def test_several_processes_are_told() -> None:
    chosen = [seen(1), seen(2, forked=True)]
    told = list(notes_on([*chosen, seen(3)], chosen, Moment.HIGH_WATER))
    assert told[0].startswith("1 other process of the worker had ended")
    assert "sum of 2 processes, each at its own high-water mark" in told[1]
    assert told[2].startswith("A forked process")


def test_frame_without_a_function_is_its_place() -> None:
    assert str(Frame(function="", file="/app/worker.py", line=3)) == "/app/worker.py:3"
    assert str(Frame(function="f", file="/app/worker.py", line=3)) == "f (/app/worker.py:3)"
