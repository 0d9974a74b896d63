"""What to do next: the steps of the runbook that match what was found, and no others."""

import re
from collections.abc import Iterable
from typing import Final, assert_never

from harness.core.answer import Answer, Step
from harness.core.command import knows_snapshot
from harness.core.ending import Ending, Killed
from harness.core.manner import Manner
from harness.core.node import OPTIONS, HeapNote, heap_notes
from harness.core.units import format_bytes, format_megabytes

_MIB: Final = 2**20
_BATCH: Final = re.compile(r"--?[\w-]*batch[\w-]*(?:=(?P<count>\d+))?")
# A process that holds less than this share of all, such as a shell, takes nothing from the others.
_MUCH: Final = 0.1


def advise(found: Answer) -> tuple[Step, ...]:
    """Return the steps, the one that helps most first."""
    match found.ending:
        case Ending.OOM_KILLED | Ending.HEAP_EXHAUSTED:
            return (*_fit_heap(found), *_after_death(found))
        case Ending.MEMORY_ERROR:
            return (*_lift_own_limit(found), *_after_death(found))
        case Ending.COMPLETED:
            return (*_after_success(found), *_fit_heap(found))
        case Ending.REFUSED:
            return (
                Step(
                    do="Process the snapshot on a high-memory worker, with its guard raised.",
                    why="The worker's own size guard refused it, as it should.",
                ),
            )
        case Ending.TIMED_OUT:
            return (
                Step(
                    do="Give it more time with --timeout and run again.",
                    why="It was stopped before it came to an end of its own.",
                ),
            )
        case Ending.CRASHED:
            return (
                Step(
                    do="Read the end of its error stream in the evidence, and mend that first.",
                    why="It ended for another reason than memory.",
                ),
            )
        case Ending.KILLED_FROM_OUTSIDE | None:
            return (
                Step(
                    do="Run it again where nothing else limits or kills it.",
                    why="How it ends under its own limit could not be seen.",
                ),
            )
        case _ as never:
            assert_never(never)


def _after_death(found: Answer) -> Iterable[Step]:
    yield from _try_other(found)
    yield from _read_less(found)
    yield from _run_fewer(found)
    yield from _guard(found)
    if knows_snapshot(found.command):
        yield Step(
            do="Quarantine this snapshot, and process it later on a high-memory worker.",
            why="As it is, each retry dies the same way.",
        )
    yield from _raise(found)


def _try_other(found: Answer) -> Iterable[Step]:
    against = found.against
    if against is None:
        return
    command = " ".join(against.command)
    if against.ending is Ending.COMPLETED and against.peak_bytes is not None:
        yield Step(
            do=f"Use `{command}` for snapshots of this size.",
            why=f"It passed with the same snapshot and limit, with a peak of "
            f"{format_bytes(against.peak_bytes)}.",
        )
    else:
        ending = against.ending or "no verdict"
        yield Step(
            do=f"Do not expect `{command}` to help as it is.",
            why=f"With the same snapshot and limit it ended {ending}: {against.reason}.",
        )


def _read_less(found: Answer) -> Iterable[Step]:
    match found.manner:
        case Manner.WHOLE:
            if found.against is None:
                yield _stream(found)
        case Manner.PIECES:
            yield from _keep_less(found)
        case None:
            yield from _look_at_site(found)
        case _ as never:
            assert_never(never)


def _stream(found: Answer) -> Step:
    at = found.stopped_at
    return Step(
        do="Parse the large arrays as a stream, element by element, instead of the whole file at "
        "once; try it here with --against.",
        why="At the limit the whole snapshot had been read, so all of it is held at once."
        if at is not None and at.is_at_end
        else "It parses all of the snapshot, so all of it is held at once.",
    )


