"""What to do next: the steps of the runbook that match what was found, and no others."""

from collections.abc import Iterable
from typing import Final, assert_never

from harness.core.answer import Answer, Step
from harness.core.ending import Ending, Killed
from harness.core.units import format_bytes

_BATCH: Final = "batch"
_MIB: Final = 2**20


def advise(found: Answer) -> tuple[Step, ...]:
    """Return the steps, the one that helps most first."""
    match found.ending:
        case Ending.OOM_KILLED | Ending.MEMORY_ERROR:
            return tuple(_after_death(found))
        case Ending.HEAP_EXHAUSTED:
            return (*_after_heap_limit(found), *_after_death(found))
        case Ending.COMPLETED:
            return tuple(_after_success(found))
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
    yield from _stream(found)
    yield from _reduce(found)
    yield from _guard(found)
    yield Step(
        do="Quarantine this snapshot, and process it later on a high-memory worker.",
        why="As it is, each retry dies the same way.",
    )
    yield from _raise(found)


def _stream(found: Answer) -> Iterable[Step]:
    against = found.against
    if against is not None:
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
    elif found.stopped_at is not None and found.stopped_at.path is None:
        yield Step(
            do="Parse the large arrays as a stream, element by element, instead of the whole "
            "file at once; try it here with --against.",
            why="At the limit the whole snapshot had been read, so all of it is held at once."
            if found.stopped_at.is_at_end
            else "How far it had read at the limit could not be seen; one that reads all of it at "
            "once holds all of it.",
        )


def _reduce(found: Answer) -> Iterable[Step]:
    at = found.stopped_at
    is_streaming = at is not None and at.path is not None
    if is_streaming and at is not None:
        yield Step(
            do=f"Look at what is kept while {at.path} is read: lists, caches, a batch that is "
            "never written.",
            why="The worker was reading bit by bit and died on the way, so it keeps what it has "
            "read.",
        )
    if is_streaming or any(_BATCH in word for word in found.command):
        yield Step(
            do="Halve the batch size of the upserts (100 to 50) and run again.",
            why="Rows that wait for their batch are held in memory.",
        )
    was_child = any(run.killed is Killed.CHILD for run in found.runs[:1])
    processes = len(found.autopsy.evidence.processes) if found.autopsy else 0
    if was_child or processes > 1:
        who = "a child of it was killed" if was_child else f"it had {processes}"
        yield Step(
            do="Run one process: set the concurrency to 1, and the pools of connections to 2.",
            why=f"The limit is shared by all processes of the worker, and {who}.",
        )


def _guard(found: Answer) -> Iterable[Step]:
    if found.largest_snapshot is not None and found.largest_snapshot.snapshot_bytes is not None:
        size_bytes = min(found.largest_snapshot.snapshot_bytes, found.snapshot.bytes)
        yield Step(
            do=f"Set the worker's size guard to {size_bytes / 10**6:,.1f} MB at most.",
            why="That is the largest snapshot that fits this limit, by what was measured here.",
        )


def _raise(found: Answer) -> Iterable[Step]:
    requirement = found.requirement
    if requirement is None or requirement.requirement_bytes is None:
        return
    # A tenth more, in whole MiB, rounded up.
    size_bytes = -(-requirement.requirement_bytes * 11 // (10 * _MIB)) * _MIB
    yield Step(
        do=f"Raise the limit to {format_bytes(size_bytes)} only if snapshots of this size are "
        "legitimate and cannot be streamed.",
        why=f"It needs {format_bytes(requirement.requirement_bytes)} "
        f"({requirement.method}); a tenth more leaves room.",
    )


def _after_heap_limit(found: Answer) -> Iterable[Step]:
    yield Step(
        do="Set --max-old-space-size to about three quarters of the container's limit: "
        f"{found.limit_bytes * 3 // 4 // _MIB} (in MiB) here.",
        why="V8 reached its own heap limit while the container had room left.",
    )


def _after_success(found: Answer) -> Iterable[Step]:
    yield Step(
        do="Run it with the limit, the settings and the snapshot of the worker that died.",
        why=f"Here it passes under {format_bytes(found.limit_bytes)}, so something differs.",
    )
