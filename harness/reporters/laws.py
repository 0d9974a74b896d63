"""What the laws of a report say, in the words of every report for people."""

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from harness.core.fit import Shape
from harness.core.growth import GrowthLaw
from harness.core.kept import Kept
from harness.core.largest import LargestSnapshot
from harness.core.report import Report
from harness.core.scaling import ScalingLaw
from harness.core.units import format_bytes, format_megabytes
from harness.reporters.plain import one_line

SCALING: Final = "Scaling"
GROWTH: Final = "From snapshot to snapshot"
_SOURCE_CHARACTERS: Final = 70


def scaling_lines(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each law's sentence with those on what fits, of workers run with several sizes."""
    return tuple(
        (describe_law(law), tuple(describe_largest(largest) for largest in law.largest))
        for law in report.laws
        if law.shape is not Shape.UNKNOWN
    )


def growth_lines(report: Report) -> tuple[str, ...]:
    """Return a sentence for each worker that got several snapshots."""
    return tuple(describe_growth(law) for law in report.growth)


def describe_law(law: ScalingLaw) -> str:
    """Return a law as ``full-parse: peak = 14.2 MiB + 7.91 x size (linear, within 0.4 %, ...)``."""
    return f"{law.variant}: {_formula(law)} ({', '.join(_footing(law))})"


def _formula(law: ScalingLaw) -> str:
    about = "~" if law.approximate else ""
    match law.shape:
        case Shape.LINEAR | Shape.UNCHECKED:
            if law.is_flat:
                highest = max(point.peak_bytes for point in law.points)
                return f"peak = {about}{format_bytes(highest)}, whatever the size"
            slope = law.slope or 0.0
            sign = "-" if slope < 0 else "+"
            return (
                f"peak = {about}{format_bytes(law.base_bytes or 0)} {sign} {abs(slope):.3g} x size"
            )
        case Shape.QUADRATIC:
            return "the peak grows with the square of the size"
        case Shape.STEP:
            return "the peak jumps between two sizes"
        case Shape.NOT_LINEAR:
            return "the peak follows no line in the size"
        case Shape.UNKNOWN:
            return "nothing is known of how the peak grows"
        case _ as never:
            assert_never(never)


def _footing(law: ScalingLaw) -> Iterator[str]:
    """Yield what a law stands on."""
    sizes = [format_megabytes(point.input_bytes) for point in law.points]
    span = f"{len(sizes)} sizes, {sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else "one size"
    if law.shape is Shape.UNCHECKED:
        yield "not checked, for two sizes always make a line"
    elif law.shape is Shape.LINEAR and not law.is_flat and law.error is not None:
        yield f"linear, within {law.error * 100:.2g} %"
    elif law.error is not None and not law.is_line:
        yield f"a line would be off by {law.error * 100:.2g} %"
    yield span
    if law.contradicted_by:
        numbers = ", ".join(str(number) for number in law.contradicted_by)
        yield f"run {numbers} was killed where a line says that it fits"


def describe_largest(largest: LargestSnapshot) -> str:
    """Return what fits one limit: ``largest snapshot that fits 512MiB: 54.1 MB``."""
    what = f"largest snapshot that fits {largest.limit_label}"
    if largest.bytes is None:
        return f"{what}: no number, for {largest.reason}{_bounds(largest)}"
    said = f"{what}: {format_megabytes(largest.bytes)}"
    if largest.beyond > 1:
        said += f", {largest.beyond:.2g} times beyond what completed"
    if largest.confirmed is not None:
        said += f" ({'confirmed' if largest.confirmed else 'not confirmed'}: "
        said += f"{largest.confirmation})"
    elif largest.confirmation:
        said += f" (neither confirmed nor not: {largest.confirmation})"
    return said


def _bounds(largest: LargestSnapshot) -> str:
    completed, killed = largest.largest_completed_bytes, largest.smallest_killed_bytes
    known = [
        f"{format_megabytes(completed)} fitted" if completed is not None else "",
        f"{format_megabytes(killed)} did not" if killed is not None else "",
    ]
    said = ", ".join(words for words in known if words)
    return f" ({said})" if said else ""


def describe_growth(law: GrowthLaw) -> str:
    """Return what a worker keeps from snapshot to snapshot."""
    growth, error = law.bytes_per_snapshot, law.error_bytes
    if growth is None or error is None:
        return f"{law.case}: growth is not known, for {law.reason}"
    numbers = f"{format_bytes(growth)} per snapshot, give or take {format_bytes(error)}"
    after = f"{len({point.index for point in law.points})} of them"
    if not law.is_leak:
        settles = growth > error
        verdict = "grows, but settles" if settles else "does not grow beyond the error"
        return f"{law.case}: memory {verdict} ({numbers}, after {after})"
    return f"{law.case}: memory grows by {numbers} (a leak; after {after}){_kept(law.kept)}"


def _kept(kept: Kept | None) -> str:
    """Return who keeps what a leak keeps, as far as a profiled pass told."""
    if kept is None:
        return ""
    if not kept.site:
        return f"; its line is not known: {kept.reason}"
    source = f" ({one_line(kept.source)[:_SOURCE_CHARACTERS]})" if kept.source else ""
    return (
        f"; {format_bytes(kept.bytes_per_snapshot)} of it are allocated at {kept.site}{source}, by "
        "a profiled pass"
    )


def law_properties(laws: Iterable[ScalingLaw]) -> Iterator[tuple[str, str]]:
    """Yield each law's numbers for machines, by names that hold the worker's."""
    for law in laws:
        if law.shape is Shape.UNKNOWN:
            continue
        where = f"scaling.{law.variant}"
        yield f"{where}.shape", law.shape
        if law.is_line and law.slope is not None:
            yield f"{where}.base_bytes", str(law.base_bytes)
            yield f"{where}.slope", f"{law.slope:.6g}"
        for largest in law.largest:
            if largest.bytes is not None:
                yield f"{where}.largest_bytes.{largest.limit_label}", str(largest.bytes)


def growth_properties(laws: Iterable[GrowthLaw]) -> Iterator[tuple[str, str]]:
    """Yield the growth of each case for machines."""
    for law in laws:
        if law.bytes_per_snapshot is not None:
            yield f"growth.{law.case}.bytes_per_snapshot", str(law.bytes_per_snapshot)
            yield f"growth.{law.case}.is_leak", "true" if law.is_leak else "false"
        if law.kept is not None and law.kept.site:
            yield f"growth.{law.case}.site", law.kept.site
