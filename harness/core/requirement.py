"""The requirement: the smallest memory limit that a worker passes with, and how it is found.

Unreclaimable memory must fit, so the peak of one run under a large limit predicts the requirement;
see docs/measurement.md for how well. The prediction is an interval: page cache that a worker brings
in counts towards the kernel's high-water counter, but is given back under pressure. Where the
interval is wider than 1 %, two runs at limits decide: one that passes, and one 1 % below that does
not.
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
_DEATHS: Final = frozenset({Ending.OOM_KILLED, Ending.MEMORY_ERROR})


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
        approximate: the sandbox's figures are not the kernel's own.
        reason: what to know about the figure, in a whole sentence; empty where there is nothing.

    """

    requirement_bytes: int | None
    method: Method
    killed_at_bytes: int | None = None
    approximate: bool = False
    reason: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the smallest limit that passes is within 1 % of the figure."""
        if self.requirement_bytes is None or self.killed_at_bytes is None:
            return False
        gap_bytes = self.requirement_bytes - self.killed_at_bytes
        return gap_bytes <= self.requirement_bytes * TOLERANCE + _PAGE_BYTES


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that must be tried before the requirement is known."""

    limit_bytes: int


def decide(ceiling: Run, trials: Sequence[Run]) -> Requirement | Trial:
    """Return the requirement, or the limit that is to be tried next.

    `ceiling` is a run under a limit far above; `trials` are the runs at the limits asked for so
    far, in order.
    """
    if not ceiling.completed or ceiling.peak_bytes is None:
        return _unknown(ceiling)
    for trial in trials:
        if not trial.completed and trial.ending not in _DEATHS:
            reason = f"A run at {_limit(trial)} ended otherwise: {trial.reason}."
            return _predicted(ceiling, reason)
    if _is_narrow(ceiling):
        return _predicted(ceiling, "")
    match [trial.completed for trial in trials]:
        case []:
            return Trial(limit_bytes=_pages_up(ceiling.peak_bytes * (1 + _MARGIN)))
        case [True]:
            return Trial(limit_bytes=_pages_down(_bytes(trials[0]) * (1 - TOLERANCE)))
        case [False]:
            return Trial(limit_bytes=_pages_up(_bytes(trials[0]) / (1 - TOLERANCE)))
        case [first, second]:
            return _settled(ceiling, trials[0], trials[1], passed=(first, second))
        case _:
            raise ValueError(f"{len(trials)} trials, where {MOST_TRIALS} are the most")


def _settled(ceiling: Run, first: Run, second: Run, *, passed: tuple[bool, bool]) -> Requirement:
    match passed:
        case (True, False):
            return _confirmed(ceiling, passed_at=first, killed_at=second)
        case (False, True):
            return _confirmed(ceiling, passed_at=second, killed_at=first)
        case (True, True):
            return Requirement(
                requirement_bytes=_bytes(second),
                method=Method.CONFIRMED,
                approximate=ceiling.approximate,
                reason=f"It passed at {_limit(second)} too, so it may need less still.",
            )
        case _:
            reason = f"It was killed at {_limit(first)} and at {_limit(second)}."
            killed_at_bytes = max(_bytes(first), _bytes(second))
            predicted = _predicted(ceiling, reason)
            return msgspec.structs.replace(predicted, killed_at_bytes=killed_at_bytes)


def _confirmed(ceiling: Run, *, passed_at: Run, killed_at: Run) -> Requirement:
    return Requirement(
        requirement_bytes=_bytes(passed_at),
        method=Method.CONFIRMED,
        killed_at_bytes=_bytes(killed_at),
        approximate=ceiling.approximate,
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
