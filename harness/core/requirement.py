"""The requirement: the smallest memory limit that a worker passes with, and how it is found.

Unreclaimable memory must fit, so the peak of one run under a large limit predicts the requirement;
see docs/measurement.md for how well. The prediction is an interval: page cache that a worker brings
in counts towards the kernel's high-water counter, but is given back under pressure. Where the
interval is wider than 1 %, two runs at limits decide: one that passes, and one 1 % below that does
not.

One run predicts less of two kinds of workers. Several processes need not hold their most at the
same time again, so a run at the answer confirms it or denies it. And a runtime that collects its
garbage as late as its limit allows needs less than it takes: its runs at limits say how much less,
roughly.
"""

import enum
from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.ending import Ending
from harness.core.run import Run
from harness.core.units import format_bytes

TOLERANCE: Final = 0.01
MOST_TRIALS: Final = 2
# Above the largest sample: what is charged between two samples and at the limit itself.
_MARGIN: Final = 0.0075
_PAGE_BYTES: Final = 4096
_DEATHS: Final = frozenset({Ending.OOM_KILLED, Ending.MEMORY_ERROR, Ending.HEAP_EXHAUSTED})
# Where the answer was denied, a limit so much above it is tried: processes seldom coincide worse.
_FAR_ABOVE: Final = 1.25
# Of a worker that takes what it is given: the first share of its peak that is tried, and how the
# next differs from it. What remains unknown between two of them is a thirteenth.
_LESS: Final = 0.86
_STEP: Final = 0.925


class Method(enum.StrEnum):
    """How a requirement is known: `PREDICTED` from one run's peak, or `CONFIRMED` at the limit."""

    PREDICTED = "predicted"
    CONFIRMED = "confirmed"


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest limit that passes.

    Attributes:
        requirement_bytes: a limit that passes, and that is at most 1 % above the smallest that
            does where `is_exact`; None where `reason` says why it is not known.
        killed_at_bytes: the largest limit at which the worker was killed, or that is below what it
            was seen to hold; None where nothing is known.
        method: how it is known.
        is_exact: whether the smallest limit that passes is known to be within 1 % of the figure.
        approximate: the sandbox's figures are not the kernel's own.
        reason: what to know about the figure, in a whole sentence; empty where there is nothing.

    """

    requirement_bytes: int | None
    method: Method
    killed_at_bytes: int | None = None
    is_exact: bool = False
    approximate: bool = False
    reason: str = ""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that must be tried before the requirement is known."""

    limit_bytes: int


def decide(ceiling: Run, trials: Sequence[Run], *, takes_what_it_gets: bool) -> Requirement | Trial:
    """Return the requirement, or the limit that is to be tried next.

    `ceiling` is a run under a limit far above; `trials` are the runs at the limits asked for so
    far, in order. `takes_what_it_gets`: the worker's runtime collects garbage the later, the more
    memory it may have.
    """
    if not ceiling.completed or ceiling.peak_bytes is None:
        return _unknown(ceiling)
    if len(trials) > MOST_TRIALS:
        raise ValueError(f"{len(trials)} trials, where {MOST_TRIALS} are the most")
    for trial in trials:
        if not trial.completed and trial.ending not in _DEATHS:
            reason = f"A run at {_limit(trial)} ended otherwise: {trial.reason}."
            return _checked(_predicted(ceiling, reason), trials)
    if takes_what_it_gets:
        return _bracket(ceiling, trials)
    if ceiling.processes <= 1 and _is_narrow(ceiling):
        return _checked(_predicted(ceiling, ""), trials)
    return _confirm(ceiling, trials)


def _confirm(ceiling: Run, trials: Sequence[Run]) -> Requirement | Trial:
    """Return the next limit of two that are 1 % apart, or what they have said."""
    several = ceiling.processes > 1
    match [trial.completed for trial in trials]:
        case []:
            is_known = _is_narrow(ceiling) and ceiling.peak_upper_bytes is not None
            size = ceiling.peak_upper_bytes if is_known else None
            return Trial(limit_bytes=_pages_up(size or (ceiling.peak_bytes or 0) * (1 + _MARGIN)))
        case [True]:
            return Trial(limit_bytes=_pages_down(_bytes(trials[0]) * (1 - TOLERANCE)))
        case [False]:
            return Trial(limit_bytes=_pages_up(_above(ceiling, trials[0])))
        case [True, True]:
            reason = f"It passed at {_limit(trials[1])} too, so it may need less still."
            return _checked(_passed(ceiling, trials, reason), trials)
        case [False, False]:
            reason = f"It was killed at {_limit(trials[0])} and at {_limit(trials[1])}."
            return _checked(_predicted(ceiling, reason), trials)
        case [False, True] if several:
            reason = (
                f"It had {ceiling.processes} processes, which do not hold their most at the same "
                f"time in each run: it held {format_bytes(ceiling.peak_bytes or 0)} at most once, "
                f"and was killed at {_limit(trials[0])} another time."
            )
            return _checked(_passed(ceiling, trials, reason), trials)
        case _:
            return _checked(_passed(ceiling, trials, ""), trials)