def _keep_less(found: Answer) -> Iterable[Step]:
    """Yield what helps a worker that streams already: it must keep something of what it reads."""
    path = found.stopped_at.path if found.stopped_at else None
    while_ = f" while {path} is read" if path else ""
    yield Step(
        do=f"Look at what is kept{while_}: lists, caches, a batch that is never written.",
        why="The worker reads its snapshot in pieces and grew all the same, so it keeps what it "
        "has read.",
    )
    count = _batch_size(found.command)
    if count is None or count > 1:
        sizes = "such as from 100 to 50" if count is None else f"from {count:,} to {count // 2:,}"
        yield Step(
            do=f"Reduce the batch size of the upserts, {sizes}, and run again.",
            why="Rows that wait for their batch are held in memory.",
        )


def _batch_size(command: tuple[str, ...]) -> int | None:
    """Return the batch size that a command asks for, where it does in a way that is understood."""
    for word, following in zip(command, (*command[1:], ""), strict=True):
        match = _BATCH.fullmatch(word)
        if match is not None:
            text = match["count"] or following
            return int(text) if text.isdecimal() else None
    return None


def _look_at_site(found: Answer) -> Iterable[Step]:
    if not found.sites:
        return
    site = found.sites[0]
    yield Step(
        do=f"Look at {site.at}: can it hold less at a time?",
        why=f"It holds {site.share * 100:.0f} % of the heap.",
    )


def _run_fewer(found: Answer) -> Iterable[Step]:
    held = [p.anonymous_bytes for p in found.autopsy.evidence.processes] if found.autopsy else []
    large = sum(size > sum(held) * _MUCH for size in held)
    was_child = any(run.killed is Killed.CHILD for run in found.runs[:1])
    # One that is started by a shell, or by a parent that only waits, is alone all the same.
    if large > 1 or (was_child and not held):
        who = f"{large} of them hold much of it" if large > 1 else "a child of it was killed"
        yield Step(
            do="Run one process: set the concurrency to 1, and the pools of connections to 2.",
            why=f"The limit is shared by all processes of the worker, and {who}.",
        )


def _guard(found: Answer) -> Iterable[Step]:
    largest = found.largest_snapshot
    if largest is not None and largest.snapshot_bytes:
        yield Step(
            do=f"Set the worker's size guard to {format_megabytes(largest.snapshot_bytes)} at "
            "most.",
            why="No larger snapshot fits this limit, as far as this one tells.",
        )


def _raise(found: Answer) -> Iterable[Step]:
    requirement = found.requirement
    if requirement is None or requirement.requirement_bytes is None:
        return
    # A tenth more, in whole MiB, rounded up.
    size_bytes = -(-requirement.requirement_bytes * 11 // (10 * _MIB)) * _MIB
    if size_bytes <= found.limit_bytes:
        return
    yield Step(
        do=f"Raise the limit to {format_bytes(size_bytes)} only if snapshots of this size are "
        "legitimate and cannot be streamed.",
        why=f"It needs {format_bytes(requirement.requirement_bytes)} "
        f"({requirement.method}); a tenth more leaves room.",
    )


def _fit_heap(found: Answer) -> Iterable[Step]:
    for note in _heap_notes(found):
        yield Step(do=note.next_step, why=f"{note.what}.")


def _heap_notes(found: Answer) -> Iterable[HeapNote]:
    if found.ending is None:
        return ()
    return heap_notes(
        found.command,
        found.conditions.environment.get(OPTIONS, ""),
        ending=found.ending,
        peak_bytes=found.peak_bytes,
        limit_bytes=found.limit_bytes,
    )


def _lift_own_limit(found: Answer) -> Iterable[Step]:
    if found.requirement is not None and found.requirement.requirement_bytes is None:
        yield Step(
            do="Look for a limit that the worker sets itself (`ulimit -v`, RLIMIT_AS), and for one "
            "huge allocation in its traceback.",
            why="It ended no better under a much larger limit.",
        )


def _after_success(found: Answer) -> Iterable[Step]:
    yield Step(
        do="Run it with the limit, the settings and the snapshot of the worker that died.",
        why=f"Here it passes under {format_bytes(found.limit_bytes)}, so something differs.",
    )
