"""The largest snapshot that fits a limit: the number for a worker's size guard."""

from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.ending import Ending
from harness.core.fit import Line
from harness.core.run import Run
from harness.core.units import format_bytes, format_megabytes

# Beyond this many times what was measured, a line says nothing that one should rely on.
_FARTHEST: Final = 10.0
_BELOW_PERCENT: Final = 97
_ABOVE_PERCENT: Final = 103
# Ways to end that mean: it did not fit.
_TOO_LARGE: Final = {Ending.OOM_KILLED, Ending.HEAP_EXHAUSTED, Ending.MEMORY_ERROR}


class LargestSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The largest snapshot that fits one limit.

    Attributes:
        bytes: its size by the line, less what the line may be wrong by; None where `reason` says
            that it cannot be told.
        line_bytes: where the line meets the limit, with nothing taken off.
        beyond: how many times `bytes` is beyond the sizes that completed; 1 within them.
        largest_completed_bytes: the largest snapshot that was seen to fit this limit.
        smallest_killed_bytes: the smallest that was seen not to.
        confirmed: whether a run at 97 % of `bytes` completed and one at 103 % of `line_bytes` did
            not fit; None where such runs were not made, or say nothing.
        confirmation: what the confirming runs showed, in words.

    """

    limit_label: str
    limit_bytes: int
    bytes: int | None = None
    reason: str = ""
    line_bytes: int | None = None
    beyond: float = 1.0
    largest_completed_bytes: int | None = None
    smallest_killed_bytes: int | None = None
    confirmed: bool | None = None
    confirmation: str = ""

    @property
    def probe_bytes(self) -> tuple[int, ...]:
        """The sizes at which runs would confirm it, below and above; none if it is not known.

        The one above starts from where the line meets the limit. From `bytes`, which is less by the
        error, it could lie below the limit itself, and say nothing.
        """
        if self.bytes is None or self.line_bytes is None:
            return ()
        return (self.bytes * _BELOW_PERCENT // 100, self.line_bytes * _ABOVE_PERCENT // 100)


def measured_bounds(label: str, limit_bytes: int, runs: Sequence[Run]) -> LargestSnapshot:
    """Return what runs have shown of a limit: the largest that fitted, the smallest that did not.

    What completed below a lower limit, or needed less than this one, fits; what died of a higher
    limit, or needed more, does not.
    """
    fits = [run.case.input_bytes for run in runs if _fits(run, limit_bytes)]
    dies = [run.case.input_bytes for run in runs if _dies(run, limit_bytes)]
    return LargestSnapshot(
        limit_label=label,
        limit_bytes=limit_bytes,
        largest_completed_bytes=max(fits, default=None),
        smallest_killed_bytes=min(dies, default=None),
    )


def _fits(run: Run, limit_bytes: int) -> bool:
    held_bytes = run.case.memory_limit_bytes
    if not run.completed:
        return False
    if not run.is_polled and held_bytes is not None and held_bytes <= limit_bytes:
        return True
    return run.peak_bytes is not None and run.peak_bytes <= limit_bytes


def _dies(run: Run, limit_bytes: int) -> bool:
    held_bytes = run.case.memory_limit_bytes
    if run.ending is Ending.OOM_KILLED and held_bytes is not None and held_bytes >= limit_bytes:
        return True
    return (run.peak_bytes or 0) > limit_bytes and not _fits(run, limit_bytes)


def largest_on_line(
    bounds: LargestSnapshot, line: Line, *, margin: float, sizes: Sequence[int], is_flat: bool
) -> LargestSnapshot:
    """Return `bounds` with the largest snapshot that fits by `line`.

    `margin` is the share of the peak that the line, or a repeat, may be wrong by where it was
    measured, and as many times more as the size is beyond that: the size is that whose peak stays
    below the limit if it is. `sizes` are those that completed.
    """
    replace = msgspec.structs.replace
    measured = f"{format_megabytes(min(sizes))} to {format_megabytes(max(sizes))}"
    if is_flat or line.slope <= 0:
        reason = f"the size does not matter within what was measured, {measured}"
        return replace(bounds, reason=reason)
    size = _size_at(line, bounds.limit_bytes, margin)
    if size < 1:
        base = format_bytes(round(line.base))
        return replace(bounds, reason=f"the worker needs {base} before it has read anything")
    beyond = max(1.0, size / max(sizes), min(sizes) / size)
    if beyond > 1:
        # What a line is off by where it was measured, it is off by more the farther from there.
        size = _size_at(line, bounds.limit_bytes, margin * beyond)
        beyond = max(1.0, size / max(sizes), min(sizes) / max(size, 1))
    if size < 1:
        reason = f"it is too far below what was measured, {measured}, for the line to tell"
        return replace(bounds, reason=reason)
    if beyond > _FARTHEST:
        reason = f"it is more than {_FARTHEST:g} times beyond what was measured, {measured}"
        return replace(bounds, reason=reason)
    meets = (bounds.limit_bytes - line.base) / line.slope
    return replace(bounds, bytes=int(size), line_bytes=int(meets), beyond=round(beyond, 3))


def _size_at(line: Line, limit_bytes: int, margin: float) -> float:
    return (limit_bytes / (1 + margin) - line.base) / line.slope


def confirmed(largest: LargestSnapshot, variant: str, runs: Sequence[Run]) -> LargestSnapshot:
    """Return `largest` with what confirming runs have shown of it."""
    ends = [
        next((run for run in runs if _is_probe(run, variant, largest, size)), None)
        for size in largest.probe_bytes
    ]
    if not ends or any(run is None for run in ends):
        return largest
    below, above = (run.ending for run in ends if run is not None)
    words = f"at {_BELOW_PERCENT} % it {_ended(below)}, at {_ABOVE_PERCENT} % it {_ended(above)}"
    fits = True if below is Ending.COMPLETED else False if below in _TOO_LARGE else None
    dies = True if above in _TOO_LARGE else False if above is Ending.COMPLETED else None
    if False in (fits, dies):
        verdict: bool | None = False
    else:
        verdict = True if fits and dies else None
    return msgspec.structs.replace(largest, confirmed=verdict, confirmation=words)


def _is_probe(run: Run, variant: str, largest: LargestSnapshot, size: int) -> bool:
    case = run.case
    return (case.variant, case.memory_limit_bytes, case.input_bytes) == (
        variant,
        largest.limit_bytes,
        size,
    )


def _ended(ending: Ending | None) -> str:
    match ending:
        case None:
            return "had no ending"
        case Ending.COMPLETED:
            return "completed"
        case Ending.OOM_KILLED:
            return "was OOM-killed"
        case _:
            return f"ended {ending}"