def _above(ceiling: Run, killed: Run) -> float:
    """Return the limit to try after a kill."""
    if ceiling.processes <= 1:
        return _bytes(killed) / (1 - TOLERANCE)
    far_bytes = _bytes(killed) * _FAR_ABOVE
    # Once it needed no more than the upper end: the samples may have missed the moment at which
    # all its processes held their most.
    upper_bytes = ceiling.peak_upper_bytes or 0
    return min(upper_bytes, far_bytes) if upper_bytes > _bytes(killed) else far_bytes


def _bracket(ceiling: Run, trials: Sequence[Run]) -> Requirement | Trial:
    """Return the next limit, well apart from the last, or what they have said."""
    peak_bytes = ceiling.peak_bytes or 0
    match [trial.completed for trial in trials]:
        case []:
            return Trial(limit_bytes=_pages_up(peak_bytes * _LESS))
        case [True]:
            return Trial(limit_bytes=_pages_up(_bytes(trials[0]) * _STEP))
        case [False]:
            return Trial(limit_bytes=_pages_up(_bytes(trials[0]) / _STEP))
        case _:
            reason = (
                "Its runtime takes more memory where it may have more, so the smallest limit is "
                "known roughly only."
            )
            if any(trial.completed for trial in trials):
                return _checked(_passed(ceiling, trials, reason), trials)
            # That it held so much does not mean that it needed it.
            predicted = msgspec.structs.replace(_predicted(ceiling, reason), killed_at_bytes=None)
            return _checked(predicted, trials)


def _passed(ceiling: Run, trials: Sequence[Run], reason: str) -> Requirement:
    """Return the smallest limit at which a trial passed."""
    return Requirement(
        requirement_bytes=min(_bytes(trial) for trial in trials if trial.completed),
        method=Method.CONFIRMED,
        approximate=ceiling.approximate,
        reason=reason,
    )


def _checked(found: Requirement, trials: Sequence[Run]) -> Requirement:
    """Return `found` with what the trials say against it, and whether that makes it exact."""
    killed = [_bytes(trial) for trial in trials if not trial.completed]
    killed_at_bytes = max((*killed, found.killed_at_bytes or 0)) or None
    needed_bytes = found.requirement_bytes
    if killed_at_bytes is None or needed_bytes is None:
        return found
    if killed and max(killed) >= needed_bytes:
        # It would be a limit under which the worker was seen to die.
        return msgspec.structs.replace(
            found,
            requirement_bytes=None,
            killed_at_bytes=max(killed),
            reason=f"{found.reason} What it needs differs from run to run: another held "
            f"{format_bytes(needed_bytes)} at most. Run it again for other figures.".strip(),
        )
    gap_bytes = needed_bytes - killed_at_bytes
    return msgspec.structs.replace(
        found,
        killed_at_bytes=killed_at_bytes,
        is_exact=gap_bytes <= needed_bytes * TOLERANCE + _PAGE_BYTES,
    )


def _is_narrow(run: Run) -> bool:
    if run.peak_bytes is None or run.peak_upper_bytes is None:
        return False
    return run.peak_upper_bytes - run.peak_bytes <= run.peak_bytes * TOLERANCE


def _predicted(ceiling: Run, reason: str) -> Requirement:
    """Return the upper end of the interval: it passes for sure, where it is known."""
    upper_bytes = ceiling.peak_upper_bytes
    if upper_bytes is None:
        return Requirement(
            requirement_bytes=None,
            method=Method.PREDICTED,
            killed_at_bytes=ceiling.peak_bytes,
            approximate=ceiling.approximate,
            reason=f"{reason} Its peak has no known upper end here.".strip(),
        )
    return Requirement(
        requirement_bytes=_pages_up(upper_bytes),
        method=Method.PREDICTED,
        killed_at_bytes=ceiling.peak_bytes,
        approximate=ceiling.approximate,
        reason=reason,
    )


def _unknown(ceiling: Run) -> Requirement:
    limit = _limit(ceiling)
    if ceiling.ending is Ending.OOM_KILLED:
        reason = f"It needs more than {limit}, which was the ceiling; give a larger --ceiling."
    else:
        reason = f"Under the ceiling of {limit} it did not complete: {ceiling.reason}."
    return Requirement(
        requirement_bytes=None,
        method=Method.PREDICTED,
        killed_at_bytes=ceiling.peak_bytes if ceiling.ending is Ending.OOM_KILLED else None,
        approximate=ceiling.approximate,
        reason=reason,
    )


def _bytes(run: Run) -> int:
    return run.case.memory_limit_bytes or 0


def _limit(run: Run) -> str:
    return format_bytes(_bytes(run))


def _pages_up(size: float) -> int:
    return -int(-size // _PAGE_BYTES) * _PAGE_BYTES


def _pages_down(size: float) -> int:
    return int(size // _PAGE_BYTES) * _PAGE_BYTES
