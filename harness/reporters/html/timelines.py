"""From the samples of a case's runs to its timeline: curves, the limit, the read offset, marks."""

from collections.abc import Callable, Sequence
from typing import Final

from harness.core.ending import Ending
from harness.core.peaks import Sample
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes, format_seconds
from harness.reporters.html.shapes import Curve, Mark, MarkKind, Sketch, Timeline
from harness.reporters.picture import index_of_top, lived_samples, thin
from harness.reporters.plain import one_line
from harness.reporters.words import ENDINGS

Samples = Callable[[Run], Sequence[Sample] | None]
"""Returns the samples of a run, where they can be read."""

_MIB: Final = 2**20
POINTS: Final = 400
SKETCH_POINTS: Final = 64
_READ_POINTS: Final = 24
_MOST_CURVES: Final = 5
# A worker this near to its limit has reached it: charges are batched.
_REACHED: Final = 0.99
WIDTH: Final = 600
HEIGHT: Final = 120


def timeline_of(
    worst: Run, repeats: Sequence[Run], samples_of: Samples, *, points: int = POINTS
) -> Timeline | None:
    """Return the timeline of a case; `worst` is the run that its marks are of.

    Of each curve about as many `points` are kept. None where nothing was sampled.
    """
    samples = lived_samples(worst, samples_of(worst) or ())
    if not samples:
        return None
    others = [run for run in repeats if run is not worst][: _MOST_CURVES - 1]
    seen = [(run, samples_of(run) or ()) for run in others]
    curves = [_curve(worst, samples, points)]
    curves += [_curve(run, lived_samples(run, of_run), points) for run, of_run in seen if of_run]
    limit_bytes = worst.case.memory_limit_bytes
    return Timeline(
        curves=tuple(curves),
        limit_mib=None if limit_bytes is None else limit_bytes / _MIB,
        limit=one_line(worst.case.memory_limit_label),
        marks=_marks(worst, samples),
        openings_s=_openings(samples),
    )


def _curve(run: Run, samples: Sequence[Sample], points: int) -> Curve:
    kept = thin(samples, points)
    size_bytes = max(1, run.case.snapshot.bytes)
    read = (
        ()
        if run.case.more_snapshots
        else tuple(
            None if sample.offset_bytes is None else min(1.0, sample.offset_bytes / size_bytes)
            for sample in kept
        )
    )
    return Curve(
        at_s=tuple(round(sample.at_s, 4) for sample in kept),
        mib=tuple(round(sample.unreclaimable_bytes / _MIB, 3) for sample in kept),
        read=read if any(share is not None for share in read) else (),
    )


def _marks(run: Run, samples: Sequence[Sample]) -> tuple[Mark, ...]:
    top, last = samples[index_of_top(samples)], samples[-1]
    peak = format_bytes(top.unreclaimable_bytes)
    marks = []
    limit_bytes = run.case.memory_limit_bytes
    reached = next(
        (s for s in samples if limit_bytes and s.unreclaimable_bytes >= limit_bytes * _REACHED),
        None,
    )
    if reached is not None:
        text = f"limit reached after {format_seconds(reached.at_s)}"
        marks.append(_mark(MarkKind.LIMIT, reached, text))
    if run.purpose is Purpose.PROFILE:
        marks.append(_mark(MarkKind.PROFILE, top, f"profile peak {peak}"))
    elif run.ending is not Ending.OOM_KILLED:
        marks.append(_mark(MarkKind.PEAK, top, f"peak {peak}"))
    after = format_seconds(last.at_s)
    if run.ending is Ending.OOM_KILLED:
        marks.append(_mark(MarkKind.KILLED, last, f"OOM-killed after {after}"))
    elif not run.completed:
        marks.append(_mark(MarkKind.ENDED, last, f"{ENDINGS[run.ending]} after {after}"))
    return tuple(marks)


def _mark(kind: MarkKind, sample: Sample, text: str) -> Mark:
    return Mark(kind=kind, at_s=sample.at_s, mib=sample.unreclaimable_bytes / _MIB, text=text)


def _openings(samples: Sequence[Sample]) -> tuple[float, ...]:
    """Return when another snapshot was opened, of those that are seen in the samples."""
    opened: list[float] = []
    before: int | None = None
    for sample in samples:
        index = sample.snapshot_index
        if index is not None and before is not None and index != before:
            opened.append(sample.at_s)
        before = index if index is not None else before
    return tuple(opened)


def sketch_of(timeline: Timeline) -> Sketch:
    """Return a timeline as lines in a small box, drawn by the page itself."""
    end_s = timeline.end_s
    highest = max(max(curve.mib) for curve in timeline.curves)
    limit = timeline.limit_mib
    in_view = limit is not None and limit <= 4 * highest
    top = 1.1 * max(highest, limit if limit is not None and in_view else 0.0, 0.001)

    def x(at_s: float) -> float:
        return round(at_s / end_s * WIDTH, 1)

    def y(share: float) -> float:
        return round(HEIGHT * (1 - share), 1)

    main = timeline.curves[0]
    step = -(-len(main.read) // _READ_POINTS) or 1
    known = [
        (x(at), y(share))
        for at, share in zip(main.at_s, main.read, strict=False)
        if share is not None
    ]
    read = [*known[::step], *known[-1:]]
    return Sketch(
        lines=tuple(
            _points([(x(at), y(mib / top)) for at, mib in _thinned(curve)])
            for curve in timeline.curves
        ),
        read=_points(read),
        limit_y=None if limit is None or not in_view else y(limit / top),
        marks=tuple((m.kind.value, x(m.at_s), y(m.mib / top), m.text) for m in timeline.marks),
        top=format_bytes(round(top * _MIB)),
        end=format_seconds(end_s),
    )


def _thinned(curve: Curve) -> list[tuple[float, float]]:
    """Return the highest point of each stretch of a curve."""
    points = list(zip(curve.at_s, curve.mib, strict=True))
    if len(points) <= SKETCH_POINTS:
        return points
    step = -(-len(points) // SKETCH_POINTS)
    highest = [
        max(points[start : start + step], key=lambda point: point[1])
        for start in range(0, len(points), step)
    ]
    return [points[0], *highest, points[-1]]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
