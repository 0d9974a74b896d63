"""How a profiled pass came to its end, and what that makes of its profile."""

import enum
from typing import assert_never

from harness.core.autopsy import Autopsy
from harness.core.ending import Ending
from harness.core.run import Run
from harness.core.units import format_bytes


class PassEnd(enum.Enum):
    """Where a profiled pass stopped.

    Attributes:
        AT_LIMIT: it was caught at its limit and what profiling costs, and killed there.
        COMPLETED: the worker completed.
        AS_BEFORE: it died as it had without a profiler.
        TIMED_OUT: it was slower with a profiler, and out of time.
        OTHERWISE: it ended in a way that it does not end in without a profiler.

    """

    AT_LIMIT = "at limit"
    COMPLETED = "completed"
    AS_BEFORE = "as before"
    TIMED_OUT = "timed out"
    OTHERWISE = "otherwise"


def end_of_pass(run: Run, verdict: Run, caught: Autopsy | None) -> PassEnd:
    """Return how the profiled `run` ended, beside the one that gave the verdict."""
    if caught is not None:
        return PassEnd.AT_LIMIT
    if run.completed:
        return PassEnd.COMPLETED
    if run.ending is verdict.ending:
        return PassEnd.AS_BEFORE
    return PassEnd.TIMED_OUT if run.ending is Ending.TIMED_OUT else PassEnd.OTHERWISE


def note_on_end(end: PassEnd, verdict: Run, caught: Autopsy | None, same: bool | None) -> str:
    """Return what a reader must know of how the pass ended, in whole sentences; else nothing.

    `same` says whether it stood in the same code as the worker without a profiler.
    """
    match end:
        case PassEnd.AT_LIMIT:
            words = (_far(caught), _elsewhere(same))
            return " ".join(filter(None, words))
        case PassEnd.COMPLETED:
            if verdict.completed:
                return ""
            return (
                "With a profiler the worker never held more than its limit and what profiling "
                "costs, so this is not of its death."
            )
        case PassEnd.AS_BEFORE:
            return ""
        case PassEnd.TIMED_OUT:
            return (
                "With a profiler the worker ran out of time, so this is of what was alive then, "
                "not of its death."
            )
        case PassEnd.OTHERWISE:
            return ""  # there is no profile then
        case _ as never:
            assert_never(never)


def _far(caught: Autopsy | None) -> str:
    if caught is None or caught.standstill.is_at_limit:
        return ""
    over = format_bytes(abs(caught.standstill.overshoot_bytes))
    side = "above" if caught.standstill.overshoot_bytes > 0 else "below"
    return f"It stood {over} {side} its limit, which is more than 1 %."


def _elsewhere(same: bool | None) -> str:
    if same is None:
        return (
            "Whether it stood in the same code as the run without a profiler cannot be told: one "
            "of them has no stack."
        )
    return (
        "" if same else "It stood in other code at its limit than the run without a profiler did."
    )


def disturbed(run: Run, profiler: str, *, goes_on: bool) -> str:
    """Return that a profiler made the worker end otherwise, in whole sentences."""
    last = run.output.stderr_tail.strip().splitlines()[-1:] if run.output.stderr_tail else []
    words = f": {last[0][:200]}" if last else ""
    then = "tracemalloc was tried instead" if goes_on else "there is no heap profile of its death"
    return f"With {profiler} in it the worker ended otherwise ({run.reason}{words}), so {then}."
