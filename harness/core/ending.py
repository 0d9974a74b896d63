"""How a run ended: what the kernel, the engine and the exit said, and what follows from it."""

import enum
import itertools
import re
import signal
from typing import Final, assert_never

import msgspec


class Ending(enum.StrEnum):
    """What became of the worker."""

    COMPLETED = "completed"
    OOM_KILLED = "oom_killed"
    KILLED_FROM_OUTSIDE = "killed_from_outside"
    HEAP_EXHAUSTED = "heap_exhausted"
    MEMORY_ERROR = "memory_error"
    REFUSED = "refused"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"


class LimitReached(enum.StrEnum):
    """Whose limit was hit when the kernel killed something of this sandbox."""

    OWN = "own"
    OTHER = "other"
    UNKNOWN = "unknown"


class Killed(enum.StrEnum):
    """Which process of the sandbox was killed over its limit."""

    MAIN = "main"
    CHILD = "child"


class ExitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a worker's end.

    Attributes:
        exit_code: of the main process; 128 + n where signal n ended it; None if it was not seen.
        signal: the signal that ended the main process, or None.
        signal_is_known: False where the engine cannot tell "exit 137" from "killed by signal 9".
        oom_kills: kills by the kernel's OOM killer, counted in the run's own group.
        limit_reached: whose limit these kills were for; means nothing while `oom_kills` is 0.
        killed_over_limit: the harness itself killed the worker over its limit (process sandbox).
        stopped_after_kill: the harness ended what was left some time after the kernel's kill.
        hit_deadline: the worker ran longer than its time and was stopped for it.
        stderr_tail: the end of the worker's error stream.

    """

    exit_code: int | None
    signal: int | None = None
    signal_is_known: bool = True
    oom_kills: int = 0
    limit_reached: LimitReached = LimitReached.UNKNOWN
    killed_over_limit: bool = False
    stopped_after_kill: bool = False
    hit_deadline: bool = False
    stderr_tail: str = ""


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """The ending that the facts allow, or None with the reason why nothing can be said."""

    ending: Ending | None
    reason: str
    killed: Killed | None = None


EXIT_REFUSED: Final = 75
# torch's OutOfMemoryError is about another memory, and no MemoryError.
_MEMORY_ERROR: Final = re.compile(r"(?:[\w.]+\.)?\w*(?<!OutOf)MemoryError(?::.*)?")
_TRACEBACK: Final = "Traceback (most recent call last):"
# What stands above a traceback that ended something less than the worker.
_NOT_AT_THE_TOP: Final = ("Exception ignored in", "Exception in thread")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_V8_LIMIT: Final = ("JavaScript heap out of memory", "Reached heap limit")
# The function that gives up for it tops the native stack, all that is left of a stream cut short.
_V8_HANDLER: Final = re.compile(r" *1: 0x[0-9a-f]+ node::OOMErrorHandler\(.*")
# A worker thread of Node.js has a heap of its own, and its end is an ordinary exception.
_V8_THREAD: Final = "[ERR_WORKER_OUT_OF_MEMORY]"


def conclude(facts: ExitFacts) -> Conclusion:
    """Return what `facts` say of the run: the kernel's word first, then ours, then the exit's."""
    if facts.oom_kills:
        return _conclude_kill(facts)
    if facts.killed_over_limit:
        return Conclusion(
            ending=Ending.OOM_KILLED,
            reason="the harness killed the worker when it was seen over its limit",
            killed=Killed.MAIN,
        )
    if facts.hit_deadline:
        return Conclusion(ending=Ending.TIMED_OUT, reason="the worker ran longer than its time")
    return _conclude_exit(facts)


def _conclude_kill(facts: ExitFacts) -> Conclusion:
    was_main = facts.signal == signal.SIGKILL and not facts.stopped_after_kill
    killed = Killed.MAIN if was_main else Killed.CHILD
    match facts.limit_reached:
        case LimitReached.OWN:
            who = "the main process" if killed is Killed.MAIN else "a child process"
            return Conclusion(
                ending=Ending.OOM_KILLED,
                reason=f"the kernel killed {who} for this sandbox's limit",
                killed=killed,
            )
        case LimitReached.OTHER:
            return Conclusion(
                ending=Ending.KILLED_FROM_OUTSIDE,
                reason="the kernel killed a process of this sandbox, but for the limit of a group "
                "above it or for the whole machine; free memory there and run again",
                killed=killed,
            )
        case LimitReached.UNKNOWN:
            return Conclusion(
                ending=None,
                reason="the kernel killed a process of this sandbox, but whether for its own limit "
                "or for one above it cannot be told; run again where no group above has a limit",
                killed=killed,
            )
        case _ as never:
            assert_never(never)


def _conclude_exit(facts: ExitFacts) -> Conclusion:
    if facts.exit_code is None:
        return Conclusion(ending=None, reason="the worker's exit was not seen")
    if facts.exit_code == 0:
        return Conclusion(ending=Ending.COMPLETED, reason="the worker exited with 0")
    if facts.exit_code == 128 + signal.SIGKILL and not facts.signal_is_known:
        return Conclusion(
            ending=None,
            reason="the exit code is 137 and no kill was counted: whether the worker was killed or "
            "exited so cannot be told from this engine",
        )
    if facts.signal == signal.SIGKILL:
        return Conclusion(
            ending=Ending.KILLED_FROM_OUTSIDE,
            reason="somebody else sent SIGKILL: the kernel counted no kill for memory",
        )
    if _exhausted_heap(facts.stderr_tail):
        return Conclusion(
            ending=Ending.HEAP_EXHAUSTED,
            reason="V8 reached its own heap limit; the container's limit was not the cause",
        )
    if facts.exit_code == 1 and _died_of_memory_error(facts.stderr_tail):
        return Conclusion(
            ending=Ending.MEMORY_ERROR, reason="Python's MemoryError reached the top of the worker"
        )
    if facts.exit_code == EXIT_REFUSED:
        return Conclusion(
            ending=Ending.REFUSED, reason="the worker's own size guard refused the snapshot"
        )
    return Conclusion(ending=Ending.CRASHED, reason=_describe_crash(facts))


def _exhausted_heap(stderr_tail: str) -> bool:
    return any(
        (line.startswith("FATAL ERROR:") and any(words in line for words in _V8_LIMIT))
        or (line.startswith("Error ") and _V8_THREAD in line)
        or _V8_HANDLER.match(line)
        for line in stderr_tail.splitlines()
    )


def _died_of_memory_error(stderr_tail: str) -> bool:
    """Whether the last traceback of the worker itself ended in a MemoryError or one derived."""
    lines = [line for line in _COLOUR.sub("", stderr_tail).splitlines() if line.strip()]
    for index in reversed(range(len(lines))):
        is_below = index > 0 and lines[index - 1].startswith(_NOT_AT_THE_TOP)
        if lines[index].startswith(_TRACEBACK) and not is_below:
            below = itertools.islice(lines, index + 1, None)
            last = next((line for line in below if not line[0].isspace()), "")
            return _MEMORY_ERROR.fullmatch(last) is not None
    return False


def _describe_crash(facts: ExitFacts) -> str:
    if facts.signal is None:
        return f"the worker exited with {facts.exit_code}"
    try:
        name = signal.Signals(facts.signal).name
    except ValueError:
        name = f"signal {facts.signal}"
    return f"{name} ended the worker"
