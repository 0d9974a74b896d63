"""What a picture of the runs shows, before anything is drawn: panels, lines, limits and marks."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from harness.core.ending import Ending, Killed
from harness.core.peaks import Sample
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.reporters.plain import one_line
from harness.reporters.words import (
    VERDICTS,
    describe_conditions,
    describe_variants,
    list_runs,
    sentence_of,
)

_MIB: Final = 2**20
# More points than a panel is wide cannot be seen.
_POINTS: Final = 800


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its memory over time, and what became of it at the end.

    Attributes:
        variant: index of the picture's variant that ran.
        at_s: seconds since the start; a run without a timeline has one point, its peak.
        mib: unreclaimable memory in MiB, at the same times.
        ending: what the mark at the end says; None where there is no verdict.
        confirming: the run was made under a budget's size to decide it.

    """

    variant: int
    at_s: tuple[float, ...]
    mib: tuple[float, ...]
    ending: Ending | None
    confirming: bool


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one snapshot, and the limits that they ran under, in MiB by name."""

    title: str
    lines: tuple[Line, ...]
    limits: dict[str, float]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A report's runs over time: a panel for each snapshot, in order of size."""

    title: tuple[str, ...]
    variants: tuple[str, ...]
    panels: tuple[Panel, ...]
    missing: str


def picture_of(report: Report, timelines: Mapping[int, Sequence[Sample]]) -> Picture:
    """Return what to draw of a report; `timelines` are by the number of the run.

    Of a run without a timeline its peak is shown, and of one without a peak nothing. What a
    profiler held is no memory of the worker's, so profiled passes are left out.
    """
    runs = [run for run in report.runs if run.purpose is not Purpose.PROFILE]
    drawn: list[tuple[Run, str, Sequence[tuple[float, float]]]] = []
    for run, variant in zip(runs, describe_variants(runs), strict=True):
        if points := _points_of(run, timelines.get(run.number, ())):
            drawn.append((run, variant, points))
    variants = tuple(dict.fromkeys(variant for _, variant, _ in drawn))
    panels: dict[tuple[int, str], list[tuple[Run, Line]]] = {}
    for run, variant, points in drawn:
        line = _line_of(run, variants.index(variant), points)
        panels.setdefault((run.case.input_bytes, run.case.snapshot_label), []).append((run, line))
    missing = sorted({run.number for run in runs} - {run.number for run, _, _ in drawn})
    return Picture(
        title=_title(report),
        variants=variants,
        panels=tuple(_panel_of(label, of_size) for (_, label), of_size in sorted(panels.items())),
        missing=f"not drawn, for nothing was measured: {list_runs(missing)}" if missing else "",
    )


def _title(report: Report) -> tuple[str, ...]:
    return (
        one_line(f"{report.scenario}: unreclaimable memory over time, against the limit"),
        f"{VERDICTS[report.verdict]}: {sentence_of(report)}",
        ", ".join(describe_conditions(report.conditions)[:4]),
    )


def _panel_of(label: str, drawn: Sequence[tuple[Run, Line]]) -> Panel:
    limits = {
        one_line(run.case.memory_limit_label): run.case.memory_limit_bytes / _MIB
        for run, _ in drawn
        if run.case.memory_limit_bytes is not None
    }
    return Panel(title=one_line(label), lines=tuple(line for _, line in drawn), limits=limits)


def _line_of(run: Run, variant: int, points: Sequence[tuple[float, float]]) -> Line:
    return Line(
        variant=variant,
        at_s=tuple(at_s for at_s, _ in points),
        mib=tuple(mib for _, mib in points),
        ending=run.ending,
        confirming=run.purpose is Purpose.CONFIRMATION,
    )


def _points_of(run: Run, samples: Sequence[Sample]) -> Sequence[tuple[float, float]]:
    """Return the points of a run as seconds and MiB; of one without samples, its peak alone."""
    if samples:
        lived = thin(lived_samples(run, samples), _POINTS)
        return [(sample.at_s, sample.unreclaimable_bytes / _MIB) for sample in lived]
    return [] if run.peak_bytes is None else [(run.wall_seconds, run.peak_bytes / _MIB)]


def lived_samples(run: Run, samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the worker's life: a killed one gives all back after its largest."""
    if run.killed is not Killed.MAIN or not samples:
        return samples
    return samples[: index_of_top(samples) + 1]


def index_of_top(samples: Sequence[Sample]) -> int:
    """Return where the largest sample is."""
    return max(range(len(samples)), key=lambda index: samples[index].unreclaimable_bytes)


def thin(samples: Sequence[Sample], points: int) -> Sequence[Sample]:
    """Return the largest sample of each short stretch, with the first and the last of all."""
    if len(samples) <= points:
        return samples
    step = -(-len(samples) // (points - 2))
    largest = (
        max(samples[start : start + step], key=lambda sample: sample.unreclaimable_bytes)
        for start in range(0, len(samples), step)
    )
    return (samples[0], *largest, samples[-1])
