"""The scaling laws of a report, as sentences and as what their plots show."""

from collections.abc import Iterable
from typing import Final

from harness.core.ending import Ending
from harness.core.fit import Shape
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.scaling import ScalingLaw
from harness.core.units import format_megabytes
from harness.reporters.html.shapes import Fit, Scaling
from harness.reporters.plain import one_line

_MIB: Final = 2**20
_MB: Final = 10**6
_TOO_LARGE: Final = frozenset({Ending.OOM_KILLED, Ending.HEAP_EXHAUSTED, Ending.MEMORY_ERROR})


def shown_laws(report: Report) -> tuple[ScalingLaw, ...]:
    """Return the laws of which something is known."""
    return tuple(law for law in report.laws if law.shape is not Shape.UNKNOWN)


def scaling_of(law: ScalingLaw, runs: Iterable[Run]) -> Scaling | None:
    """Return what the plot of a law shows; None where nothing was measured."""
    killed = tuple(
        (run.case.input_bytes / _MB, run.peak_bytes / _MIB)
        for run in runs
        if _is_of(law, run) and run.ending in _TOO_LARGE and run.peak_bytes is not None
    )
    if not law.points:
        return None
    is_line = law.is_line and law.base_bytes is not None and law.slope is not None
    return Scaling(
        points=tuple((point.input_bytes / _MB, point.peak_bytes / _MIB) for point in law.points),
        killed=killed,
        base_mib=(law.base_bytes or 0) / _MIB if is_line else None,
        mib_per_mb=(law.slope or 0.0) * _MB / _MIB if is_line else None,
        fits=tuple(
            Fit(
                limit=one_line(largest.limit_label),
                limit_mib=largest.limit_bytes / _MIB,
                largest_mb=None if largest.bytes is None else largest.bytes / _MB,
                text="" if largest.bytes is None else f"{format_megabytes(largest.bytes)} fit",
            )
            for largest in law.largest
        ),
    )


def _is_of(law: ScalingLaw, run: Run) -> bool:
    return (
        run.case.variant == law.variant
        and run.case.memory_limit_label in law.limits
        and run.purpose is Purpose.VERDICT
        and not run.case.more_snapshots
    )
